"""Frames and pairs: differences against statsmodels, head-size conventions, fair deviations, trends."""

from types import SimpleNamespace

import numpy as np
import pytest
import statsmodels.api as sm

from plausibrain.analysis.covariates import Covariates
from plausibrain.analysis.joint_design import LARGEST_LEVERAGE, leverage
from plausibrain.analysis.pair import ROLES, half_pair
from plausibrain.analysis.published_size import bilateral_difference, bilateral_names
from plausibrain.analysis.regression import fit, moments
from plausibrain.analysis.weights import ones
from plausibrain.cohorts.structures import names
from tests.unit.analysis.factory import frame_of, normal_cohort, pairs_of, with_subjects, with_volume

REFERENCE, GENERATED = (
    normal_cohort(90, 1, name="r"),
    normal_cohort(70, 2, name="g", scale=1.04, age=(30.0, 80.0)),
)
PAIRS = pairs_of(REFERENCE, GENERATED)
FRAME = PAIRS.full.frame
GROUP = np.r_[np.zeros(90), np.ones(70)]


def column(name, *, cohorts=(REFERENCE, GENERATED)):
    return np.concatenate([c.volumes[name].to_numpy() for c in cohorts])


def designs(*, tiv):
    kept = FRAME.model(tiv=tiv)
    return [p.design[:, kept] for p in (FRAME.reference, FRAME.generated)]


@pytest.mark.parametrize("headsize", ["none", "covariate", "share"])
def test_adjusted_difference_is_an_ordinary_regression(headsize):
    x = designs(tiv=headsize == "covariate")
    for s, name in enumerate(FRAME.structures):
        y = column(name) / (column("TIV") if headsize == "share" else 1.0)
        gap = sm.OLS(y, np.column_stack([np.vstack(x), GROUP])).fit().params[-1]
        own = sm.OLS(y[:90], x[0]).fit()
        assert PAIRS.full.difference(headsize)[0, s] == pytest.approx(gap / np.sqrt(own.scale), rel=1e-8)


def test_head_size_itself_is_a_difference():
    y = column("TIV")
    x = np.vstack(designs(tiv=False))
    gap = sm.OLS(y, np.column_stack([x, GROUP])).fit().params[-1]
    sd = np.sqrt(sm.OLS(y[:90], x[:90]).fit().scale)
    assert PAIRS.full.difference("none")[0, -1] == pytest.approx(gap / sd, rel=1e-8)


def test_published_conventions():
    y, tiv = column("Left-Thalamus"), column("TIV")
    at = FRAME.structures.index("Left-Thalamus")

    def d(values):
        a, b = values[:90], values[90:]
        return (b.mean() - a.mean()) / np.sqrt((a.var() + b.var()) / 2)

    assert PAIRS.full.published_difference(residual=False)[0, at] == pytest.approx(d(y), rel=1e-9)
    slope = np.polyfit(tiv, y, 1)[0]
    assert PAIRS.full.difference("pooled_residual")[0, at] == pytest.approx(d(y - slope * tiv), rel=1e-7)


@pytest.mark.parametrize("residual", [False, True])
def test_both_sides_together_are_compared_as_published(residual):
    """The released procedure averages homologous structures before it regresses and compares."""
    y, tiv = (column("Left-Thalamus") + column("Right-Thalamus")) / 2, column("TIV")
    y = y - np.polyfit(tiv, y, 1)[0] * tiv if residual else y
    a, b = y[:90], y[90:]
    expected = (b.mean() - a.mean()) / np.sqrt((a.var() + b.var()) / 2)
    values = dict(
        zip(bilateral_names(FRAME), bilateral_difference(PAIRS.full, residual=residual)[0], strict=True)
    )
    assert values["Thalamus"] == pytest.approx(expected, rel=1e-7)
    assert not [name for name in values if name.startswith(("Left", "Right", "ctx-"))]


def test_tables_of_synthseg_have_the_published_regions():
    structures = (*names("aseg"), *names("dk"))
    assert len(bilateral_names(SimpleNamespace(structures=structures))) == 18 + 34


