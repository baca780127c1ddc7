"""What every distance between clouds of image features keeps, by simulation."""

from dataclasses import replace

import numpy as np
import pytest

from plausibrain.analysis.estimates.feature_distances import feature_distances
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.feature_registry import all_distances
from plausibrain.analysis.feature_samples import FEATURE_SPACE, IMAGE_SPACE, chosen_extractor, extractor_names
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.demo_cohorts import table_cohort
from tests.unit.analysis.factory import pairs_of
from tests.unit.analysis.feature_factory import IMAGE, NETWORK, latent, with_features

SETTINGS = Settings(n_resamples=100, n_splits=20)
N = 120
EVERY = pytest.mark.parametrize("plugin", all_distances(), ids=lambda plugin: plugin.name)
BASE = table_cohort(N, seed=1, name="r")
OTHER = table_cohort(N, seed=2, name="g")
REFERENCE = with_features(BASE, 1)
GROWING = (
    "kid",
    "mmd",
    "energy_of_features",
    "frechet",
    "frechet_shrunk",
    "wasserstein",
    "sliced_wasserstein",
)


def pairs(generated: Cohort) -> Pairs:
    return pairs_of(REFERENCE, generated, SETTINGS)


LIKE = pairs(with_features(OTHER, 2))


def full(generated: Cohort) -> dict[str, float]:
    found = pairs(generated).full
    return {plugin.name: float(plugin(found, NETWORK)[0]) for plugin in all_distances()}


@pytest.fixture(scope="module")
def like() -> dict[str, float]:
    return {plugin.name: float(plugin(LIKE.full, NETWORK)[0]) for plugin in all_distances()}


@EVERY
@pytest.mark.parametrize("name", [NETWORK, IMAGE])
def test_values_stay_in_bounds_and_a_perfect_generator_lies_in_the_null(plugin, name):
    most = min(20, plugin.max_splits)
    null, matched = (plugin(p.first(most), name) for p in (LIKE.null, LIKE.matched))
    for values in (null, matched):
        assert values.shape == (most,)
        assert (values >= plugin.bounds[0]).all()
        assert (values <= plugin.bounds[1]).all()
    spread = max(np.std(null), 1e-12)
    assert abs(np.median(matched) - np.median(null)) < 4 * spread


