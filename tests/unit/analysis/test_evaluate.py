"""The rules of a verdict, on constructed draws and splits."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from plausibrain.analysis.evaluate import Headline, evaluate_headline
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import HEADLINES, HeadlinePlugin, all_headlines
from plausibrain.cohorts.errors import MeasurementError
from tests.unit.analysis.factory import frame_of, normal_cohort, pairs_of

REFERENCE, GENERATED = normal_cohort(80, 1, name="r"), normal_cohort(80, 2, name="g")
FRAME = frame_of(REFERENCE, GENERATED)
PAIRS = pairs_of(REFERENCE, GENERATED)


def plugin(function=lambda pair: np.zeros(pair.n_replicates), *, bounds=(-np.inf, np.inf), **options):
    given = {
        "question": 2, "ideal": 0.0, "margin": lambda frame: (-0.2, 0.2), "sentence": "{estimate}",
        "max_splits": 100,
    }  # fmt: skip
    return HeadlinePlugin(
        kind="headlines", name="made_up", function=function, label="Made up", unit="SD", better="closer",
        bounds=bounds, **(given | options),
    )  # fmt: skip


def headline(
    estimate,
    se,
    *,
    null=(-0.1, 0.1),
    matched=None,
    margin=(-0.2, 0.2),
    judged=None,
    bounds=(-np.inf, np.inf),
    **options,
):
    levels = (np.arange(4000) + 0.5) / 4000
    splits = np.linspace(*null, 101) if null else np.empty(0)
    middle = estimate if matched is None else matched
    return Headline(
        plugin(bounds=bounds, **options), FRAME, estimate=estimate,
        draws=estimate + se * stats.norm.ppf(levels), null=splits, matched=np.full(len(splits), middle),
        judged=estimate if judged is None else judged, margin=margin,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("estimate", "se", "verdict"),
    [
        (0.0, 0.05, "pass"),
        (0.1, 0.05, "pass"),  # 0.1 + 1.645 * 0.05 = 0.18
        (0.13, 0.05, "inconclusive"),
        (0.0, 0.2, "inconclusive"),
        (0.5, 0.05, "fail"),
        (-0.5, 0.05, "fail"),
        (0.32, 0.05, "fail"),  # 6.4 standard errors from the ideal, and beyond the margin
        (0.32, 0.13, "inconclusive"),  # 2.46 standard errors: p = .014, not below .005
        (0.18, 0.05, "inconclusive"),  # 3.6 standard errors, and within the margin
    ],
)
def test_verdict_against_a_margin(estimate, se, verdict):
    assert headline(estimate, se).verdict(0.05, 10) == verdict


def test_more_headlines_make_a_no_harder_and_a_yes_no_easier():
    assert [headline(0.32, 0.13).verdict(0.05, k) for k in (1, 10)] == ["fail", "inconclusive"]
    assert [headline(0.13, 0.05).verdict(0.05, k) for k in (1, 10)] == ["inconclusive"] * 2


def excess(matched, **options):
    return headline(0.5, 0.05, judged=0.5, matched=matched, against_null=True, **options)


def test_a_number_that_depends_on_n_also_needs_a_value_beyond_split_half_reference():
    assert excess(0.05).verdict(0.05, 10) == "inconclusive"
    assert excess(0.5).verdict(0.05, 10) == "fail"
    assert excess(0.5, null=(-0.9, 0.9)).verdict(0.05, 10) == "inconclusive"


def test_undefined_splits_forbid_a_fail_of_such_a_number():
    h = excess(0.5)
    null, matched = h.null.copy(), h.matched.copy()
    null[:10] = np.nan
    assert replace(h, null=null).verdict(0.05, 10) == "inconclusive"
    matched[:10] = np.nan
    assert replace(h, matched=matched).verdict(0.05, 10) == "inconclusive"


def test_p_is_that_of_a_normal_estimate():
    assert headline(0.5, 0.2).p == pytest.approx(2 * stats.norm.sf(2.5), rel=0.02)
    assert headline(0.1, 0.001).p == 1.0  # within the margin nothing fails


def test_a_clear_difference_within_the_margin_is_told_from_ignorance():
    assert headline(0.15, 0.05).differs
    assert not headline(0.15, 0.2).differs
    # 0.05 from the edge: 1.645 standard errors there need (1.645 * 0.05 / 0.05)² times as many subjects.
    assert headline(0.15, 0.05).needed(0.05, 10) == pytest.approx(1.645**2, rel=0.02)


def test_without_a_null_the_margin_decides():
    assert headline(0.5, 0.05, null=None).verdict(0.05, 10) == "fail"


@pytest.mark.parametrize(("judged", "verdict"), [(0.0, "pass"), (0.5, "fail"), (0.25, "inconclusive")])
def test_excess_over_the_null_is_judged_not_the_estimate(judged, verdict):
    # An estimate far from zero that a perfect generator has too.
    h = headline(3.0, 0.05, judged=judged, null=(2.9, 3.1), matched=3.0 + judged, against_null=True)
    assert h.verdict(0.05, 10) == verdict


@pytest.mark.parametrize(
    ("estimate", "margin", "verdict"),
    [
        (-5.0, (-np.inf, 0.2), "pass"),
        (0.6, (-np.inf, 0.2), "fail"),
        (5.0, (-0.1, np.inf), "pass"),
        (-0.6, (-0.1, np.inf), "fail"),
    ],
)
def test_one_sided_margins(estimate, margin, verdict):
    assert headline(estimate, 0.05, margin=margin).verdict(0.05, 10) == verdict


def test_an_undefined_margin_is_never_a_verdict():
    for estimate in (0.0, 9.0):
        assert headline(estimate, 0.05, margin=(-np.inf, np.nan)).verdict(0.05, 10) == "inconclusive"
        assert headline(estimate, 0.05, judged=np.nan).verdict(0.05, 10) == "inconclusive"


def test_high_levels_stretch_the_95_percent_interval():
    h = headline(1.0, 0.1)
    low, high = h.interval(0.999)
    assert (low, high) == pytest.approx((1 - 3.29 * 0.1, 1 + 3.29 * 0.1), abs=0.002)
    skewed = replace(h, draws=1 + np.exp(h.draws) - np.e)
    below, above = skewed.interval(0.999)
    assert above - 1 > 1.2 * (1 - below)


def test_intervals_respect_bounds():
    assert headline(0.95, 0.1, bounds=(0.0, 1.0)).interval(0.95)[1] == 1.0
    assert headline(0.05, 0.1, bounds=(0.0, 1.0)).interval(0.999)[0] == 0.0


def test_standard_error_and_detectable_difference():
    h = headline(0.0, 0.1)
    assert h.se == pytest.approx(0.1, rel=0.01)
    # The larger of (z_{1 - alpha / 2k} + z_{0.8}) se and margin + z_{0.8} se.
    assert h.detectable(0.05, 1) == pytest.approx(0.2 + 0.8416 * 0.1, rel=0.01)
    assert h.detectable(0.05, 10) == pytest.approx((2.807 + 0.8416) * 0.1, rel=0.01)
    assert h.detectable(0.05, 10) > h.detectable(0.05, 1)


def test_tiny_halves_carry_no_verdict():
    small = frame_of(normal_cohort(20, 1, name="r"), normal_cohort(200, 2, name="g"))
    assert small.split_size < small.settings.rules.subjects_per_column * len(small.columns)
    for estimate in (0.0, 9.0):
        h = replace(headline(estimate, 0.01), frame=small)
        assert h.verdict(0.05, 10) == "inconclusive"
        assert "10 subjects a side" in h.too_few
    needs_none = replace(headline(0.0, 0.01, null=None), plugin=plugin(null=False), frame=small)
    assert needs_none.verdict(0.05, 10) == "pass"


def test_missing_capability_is_a_reason_not_a_number():
    flat = normal_cohort(80, 3, name="flat", age=(50.0, 50.0))
    ageing = next(h for h in all_headlines() if h.name == "ageing")
    found = evaluate_headline(ageing, pairs_of(REFERENCE, flat))
    assert (found.status, found.verdict(0.05, 1)) == ("not_applicable", "not measured")
    assert "nearly the same age (50 years)" in found.reason


def mostly_undefined(pair: Pair) -> np.ndarray:
    values = np.zeros(pair.n_replicates)
    if pair.kind == "bootstrap":
        values[::5] = np.nan
    return values


def failing(pair: Pair) -> np.ndarray:
    raise MeasurementError("no such thing as a nose")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (mostly_undefined, "undefined in 20 % of resamples"),
        (failing, "no such thing as a nose"),
        (lambda pair: np.full(pair.n_replicates, np.nan), "not larger than its noise"),
    ],
)
def test_what_cannot_be_computed_fails_with_a_reason(function, reason):
    found = evaluate_headline(plugin(function), PAIRS)
    assert found.status == "failed"
    assert reason in found.reason


def test_draws_are_centred_on_the_estimate():
    def biased(pair: Pair) -> np.ndarray:
        noise = np.random.default_rng(0).normal(size=pair.n_replicates)
        return noise + 7.0 if pair.kind == "bootstrap" else np.full(pair.n_replicates, 2.0)

    assert np.median(evaluate_headline(plugin(biased), PAIRS).draws) == pytest.approx(2.0)


def test_fixed_scores_take_the_spread_of_half_samples():
    def narrow(pair: Pair) -> np.ndarray:
        sd = {"bootstrap": 0.01, "halves": 0.5}.get(pair.kind, 0.0)
        return sd * np.random.default_rng(0).normal(size=pair.n_replicates)

    plain, widened = (evaluate_headline(plugin(narrow, fixed_scores=f), PAIRS) for f in (False, True))
    assert plain.draws.std() == pytest.approx(0.01, rel=0.1)
    assert widened.draws.std() == pytest.approx(0.5, rel=0.25)  # of 40 halves: 11 % relative error


def test_injected_margin_is_an_excess_over_the_null():
    def distance(pair: Pair) -> np.ndarray:
        return np.full(pair.n_replicates, {"injected": 1.5, "null": 1.0, "matched": 1.1}.get(pair.kind, 0.9))

    found = evaluate_headline(plugin(distance, margin=None, against_null=True), PAIRS)
    assert found.judged == pytest.approx(0.1)
    assert found.margin == (-np.inf, pytest.approx(0.5))
    both = evaluate_headline(plugin(distance, margin=None, against_null=True, both_sides=True), PAIRS)
    assert both.margin == (pytest.approx(-0.5), pytest.approx(0.5))


def test_made_up_headlines_do_not_enter_the_registry():
    assert "made_up" not in {p.name for p in HEADLINES}


def test_infinite_draws_are_undefined_ones():
    """Two of a hundred resamples without a slope leave an interval from the others, without a warning."""
    card = headline(0.1, 0.05)
    some = replace(card, draws=np.concatenate([card.draws, np.full(len(card.draws) // 50, np.inf)]))
    assert some.interval(0.95) == pytest.approx(card.interval(0.95))
    assert some.se == pytest.approx(card.se)


def test_draws_without_a_logarithm_are_undefined_in_ratios():
    card = headline(1.5, 0.1, lognormal=True)
    broken = np.array([np.inf, -np.inf, np.nan, 0.0, -1.0])
    assert replace(card, draws=np.concatenate([card.draws, broken])).interval(0.95) == card.interval(0.95)