def test_effects_within_a_cohort():
    at = FRAME.structures.index("Left-Lateral-Ventricle")
    for role, cohort, x in zip(ROLES, (REFERENCE, GENERATED), designs(tiv=True), strict=True):
        own = sm.OLS(cohort.volumes["Left-Lateral-Ventricle"].to_numpy() / FRAME.scale[at], x).fit()
        sex, se2 = PAIRS.full.effect(role, "sex", "covariate")
        assert sex[0, at] == pytest.approx(own.params[4], rel=1e-8)
        assert np.sqrt(se2[0, at]) == pytest.approx(own.bse[4], rel=1e-8)
        trend, se2 = PAIRS.full.effect(role, "age", "covariate")
        contrast = own.t_test(FRAME.trend)
        assert trend[0, at] == pytest.approx(float(contrast.effect[0]), rel=1e-8)
        assert np.sqrt(se2[0, at]) == pytest.approx(float(np.squeeze(contrast.sd)), rel=1e-8)


def test_pooled_residual_also_adjusts_effects_and_spread():
    at = FRAME.structures.index("Brain-Stem")
    slope = np.polyfit(column("TIV"), column("Brain-Stem"), 1)[0]
    x = designs(tiv=False)[0]
    residual = (REFERENCE.volumes["Brain-Stem"] - slope * REFERENCE.volumes["TIV"]).to_numpy() / FRAME.scale[
        at
    ]
    own = sm.OLS(residual, x).fit()
    assert PAIRS.full.effect("reference", "sex", "pooled_residual")[0][0, at] == pytest.approx(
        own.params[4], rel=1e-6
    )
    assert PAIRS.full.residual_sd("reference", "pooled_residual")[0, at] == pytest.approx(
        np.sqrt(own.scale), rel=1e-6
    )


def test_trend_does_not_depend_on_which_ages_a_cohort_has():
    """Subjects age faster when old: straight slopes would call an older cohort different."""

    def curved(seed, name, age):
        cohort = normal_cohort(400, seed, name=name, age=age)
        years = cohort.subjects["age"].to_numpy()
        bent = 4000 - 10 * (years - 50) - 0.6 * np.maximum(years - 50, 0) ** 2
        noise = 100 * np.random.default_rng(seed).standard_normal(400)
        return with_volume(cohort, "Left-Hippocampus", bent + noise)

    frame = frame_of(curved(1, "r", (20.0, 85.0)), curved(2, "g", (50.0, 85.0)))
    pair = pairs_of(curved(1, "r", (20.0, 85.0)), curved(2, "g", (50.0, 85.0))).full
    at = frame.structures.index("Left-Hippocampus")
    ours = [pair.effect(role, "age", "none")[0][0, at] for role in ROLES]
    plain = [np.polyfit(p.sample.age, p.outcomes[:, at], 1)[0] for p in (frame.reference, frame.generated)]
    assert plain[1] / plain[0] > 1.3  # what a plain slope would report for the same subjects
    assert ours[1] / ours[0] == pytest.approx(1.0, abs=0.1)  # standard error of each slope: 3 %


def test_deviations_of_reference_subjects_are_those_of_new_subjects():
    """In-sample residuals are too small by p / n on either side: with 30 rows and 5 columns by a third."""
    ratios, naive = [], []
    for seed in range(60):
        frame = frame_of(normal_cohort(30, seed, name="r"), normal_cohort(30, 500 + seed, name="g"))
        ratios.append((frame.generated.features**2).mean() / (frame.reference.features**2).mean())
        x = frame.reference.design[:, frame.model(tiv=False)]
        hat = leverage(x, fit(moments(x, frame.reference.outcomes, ones(30))).inverse[0])
        inside = frame.reference.features * (1 - np.minimum(hat, LARGEST_LEVERAGE))[:, None]
        naive.append((frame.generated.features**2).mean() / (inside**2).mean())
    # Standard error of the median of 60 ratios, each with a relative error of some 20 %: 3 %.
    assert np.median(ratios) == pytest.approx(1.0, abs=0.12)
    assert np.median(naive) > 1.25


