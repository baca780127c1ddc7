"""Each injected defect does what it says, by its own number."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.generation.age_sex_fit import fit_age_sex
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject
from plausibrain.generation.norms import LATERAL_VENTRICLES

COHORT = table_cohort(400, seed=3, name="subjects")


def injected(name: str, severity: float, **options: object) -> Cohort:
    return inject(name, COHORT, severity=severity, seed=11, **options)


def test_atrophy_shrinks_one_region_and_keeps_the_head():
    after = injected("regional_atrophy", 0.1, structure="Thalamus").volumes
    ratio = (after / COHORT.volumes).mean()
    assert ratio["Left-Thalamus"] == pytest.approx(0.9)
    assert ratio["Right-Thalamus"] == pytest.approx(0.9)
    assert ratio["Left-Hippocampus"] == pytest.approx(1.0)
    np.testing.assert_allclose(after.drop(columns="TIV").sum(axis=1), after["TIV"])


def test_growth_is_negative_atrophy():
    after = injected("regional_atrophy", -0.2).volumes
    assert (after["Left-Hippocampus"] / COHORT.volumes["Left-Hippocampus"]).mean() == pytest.approx(1.2)


def test_flat_ageing_leaves_no_age_effect_and_half_leaves_half():
    before = fit_age_sex(COHORT.volumes, COHORT.subjects).age
    half = fit_age_sex(injected("flat_ageing", 0.5).volumes, COHORT.subjects).age
    flat = fit_age_sex(injected("flat_ageing", 1.0).volumes, COHORT.subjects).age
    np.testing.assert_allclose(half, before / 2, atol=1e-12)
    np.testing.assert_allclose(flat, 0.0, atol=1e-12)


def test_sex_difference_is_removed_or_doubled():
    before = fit_age_sex(COHORT.volumes, COHORT.subjects).sex
    none = fit_age_sex(injected("missing_sex_effect", 1.0).volumes, COHORT.subjects).sex
    twice = fit_age_sex(injected("exaggerated_sex_effect", 1.0).volumes, COHORT.subjects).sex
    np.testing.assert_allclose(none, 0.0, atol=1e-12)
    np.testing.assert_allclose(twice, 2 * before, atol=1e-12)


def test_variance_is_halved():
    before = fit_age_sex(COHORT.volumes, COHORT.subjects).residual.var()
    after = fit_age_sex(injected("shrunken_variance", 0.5).volumes, COHORT.subjects).residual.var()
    np.testing.assert_allclose(after, before / 2)


def test_more_than_all_variance_is_refused():
    with pytest.raises(DataError, match="up to 1"):
        injected("shrunken_variance", 1.5)


def test_collapse_to_twenty_modes():
    after = injected("mode_collapse", 20.0).volumes
    assert len(after.drop_duplicates()) == 20
    assert injected("mode_collapse", 20.0).subjects["drawn_as"].nunique() == 20
    subjects = COHORT.subjects
    slope = np.polyfit(subjects["age"], after["Left-Lateral-Ventricle"], 1)[0]
    assert slope > 0


def test_copies_are_training_subjects():
    training = table_cohort(300, seed=4, name="training")
    cohort = inject("copied_subjects", COHORT, severity=0.25, seed=1, training=training)
    after = cohort.volumes
    assert cohort.subjects["drawn_as"].str.startswith("4:").sum() == 100
    copied = ~np.isclose(after["TIV"], COHORT.volumes["TIV"])
    assert copied.sum() == 100
    nearest = np.abs(np.log(after["TIV"].to_numpy()[copied, None] / training.volumes["TIV"].to_numpy())).min(
        axis=1
    )
    assert nearest.max() < 0.02


def test_ventricles_half_obeyed():
    subjects = COHORT.subjects
    after = injected("ventricles_ignored", 0.5).volumes
    total = pd.DataFrame({"measured": after[list(LATERAL_VENTRICLES)].sum(axis=1)})
    asked = pd.DataFrame({"asked": subjects["requested_ventricle_mm3"]})
    measured = fit_age_sex(total, subjects).residual["measured"]
    requested = fit_age_sex(asked, subjects).residual["asked"]
    slope = np.polyfit(requested, measured, 1)[0]
    # Standard error of the slope: sqrt(.75) / sqrt(400) = .043.
    assert slope == pytest.approx(0.5, abs=0.13)
    assert measured.std() == pytest.approx(requested.std(), rel=0.1)
    np.testing.assert_allclose(after.drop(columns="TIV").sum(axis=1), after["TIV"])


def test_shuffled_conditions_keep_the_brains():
    after = injected("shuffled_conditions", 1.0)
    pd.testing.assert_frame_equal(after.volumes, COHORT.volumes)
    assert sorted(after.subjects["age"]) == sorted(COHORT.subjects["age"])
    assert abs(np.corrcoef(after.subjects["age"], COHORT.subjects["age"])[0, 1]) < 0.2


def test_flip_exchanges_sides():
    after = injected("left_right_flip", 1.0).volumes
    np.testing.assert_allclose(after["Left-Amygdala"], COHORT.volumes["Right-Amygdala"])
    np.testing.assert_allclose(after["Brain-Stem"], COHORT.volumes["Brain-Stem"])


def test_head_size_bias_scales_everything():
    np.testing.assert_allclose(injected("head_size_bias", 0.05).volumes, 1.05 * COHORT.volumes)


def test_unrelated_structures_keep_spread_and_lose_correlation():
    before = fit_age_sex(COHORT.volumes, COHORT.subjects).residual
    after = fit_age_sex(injected("unrelated_structures", 1.0).volumes, COHORT.subjects).residual
    # The permuted residuals are refitted, which takes 3 of 400 degrees of freedom.
    np.testing.assert_allclose(after.std(), before.std(), rtol=0.03)
    assert before.corr().loc["Left-Thalamus", "Right-Thalamus"] > 0.85
    assert abs(after.corr().loc["Left-Thalamus", "Right-Thalamus"]) < 0.2


def test_unknown_region_and_missing_volumes_are_refused():
    with pytest.raises(DataError, match="region of the cohort"):
        injected("regional_atrophy", 0.1, structure="Claustrum")
    bare = Cohort(name="bare", subjects=COHORT.subjects)
    with pytest.raises(DataError, match="segment it first"):
        inject("flat_ageing", bare, severity=1.0, seed=0)


def test_a_share_above_one_is_refused():
    with pytest.raises(DataError, match="share of rows"):
        injected("left_right_flip", 1.2)


def test_older_brains_lie_on_the_curve_of_the_cohort_some_years_later():
    age = COHORT.subjects["age"].to_numpy(float)
    curve = {name: 1e4 * np.exp(-0.002 * age - 1e-4 * age**2) for name in COHORT.volumes}
    smooth = replace(COHORT, volumes=pd.DataFrame(curve, index=COHORT.volumes.index))
    older = inject("older_brains", smooth, severity=7.0, seed=0)
    expected = 1e4 * np.exp(-0.002 * (age + 7) - 1e-4 * (age + 7) ** 2)
    np.testing.assert_allclose(older.volumes.iloc[:, 0], expected, rtol=1e-9)
    pd.testing.assert_frame_equal(older.subjects, smooth.subjects)
