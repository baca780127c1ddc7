"""Image quality of two cohorts: what is compared, what is left out, and that injected faults are found."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from plausibrain.analysis.design import describe_design
from plausibrain.analysis.estimates.quality import quality
from plausibrain.analysis.evaluate import evaluate_headline
from plausibrain.analysis.headlines.odd_images import odd_images
from plausibrain.analysis.image_measures import common_measures, filled_measures
from plausibrain.analysis.pair import full_pair
from plausibrain.analysis.quality import (
    log_spread_ratio,
    quality_difference,
    weighted_quantile,
    worst_measure,
)
from plausibrain.analysis.registry import HEADLINES, all_headlines
from plausibrain.analysis.scorecard import build_scorecard
from plausibrain.cohorts.cohort import Cohort
from tests.unit.analysis.factory import QUICK, frame_of, normal_cohort, pairs_of, with_quality


def cohorts(n: int = 120, **change: float) -> tuple[Cohort, Cohort]:
    reference = with_quality(normal_cohort(n, 1, name="r"), 1)
    return reference, with_quality(normal_cohort(n, 2, name="g"), 2, **change)


def headline(name: str, reference: Cohort, generated: Cohort):
    all_headlines()
    return evaluate_headline(HEADLINES[name], pairs_of(reference, generated))


def test_a_shift_of_one_unit_is_found_in_residual_standard_deviations():
    reference, generated = cohorts(400, shift=1.0)
    d = quality_difference(full_pair(frame_of(reference, generated)))[0]
    # Residual SD is sqrt(0.5^2 + 0.8^2) = 0.943; the standard error of d at n = 400 is 0.07.
    np.testing.assert_allclose(d, 1 / 0.943, atol=4 * 0.075)


def test_the_ruler_is_the_reference_and_age_is_taken_out():
    reference, generated = cohorts(400, scale=0.1)
    older = replace(generated, subjects=generated.subjects.assign(age=generated.subjects["age"] * 0.5 + 40))
    older = with_quality(older, 5, scale=0.1)
    pair = full_pair(frame_of(reference, older))
    assert np.abs(quality_difference(pair)).max() < 0.3
    np.testing.assert_allclose(log_spread_ratio(pair)[0], np.log(0.1), atol=0.15)


@pytest.mark.parametrize(
    ("change", "name", "verdict"),
    [
        ({"shift": 2.0}, "quality_worst", "fail"),
        ({"shift": 2.0}, "quality_within", "fail"),
        ({"scale": 0.4}, "quality_spread", "fail"),
        ({"scale": 2.5}, "odd_images", "fail"),
        ({"shift": 3.0}, "odd_images", "fail"),
    ],
)
def test_injected_faults_are_called_no(change, name, verdict):
    assert headline(name, *cohorts(**change)).verdict(0.05, 20) == verdict


@pytest.mark.parametrize("name", ["quality_worst", "quality_within", "quality_spread", "odd_images"])
def test_another_draw_of_the_same_subjects_is_never_no(name):
    assert headline(name, *cohorts(200)).verdict(0.05, 20) in ("pass", "inconclusive")


def test_one_image_in_twenty_stands_out_by_construction():
    reference, generated = cohorts(2000)
    share = odd_images(full_pair(frame_of(reference, generated)))[0]
    assert share == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 * 2 / 2000))  # both cohorts are sampled


def test_half_the_images_spoilt_stand_out_though_the_mean_is_right():
    reference, generated = cohorts(200)
    both_ways = np.where(np.arange(200) % 2, 4.0, -4.0)
    spoilt = replace(
        generated, measures=generated.measures.assign(measure_2=generated.measures["measure_2"] + both_ways)
    )
    pair = full_pair(frame_of(reference, spoilt))
    assert abs(quality_difference(pair)[0, 2]) < 0.7
    assert odd_images(pair)[0] > 0.7


def test_the_worst_measure_is_named_in_the_sentence():
    reference, generated = cohorts()
    off = replace(
        generated, measures=generated.measures.assign(measure_3=generated.measures["measure_3"] - 5)
    )
    pairs = pairs_of(reference, off)
    assert worst_measure(pairs.full) == "measure_3"
    found = evaluate_headline(HEADLINES["quality_worst"], pairs)
    card = build_scorecard([found], describe_design(pairs.full.frame), QUICK)
    assert "measure_3, by" in card["questions"][6]["sentence"]


def test_without_measures_question_seven_is_not_measured():
    plain = normal_cohort(60, 1, name="r"), normal_cohort(60, 2, name="g")
    found = headline("quality_worst", *plain)
    assert (found.status, found.verdict(0.05, 20)) == ("not_applicable", "not measured")
    assert found.reason == "needs images of both cohorts"
    assert quality(pairs_of(*plain)).empty


def test_rows_per_measure_hold_means_difference_and_spread():
    table = quality(pairs_of(*cohorts(shift=2.0)))
    assert set(table["quantity"]) == {"quality_d", "quality_sd_ratio", "quality_mean"}
    d = table[table["quantity"] == "quality_d"]
    assert d["structure"].tolist() == [f"measure_{k}" for k in range(5)]
    assert set(d["verdict"]) == {"fail"}
    assert (d["q"] < 0.05).all()
    assert (d["margin_high"] == QUICK.quality_margin).all()
    means = table[(table["quantity"] == "quality_mean") & (table["cohort"] == "difference")]
    np.testing.assert_allclose(means["estimate"], 2.0, atol=0.6)
    ratios = table[table["quantity"] == "quality_sd_ratio"]
    assert ratios["margin_high"].iloc[0] == pytest.approx(QUICK.spread_margin)


class TestWhatIsCompared:
    def test_measures_that_many_images_lack_are_left_out_with_the_reason(self):
        reference, generated = cohorts(60)
        gone = generated.measures.assign(measure_1=np.nan)
        reasons = generated.measure_reasons.assign(measure_1="no air around the head")
        names, notes = common_measures(
            reference, replace(generated, measures=gone, measure_reasons=reasons), 0.1
        )
        assert names == ["measure_0", "measure_2", "measure_3", "measure_4"]
        ((role, note),) = notes
        assert role == "generated"
        assert "measure_1 left out: missing in 60 of 60 images, for example: no air" in note.message

    def test_a_measure_without_variation_in_the_reference_is_left_out(self):
        reference, generated = cohorts(60)
        same = replace(reference, measures=reference.measures.assign(measure_0=7.0))
        names, notes = common_measures(same, generated, 0.1)
        assert "measure_0" not in names
        assert "the same (7) in every image" in notes[0][1].message

    def test_a_measure_that_one_cohort_does_not_carry_is_no_fault(self):
        reference, generated = cohorts(60)
        fewer = replace(
            generated, measures=generated.measures[["measure_4", "measure_1"]], measure_reasons=None
        )
        assert common_measures(reference, fewer, 0.1) == (["measure_1", "measure_4"], [])

    def test_a_few_gaps_are_filled_with_the_median(self):
        reference, _ = cohorts(60)
        gaps = reference.measures.copy()
        gaps.iloc[[3, 5], 0] = np.nan
        with_gaps = replace(reference, measures=gaps, measure_reasons=None)
        filled = filled_measures(with_gaps, ["measure_0"], np.arange(60) < 50)
        assert filled.shape == (50, 1)
        assert filled["measure_0"][3] == pytest.approx(gaps["measure_0"][:50].median())
        assert filled["measure_0"][4] == gaps["measure_0"][4]

    def test_cohorts_without_measured_images_share_none(self):
        plain = normal_cohort(20, 1)
        assert common_measures(plain, with_quality(plain, 1), 0.1) == ([], [])
        assert filled_measures(plain, [], np.ones(20, bool)).shape == (20, 0)

    def test_excluded_subjects_do_not_count(self):
        reference, generated = cohorts(60)
        out = generated.subjects.assign(status="ok")
        out.loc[:29, ["status", "reason"]] = ["excluded", "segmentation failed"]
        values = generated.measures.copy()
        values.iloc[:30] = np.nan
        names, notes = common_measures(
            reference, replace(generated, subjects=out, measures=values, measure_reasons=None), 0.1
        )
        assert len(names) == 5
        assert notes == []


def test_weighted_quantile_is_that_of_the_rows_written_out():
    rng = np.random.default_rng(0)
    values, weights = rng.standard_normal(40), rng.integers(0, 4, (6, 40))
    found = weighted_quantile(values, weights, 0.95)
    written = [np.quantile(np.repeat(values, w), 0.95, method="inverted_cdf") for w in weights]
    np.testing.assert_allclose(found, written)


def test_measures_follow_their_rows_through_the_sample():
    reference, generated = cohorts(60)
    mixed = reference.select(np.random.default_rng(0).permutation(60))
    frame = frame_of(mixed, generated)
    subjects, values = frame.reference.sample.subjects, frame.reference.sample.quality
    expected = pd.Series(
        reference.measures["measure_1"].to_numpy(), index=reference.subjects["participant_id"]
    )
    np.testing.assert_array_equal(values["measure_1"], expected[subjects["participant_id"]])
    taken = frame.reference.sample.take(np.arange(60) % 2 == 1)
    np.testing.assert_array_equal(taken.quality["measure_1"], values["measure_1"][1::2])