@EVERY
def test_order_of_rows_does_not_matter(plugin):
    rng = np.random.default_rng(0)
    generated = with_features(OTHER, 2)
    mixed = pairs_of(REFERENCE.select(rng.permutation(N)), generated.select(rng.permutation(N)), SETTINGS)
    # single precision, and sums in another order
    np.testing.assert_allclose(plugin(mixed.full, NETWORK), plugin(LIKE.full, NETWORK), rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(
        plugin(mixed.null.first(3), NETWORK), plugin(LIKE.null.first(3), NETWORK), rtol=2e-3, atol=1e-4
    )


def test_distances_grow_with_what_is_wrong(like):
    shifted = [like] + [full(with_features(OTHER, 2, shift=s)) for s in (0.5, 1.0)]
    for name in (*GROWING, "classifier_of_features"):
        values = [found[name] for found in shifted]
        assert values == sorted(values), name
        assert values[-1] > values[0]
    for name in ("precision", "recall", "density", "coverage"):
        assert shifted[-1][name] < shifted[0][name], name


def test_a_collapsed_cloud_is_faithful_but_not_diverse(like):
    """Everybody near one typical subject: precise and dense, but little recalled, covered or different."""
    near = 0.15 * latent(OTHER, 2)
    found = full(with_features(OTHER, 2, anatomy=near, noise=0.1))
    assert found["precision"] > 0.95
    assert found["density"] > 1.5 * like["density"]
    assert found["recall"] < 0.1
    assert found["coverage"] < 0.7 * like["coverage"]
    assert found["vendi"] < 0.7


def test_too_wide_a_cloud_is_imprecise_but_recalls(like):
    found = full(with_features(OTHER, 2, scale=3.0))
    assert found["precision"] < 0.5
    assert found["recall"] > 0.6
    assert found["vendi"] > 1.2


def test_sides_are_not_swapped():
    """A cloud inside the other: its points are covered, it does not cover. Swapped sides swap the numbers."""
    narrow = with_features(OTHER, 2, scale=0.3)
    one, other = (p.full for p in (pairs(narrow), pairs_of(narrow, REFERENCE, SETTINGS)))
    found = {p.name: (float(p(one, NETWORK)[0]), float(p(other, NETWORK)[0])) for p in all_distances()}
    assert found["precision"][0] == pytest.approx(found["recall"][1])
    assert found["recall"][0] == pytest.approx(found["precision"][1])
    assert found["precision"][0] > found["recall"][0]
    for name in ("kid", "frechet", "frechet_shrunk"):  # of raw features, which know no reference
        assert found[name][0] == pytest.approx(found[name][1], rel=1e-3), name


def test_identical_sets_are_at_distance_zero_and_cover_each_other():
    found = {p.name: float(p(pairs(REFERENCE).full, NETWORK)[0]) for p in all_distances()}
    # single precision of squared norms of about 100
    assert found["frechet"] == pytest.approx(0, abs=1e-6)
    assert found["precision"] == found["recall"] == found["coverage"] == 1.0
    assert found["kid"] < 0  # everybody has a near-duplicate across, nobody within
    # adjusted features of the reference are predicted without the subject, hence lie a little further out
    assert 0.85 < found["vendi"] < 1.0


def test_constant_vectors_cover_each_other():
    """With open balls the coverage of equal constants would be 0, as it is in the published code."""
    flat = [with_features(c, s, anatomy=np.zeros((N, 6)), noise=0.0) for c, s in ((BASE, 1), (OTHER, 2))]
    for cohort in flat:
        for matrix in cohort.features.values():
            matrix.flags.writeable = True
            matrix[:] = 1.0
    found = pairs_of(flat[0], flat[1], SETTINGS).full
    by_name = {p.name: p for p in all_distances()}
    assert by_name["coverage"](found, NETWORK)[0] == 1.0
    assert by_name["precision"](found, NETWORK)[0] == 1.0


def test_images_without_vectors_are_left_out():
    generated = with_features(OTHER, 2)
    holes = {name: matrix.copy() for name, matrix in generated.features.items()}
    for matrix in holes.values():
        matrix[:7] = np.nan
    some, without = pairs(replace(generated, features=holes)), pairs(generated.select(np.arange(7, N)))
    for plugin in all_distances():
        if plugin.name in ("classifier_of_features", "wasserstein", "vendi"):  # draws depend on who is there
            assert np.isfinite(plugin(some.full, NETWORK)).all()
        else:
            np.testing.assert_allclose(plugin(some.full, NETWORK), plugin(without.full, NETWORK), rtol=1e-4)


def test_rows_name_the_extractor_and_say_what_is_refused():
    table = feature_distances(LIKE)
    assert set(table["structure"]) == {NETWORK, IMAGE}
    assert len(table) == 2 * len(all_distances())
    ok = table[table["status"] == "ok"]
    assert (ok["ci_low"] <= ok["estimate"]).all()
    assert (ok["estimate"] <= ok["ci_high"]).all()
    assert ok[["null_low", "null_median", "null_high"]].notna().all(axis=None)
    few = pairs_of(REFERENCE.select(np.arange(16)), with_features(OTHER, 2), SETTINGS)
    refused = feature_distances(few)
    assert set(refused["status"]) == {"not_applicable"}
    assert refused["reason"].str.contains("16 images with features; at least 20 are needed").all()


def test_a_distance_stands_at_the_n_of_its_null():
    """At full n a shifted generator looks nearer than two halves of the reference are to each other."""
    reference = with_features(table_cohort(150, seed=5, name="r"), 5, noise=3.0)
    shifted = with_features(table_cohort(130, seed=6, name="g"), 6, shift=0.25, noise=3.0)
    rows = feature_distances(pairs_of(reference, shifted, SETTINGS)).set_index(["quantity", "structure"])
    frechet = rows.loc["frechet", IMAGE]
    assert frechet["estimate"] < frechet["null_median"] < frechet["matched_median"]
    assert frechet["n_null"] == 75
    ok = rows[rows["status"] == "ok"]
    assert ok[["matched_low", "matched_median", "matched_high"]].notna().all(axis=None)


def test_few_images_for_long_vectors_are_a_caveat():
    frechet = next(p for p in all_distances() if p.name == "frechet")
    assert frechet.caveat(60, 256) == (
        "60 images for 256 dimensions: biased upwards, read it beside split-half reference"
    )
    assert frechet.caveat(600, 256) == ""


def test_other_ages_are_no_distance_in_adjusted_space():
    old = table_cohort(N, seed=2, name="g", age=(65.0, 90.0))
    found = pairs(with_features(old, 2)).full
    by_name = {p.name: float(p(found, NETWORK)[0]) for p in all_distances()}
    null = {p.name: p(LIKE.null.first(20), NETWORK) for p in all_distances()}
    for name in ("mmd", "kid"):  # kid is not adjusted, so only the ages that both cohorts cover count
        assert by_name[name] < null[name].max() + 2 * null[name].std()


def test_the_extractor_of_headlines_is_found_by_kind():
    assert chosen_extractor(LIKE.full.frame, FEATURE_SPACE) == NETWORK
    assert chosen_extractor(LIKE.full.frame, IMAGE_SPACE) == IMAGE
    assert chosen_extractor(LIKE.full.frame, ("medicalnet",)) == ""
    assert extractor_names(LIKE.full.frame) == (IMAGE, NETWORK)