def test_leave_one_out_deviation_is_a_prediction_without_that_subject():
    frame = FRAME
    x = frame.reference.design[:, frame.model(tiv=False)]
    y = frame.reference.outcomes[:, 0]
    whole = sm.OLS(y, x).fit()
    without = sm.OLS(np.delete(y, 7), np.delete(x, 7, axis=0)).fit()
    expected = (y[7] - x[7] @ without.params) / np.sqrt(whole.scale)
    sizes = np.abs(whole.resid / (1 - whole.get_influence().hat_matrix_diag))
    age = sm.add_constant(frame.reference.sample.age)
    line = sm.OLS(sizes, age).fit()
    shrunk = max(0.0, 1 - 4 / line.tvalues[1] ** 2)
    relative = 1 + shrunk * line.params[1] * (age[7, 1] - age[:, 1].mean()) / sizes.mean()
    assert frame.reference.features[7, 0] == pytest.approx(expected / relative, rel=1e-6)


def test_deviations_of_the_old_are_measured_by_the_old():
    """Ventricles scatter more in the old: without regard to that, an older cohort looks too spread out."""

    def fanning(seed, name, age):
        cohort = normal_cohort(400, seed, name=name, age=age)
        years = cohort.subjects["age"].to_numpy()
        noise = np.random.default_rng(1000 + seed).standard_normal(400)
        return with_volume(
            cohort, "Left-Lateral-Ventricle", 12000 + 100 * years + (500 + 60 * (years - 20)) * noise
        )

    frame = frame_of(fanning(1, "r", (20.0, 85.0)), fanning(2, "g", (60.0, 85.0)))
    at = frame.structures.index("Left-Lateral-Ventricle")
    # Standard error of an SD of 400: 3.5 %; raw deviations would be 3500 / 2500 = 1.4 times as large.
    ratio = frame.generated.features[:, at].std() / frame.reference.features[:, at].std()
    assert ratio == pytest.approx(1.0, abs=0.15)


def test_scale_comes_from_the_reference_alone():
    other = frame_of(REFERENCE, normal_cohort(70, 3, name="x", scale=2.0))
    np.testing.assert_array_equal(other.center, FRAME.center)
    np.testing.assert_array_equal(other.reference.features, FRAME.reference.features)


def test_sex_confounded_with_cohort_is_not_adjusted_for():
    men, women = (
        c.select((c.subjects["sex"] == s).to_numpy()) for c, s in ((REFERENCE, "M"), (GENERATED, "F"))
    )
    frame = frame_of(men, women)
    assert "sex" not in frame.columns
    assert np.isfinite(pairs_of(men, women).full.difference("covariate")).all()


def test_without_head_size():
    bare = [
        c.__class__(c.name, c.subjects, c.volumes.drop(columns="TIV"), segmenter="truth")
        for c in (REFERENCE, GENERATED)
    ]
    frame = frame_of(*bare)
    assert not frame.has_tiv
    assert frame.conventions == ("none",)
    assert frame.headsize == "none"
    assert frame.names("none") == frame.structures
    assert Covariates.of(frame.reference.sample).names[-1] == "sex"


def test_halves_are_half_of_the_subjects_of_each_cohort():
    pair = half_pair(FRAME)
    assert set(pair.reference.weights.sum(axis=1)) == {45}
    assert set(pair.generated.weights.sum(axis=1)) == {35}


def test_splits_share_their_first_group():
    np.testing.assert_array_equal(PAIRS.null.reference.weights, PAIRS.matched.reference.weights)
    np.testing.assert_array_equal(PAIRS.null.generated.weights, PAIRS.injected.generated.weights)
    shift = PAIRS.injected.generated.arrays.features - PAIRS.null.generated.arrays.features
    np.testing.assert_allclose(shift, FRAME.settings.margin)


def test_first_replicates():
    few = PAIRS.bootstrap.first(3)
    assert few.n_replicates == 3
    np.testing.assert_allclose(few.difference("none"), PAIRS.bootstrap.difference("none")[:3])
    assert PAIRS.full.first(10) is PAIRS.full


def test_bootstrap_holds_the_noise_twice():
    assert (PAIRS.bootstrap.noise_copies, PAIRS.full.noise_copies, PAIRS.null.noise_copies) == (2.0, 1.0, 1.0)


def test_requested_columns_do_not_enter_the_model():
    asked = with_subjects(GENERATED, requested_ventricle_mm3=np.arange(70.0))
    np.testing.assert_array_equal(frame_of(REFERENCE, asked).generated.design, FRAME.generated.design)
