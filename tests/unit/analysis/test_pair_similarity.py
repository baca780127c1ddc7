from dataclasses import replace

import numpy as np
import pytest

from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.estimates.pair_similarity import pair_similarity as rows_of
from plausibrain.analysis.headlines.pair_similarity import pair_similarity
from plausibrain.analysis.pair_similarity import mean_similarity, similarity_names
from plausibrain.analysis.settings import Settings
from plausibrain.generation.demo_cohorts import table_cohort
from tests.unit.analysis.factory import pairs_of
from tests.unit.analysis.feature_factory import with_pairs

SETTINGS = Settings(n_resamples=400, n_splits=40)
BASE, OTHER = table_cohort(80, seed=1, name="r"), table_cohort(90, seed=2, name="g")
REFERENCE = with_pairs(BASE, 1)


def test_the_estimate_is_the_plain_mean_over_pairs():
    generated = with_pairs(OTHER, 2, shift=0.1)
    pairs = pairs_of(REFERENCE, generated, SETTINGS)
    assert similarity_names(pairs.full.frame) == ("four_component_gradient", "ms_ssim")
    expected = generated.pairs["ms_ssim"].mean() - REFERENCE.pairs["ms_ssim"].mean()
    assert pair_similarity(pairs.full)[0] == pytest.approx(expected)
    table = rows_of(pairs).set_index(["quantity", "cohort"])["estimate"]
    assert table["ms_ssim", "reference"] == pytest.approx(REFERENCE.pairs["ms_ssim"].mean())
    assert table["ms_ssim", "difference"] == pytest.approx(expected)
    assert table["four_component_gradient", "generated"] == pytest.approx(0.45 + 0.1, abs=0.01)


def test_pairs_that_could_not_be_compared_are_left_out():
    broken = REFERENCE.pairs.copy()
    broken.loc[:4, "ms_ssim"] = np.nan
    pairs = pairs_of(replace(REFERENCE, pairs=broken), with_pairs(OTHER, 2), SETTINGS)
    assert mean_similarity(pairs.full, "reference", "ms_ssim")[0] == pytest.approx(broken["ms_ssim"].mean())


def test_intervals_cover_the_truth_though_pairs_share_images():
    """Of 30 worlds at a nominal 95 % at least 26 are covered with a chance of 98 %."""
    covered, naive = 0, 0
    for seed in range(30):
        pairs = pairs_of(with_pairs(BASE, 1000 + seed), with_pairs(OTHER, 2000 + seed), SETTINGS)
        draws = mean_similarity(pairs.bootstrap, "generated", "ms_ssim")
        estimate = mean_similarity(pairs.full, "generated", "ms_ssim")[0]
        low, high = np.quantile(draws - np.median(draws) + estimate, [0.025, 0.975])
        covered += low <= 0.65 <= high
        values = pairs.full.generated.arrays.sample.pairs["ms_ssim"]
        naive += abs(estimate - 0.65) <= 1.96 * values.std() / np.sqrt(len(values))
    assert covered >= 26
    assert naive <= covered


def test_without_pairs_the_headline_does_not_apply():
    pairs = pairs_of(BASE, OTHER, SETTINGS)
    assert missing_capability("pairs of images", pairs.full.frame) == "needs pairs of images of both cohorts"
    assert not len(rows_of(pairs))
