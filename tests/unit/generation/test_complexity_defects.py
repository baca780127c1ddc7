"""Defects that follow complexity: blur where cortex is folded, loss by the rank of a parcel."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject, inject_in_image
from plausibrain.generation.parcels import complexity_ranks, parcel_shares, with_simulated_parcels

COHORT = with_simulated_parcels(table_cohort(40, seed=3, name="c"), seed=3)


def pleated() -> tuple[Volume, LabelMap]:
    """Cortex that is a smooth slab below and pleated above, in noise."""
    _, j, k = np.indices((32, 32, 48))
    folded = np.where((j // 2) % 2 == 0, 4, 12)
    labels = np.where(k < 12, 3, np.where((k > 30) & (k < 30 + folded), 3, 0))
    image = np.random.default_rng(0).normal(100.0, 10.0, labels.shape).astype(np.float32)
    return Volume(image, np.eye(4)), LabelMap(labels, np.eye(4))


def test_blur_is_stronger_where_the_cortex_is_pleated():
    image, labels = pleated()
    blurred, after = inject_in_image("folding_blur", image, labels, severity=2.0, seed=0)
    ratio = [
        blurred.data[..., part].std() / image.data[..., part].std() for part in (slice(2, 8), slice(32, 40))
    ]
    assert ratio[1] < 0.5 < 0.8 < ratio[0]
    np.testing.assert_array_equal(after.data, labels.data)


def test_images_without_cortex_stay_as_they_are():
    image, labels = pleated()
    blank = LabelMap(np.zeros_like(labels.data), np.eye(4))
    after, _ = inject_in_image("folding_blur", image, blank, severity=2.0, seed=0)
    np.testing.assert_array_equal(after.data, image.data)


def test_loss_grows_with_the_rank_of_the_parcel_and_the_head_stays():
    after = inject("complexity_dependent_loss", COHORT, severity=0.2, seed=0).volumes
    loss = 1 - (after / COHORT.volumes).mean()
    ranks, _ = complexity_ranks()
    for side in ("lh", "rh"):
        own = loss[[f"ctx-{side}-{region}" for region in ranks.index]]
        assert spearmanr(own, ranks).statistic == pytest.approx(1.0)
        assert own.max() == pytest.approx(0.2)
        assert own.min() == pytest.approx(0.0)
    whole = ["Left-Cerebral-Cortex", "Right-Cerebral-Cortex", "CSF"]
    pd.testing.assert_series_equal(after[whole].sum(axis=1), COHORT.volumes[whole].sum(axis=1))
    left = after.filter(like="ctx-lh-").sum(axis=1)
    np.testing.assert_allclose(left, after["Left-Cerebral-Cortex"])


def test_parcels_have_the_shares_and_the_spread_of_the_maps():
    many = with_simulated_parcels(table_cohort(300, seed=5, name="c"), seed=5).volumes
    shares = many.filter(like="ctx-lh-").div(many["Left-Cerebral-Cortex"], axis=0)
    shares.columns = [str(name).removeprefix("ctx-lh-") for name in shares]
    expected = parcel_shares()
    assert np.corrcoef(shares.mean()[expected.index], expected["share"])[0, 1] > 0.99
    spread = np.log(shares).std()[expected.index] / expected["log_sd"]
    assert spread.median() == pytest.approx(1.0, abs=0.1)
    other = many["ctx-rh-precuneus"] / many["Right-Cerebral-Cortex"]
    assert 0.3 < np.corrcoef(shares["precuneus"], other)[0, 1] < 0.7
