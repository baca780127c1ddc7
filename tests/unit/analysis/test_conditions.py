"""Requested against measured at equal age, and the share of excluded rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.stats.proportion import confint_proportions_2indep

from plausibrain.analysis.analyse import judge
from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.conditions import (
    measured_structures,
    measured_volume,
    weighted_line,
    weighted_slope,
)
from plausibrain.analysis.design import describe_design
from plausibrain.analysis.estimates.conditioning import conditioning, dose_table
from plausibrain.analysis.estimates.exclusions import exclusions
from plausibrain.analysis.evaluate import evaluate_headline
from plausibrain.analysis.exclusion import exclusion_difference, exclusion_interval, row_counts
from plausibrain.analysis.registry import all_headlines
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.requested_volumes import STANDARD_HEAD_MM3
from tests.unit.analysis.factory import QUICK, frame_of, normal_cohort, pairs_of, with_subjects, with_volume

REFERENCE = normal_cohort(100, 1, name="r")
IMPLAUSIBLE = next(plugin for plugin in all_headlines() if plugin.name == "implausible_share")
LEFT, RIGHT = "Left-Lateral-Ventricle", "Right-Lateral-Ventricle"
COLUMN = "requested_ventricle_mm3"


def obedient(slope: float, *, seed: int = 2, n: int = 150, noise: float = 500.0):
    """Requests drawn freely, answered with a slope; ventricles also grow with age, whatever was asked."""
    cohort = normal_cohort(n, seed, name="g")
    rng = np.random.default_rng(seed + 1000)
    asked = rng.uniform(1e4, 6e4, n)
    age = cohort.subjects["age"].to_numpy()
    total = 9000 + slope * asked + 300 * (age - 50) + noise * rng.standard_normal(n)
    cohort = with_volume(with_volume(cohort, LEFT, 0.55 * total), RIGHT, 0.45 * total)
    return with_subjects(cohort, **{COLUMN: asked})


@pytest.mark.parametrize("slope", [0.0, 0.6, 1.0])
def test_injected_slope_is_recovered(slope):
    pairs = pairs_of(REFERENCE, obedient(slope))
    # Standard error 500 / (sqrt(150) 14400) = 0.003.
    assert weighted_slope(COLUMN, pairs.full)[0] == pytest.approx(slope, abs=0.01)
    assert weighted_slope(COLUMN, pairs.bootstrap).std() == pytest.approx(0.003, rel=0.3)


def test_a_model_that_only_follows_age_does_not_obey():
    cohort = obedient(0.0)
    age = cohort.subjects["age"].to_numpy()
    asked = (
        1e4 + 600 * age + np.random.default_rng(1).normal(0, 5000, 150)
    )  # as in subjects: the old are asked for more
    pair = pairs_of(REFERENCE, with_subjects(cohort, **{COLUMN: asked})).full
    measured = measured_volume(COLUMN, pair.generated.arrays.sample)
    assert np.polyfit(asked, measured, 1)[0] > 0.3
    assert weighted_slope(COLUMN, pair)[0] == pytest.approx(0.0, abs=0.05)


def test_slope_at_equal_age_is_a_regression():
    pair = pairs_of(REFERENCE, obedient(0.7)).full
    arrays = pair.generated.arrays
    x = np.column_stack([arrays.design[:, pair.frame.model(tiv=False)], arrays.sample.subjects[COLUMN]])
    expected = sm.OLS(measured_volume(COLUMN, arrays.sample), x).fit().params[-1]
    assert weighted_slope(COLUMN, pair)[0] == pytest.approx(expected, rel=1e-6)


def test_requests_fixed_by_age_are_not_judged():
    cohort = obedient(1.0)
    fixed = with_subjects(cohort, **{COLUMN: 1e4 + 300 * cohort.subjects["age"]})
    reason = missing_capability("requested ventricle volume", frame_of(REFERENCE, fixed))
    assert reason == "the requested ventricle volume is fixed by age, sex and the other requests"


@pytest.mark.parametrize(
    ("values", "reason"), [(np.nan, "has no requested ventricle"), (2e4, "with the same ventricle")]
)
def test_requests_that_say_nothing(values, reason):
    frame = frame_of(REFERENCE, with_subjects(obedient(1.0), **{COLUMN: values}))
    assert reason in missing_capability("requested ventricle volume", frame)


def test_which_structures_answer():
    names = (
        LEFT,
        RIGHT,
        "Left-Inf-Lat-Vent",
        "3rd-Ventricle",
        "Left-Hippocampus",
        "CSF",
        "ctx-lh-insula",
        "Brain-Stem",
    )
    assert measured_structures(COLUMN, names) == [LEFT, RIGHT, "Left-Inf-Lat-Vent"]
    assert measured_structures("requested_brain_mm3", names) == ["Left-Hippocampus", "Brain-Stem"]


def test_no_structure_to_answer():
    sample = frame_of(REFERENCE, obedient(1.0)).reference.sample.take(np.arange(5))
    other = sample.__class__("x", sample.subjects, sample.volumes[:, :1], ("Left-Hippocampus",), None)
    with pytest.raises(DataError, match="x: no structure of the ventricle volume is in the table"):
        measured_volume(COLUMN, other)


def test_weighted_line_is_a_regression_of_repeated_rows():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(1e4, 5e4, 40), rng.normal(size=40)
    counts = rng.integers(0, 3, size=(3, 40))
    slope, intercept, r = weighted_line(x, y, counts)
    for b in range(3):
        xs, ys = np.repeat(x, counts[b]), np.repeat(y, counts[b])
        np.testing.assert_allclose([slope[b], intercept[b]], np.polyfit(xs, ys, 1), rtol=1e-6)
        assert r[b] == pytest.approx(np.corrcoef(xs, ys)[0, 1], rel=1e-9)


NORMALISED = "requested_brain_normalised_mm3"


def normalised(slope: float, n: int = 200):
    """Requests for a share of head size, answered with a slope in heads that differ by a quarter."""
    cohort = normal_cohort(n, 3, name="g")
    rng = np.random.default_rng(7)
    asked = rng.uniform(1.3e6, 1.7e6, n)
    tiv = 1.5e6 * rng.uniform(0.8, 1.3, n)
    names = [name for name in cohort.volumes if name in measured_structures(NORMALISED, cohort.volumes)]
    wanted = (1.5e6 + slope * (asked - 1.5e6)) / STANDARD_HEAD_MM3 * tiv
    for name in names:
        cohort = with_volume(cohort, name, wanted / len(names) * (1 + 0.002 * rng.standard_normal(n)))
    return with_subjects(with_volume(cohort, "TIV", tiv), **{NORMALISED: asked})


@pytest.mark.parametrize("slope", [0.4, 1.0])
def test_a_normalised_request_is_answered_by_a_normalised_volume(slope):
    pair = pairs_of(REFERENCE, normalised(slope)).full
    assert weighted_slope(NORMALISED, pair)[0] == pytest.approx(slope, abs=0.01)
    sample = pair.generated.arrays.sample
    raw = sum(sample.column(n) for n in measured_structures(NORMALISED, sample.structures))
    assert np.std(raw) > 1.5 * np.std(measured_volume(NORMALISED, sample)), "raw volumes follow head size"


def test_a_normalised_request_needs_head_size():
    without = [replace(c, volumes=c.volumes.drop(columns="TIV")) for c in (REFERENCE, normalised(1.0))]
    frame = frame_of(*without)
    assert missing_capability("requested normalised brain volume", frame) == (
        "the normalised brain volume was requested, and head size (TIV) is not measured in both cohorts"
    )
    assert describe_design(frame).kind == "unconditional", "what cannot be measured is no request here"


def bent(share: float, n: int = 200):
    """Requests are obeyed up to a share of their range, and not beyond."""
    cohort = obedient(1.0, n=n)
    asked = cohort.subjects[COLUMN].to_numpy()
    total = np.minimum(asked, 1e4 + share * 5e4) + 300 * np.random.default_rng(3).standard_normal(n)
    return with_volume(with_volume(cohort, LEFT, 0.55 * total), RIGHT, 0.45 * total)


def entries(generated) -> dict:
    card = judge(REFERENCE, generated, QUICK)
    return {h["name"]: h for q in card["questions"] for h in q["headlines"]}


def test_one_slope_hides_a_bend_and_the_curve_does_not():
    found = entries(bent(0.85))
    whole, local = found["conditioning_ventricle"], found["conditioning_ventricle_curve"]
    assert whole["verdict"] != "fail"
    assert local["verdict"] == "fail"
    assert local["worst"]["structure"] == local["failing"][0]["structure"]
    assert local["worst"]["structure"].startswith("requests 4"), "the last quarter, 48 to 60 mL"
    assert local["worst"]["direction"] == "followed too little"
    assert "After correction over pieces of the range these fail: requests 4" in local["sentence"]
    rows = conditioning(pairs_of(REFERENCE, bent(0.85)))
    slopes = rows[rows["quantity"] == "ventricle_volume_local_slope"]["estimate"].to_numpy()
    np.testing.assert_allclose(slopes[:3], 1.0, atol=0.1)
    assert slopes[3] < 0.6


def test_a_straight_curve_passes_and_does_not_differ():
    local = entries(obedient(1.0, n=200))["conditioning_ventricle_curve"]
    assert (local["verdict"], local["differs"], local["failing"]) == ("pass", False, [])


def test_few_requests_have_no_curve():
    cohort = obedient(1.0, n=30)
    frame = frame_of(REFERENCE, cohort)
    assert missing_capability("several requested ventricle volumes", frame) == (
        "30 subjects were requested; a curve takes 40"
    )
    two = with_subjects(cohort, **{COLUMN: np.repeat([2e4, 4e4], 15)})
    assert "2 different requests have no curve" in missing_capability(
        "several requested ventricle volumes", frame_of(REFERENCE, two)
    )


def test_rows_and_doses():
    pairs = pairs_of(REFERENCE, obedient(0.5))
    rows = conditioning(pairs).set_index("quantity")
    dose = dose_table(pairs).query("condition == 'ventricle volume'")
    assert rows.loc["ventricle_volume_slope", "estimate"] == pytest.approx(
        np.polyfit(dose["requested"], dose["measured"], 1)[0]
    )
    error = (dose["measured"] - dose["requested"]).to_numpy()
    assert rows.loc["ventricle_volume_mean_error", "estimate"] == pytest.approx(error.mean())
    assert rows.loc["ventricle_volume_mean_absolute_error", "estimate"] == pytest.approx(np.abs(error).mean())
    reach = rows.loc["ventricle_volume_requested_range"]
    np.testing.assert_allclose(
        [reach["ci_low"], reach["ci_high"]], np.quantile(dose["requested"], [0.05, 0.95])
    )
    assert "not a confidence interval" in reach["reason"]
    assert len(dose) == 150


def excluded(reference_out: int, generated_out: int):
    def marked(cohort, out):
        return with_subjects(cohort, status=np.where(np.arange(len(cohort)) < out, "excluded", "ok"))

    return pairs_of(marked(REFERENCE, reference_out), marked(normal_cohort(80, 2, name="g"), generated_out))


def test_excluded_shares():
    pairs = excluded(4, 20)
    assert row_counts(pairs.full.frame, "excluded") == {"reference": (4, 100), "generated": (20, 80)}
    assert exclusion_difference(pairs.full).tolist() == [pytest.approx(20 / 80 - 4 / 100)]
    draws = exclusion_difference(pairs.bootstrap)
    expected = np.sqrt(0.25 * 0.75 / 80 + 0.04 * 0.96 / 100)
    assert draws.std() == pytest.approx(expected, rel=0.25)
    assert exclusion_difference(pairs.null).mean() == pytest.approx(0.0, abs=0.03)
    assert exclusion_difference(pairs.matched).mean() == pytest.approx(0.21, abs=0.03)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.997])
def test_interval_of_excluded_shares_is_newcombes(level):
    frame = excluded(0, 0).full.frame
    low, high = exclusion_interval(frame, level)
    expected = confint_proportions_2indep(0, 80, 0, 100, method="newcomb", compare="diff", alpha=1 - level)
    assert (low, high) == pytest.approx(expected)
    assert low < 0 < high  # nobody was excluded, and yet the difference is not known to be zero


def flagged(reference_flags: int, generated_flags: int):
    def marked(cohort, n):
        scores = pd.DataFrame(
            {"thalamus": 0.9, "plausibility": np.where(np.arange(len(cohort)) < n, 0.0, 1.0)}
        )
        return replace(cohort, qc=scores.set_axis(cohort.subjects.index))

    generated = normal_cohort(80, 2, name="g")
    return pairs_of(marked(REFERENCE, reference_flags), marked(generated, generated_flags))


def test_implausible_images_are_counted_and_stay_in_the_analysis():
    pairs = flagged(4, 20)
    assert len(pairs.full.frame.generated.sample) == 80
    assert row_counts(pairs.full.frame, "implausible") == {"reference": (4, 100), "generated": (20, 80)}
    found = evaluate_headline(IMPLAUSIBLE, pairs)
    assert found.estimate == pytest.approx(20 / 80 - 4 / 100)
    assert found.verdict(0.05, 1) == "fail"
    rows = exclusions(pairs).query("quantity == 'implausible' and stratum == 'all'").set_index("cohort")
    assert rows.loc["generated", "estimate"] == pytest.approx(0.25)
    # the scores of groups are judged without it: all are reliable
    reliable = exclusions(pairs).query("quantity == 'qc_reliable'")
    assert reliable["estimate"].tolist() == [1.0, 1.0]


def test_nobody_looked_for_implausible_images():
    pairs = excluded(4, 20)
    assert "own segmenter" in evaluate_headline(IMPLAUSIBLE, pairs).reason
    assert "implausible" not in set(exclusions(pairs)["quantity"])


def test_exclusions_by_sex_and_decade():
    rows = exclusions(excluded(4, 20))
    women = rows.query("cohort == 'generated' and stratum == 'F'").iloc[0]
    frame = excluded(4, 20).full.frame.excluded.query("cohort == 'generated' and sex == 'F'")
    assert women["estimate"] == pytest.approx(frame["excluded"].mean())
    assert women["n_generated"] == len(frame)
    assert women["ci_low"] < women["estimate"] < women["ci_high"]
    assert {"all", "F", "M", "40-49"} <= set(rows["stratum"])
