"""Rows per structure against independent formulas: interactions, allometry, spread, published numbers."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plausibrain.analysis.estimates.ageing_maps import ageing_maps, percent_per_year
from plausibrain.analysis.estimates.interactions import by_age, by_sex
from plausibrain.analysis.estimates.sex_maps import adjusted_sex_d, sex_maps
from plausibrain.analysis.estimates.size import hedges_g, size
from plausibrain.analysis.estimates.spread import spread
from plausibrain.analysis.estimates.wasabi_published import regional_shares, rescale, wasabi_published
from plausibrain.analysis.results import estimate_rows
from plausibrain.analysis.settings import Settings
from plausibrain.analysis.transport import assignment_cost
from tests.unit.analysis.factory import QUICK, normal_cohort, pairs_of, with_subjects, with_volume

REFERENCE, GENERATED = normal_cohort(110, 1, name="r"), normal_cohort(90, 2, name="g")
PAIRS = pairs_of(REFERENCE, GENERATED)
FRAME = PAIRS.full.frame
AT = FRAME.structures.index("Left-Thalamus")
GROUP = np.r_[np.zeros(110), np.ones(90)]


def thalamus():
    return np.r_[FRAME.reference.outcomes[:, AT], FRAME.generated.outcomes[:, AT]]


def test_interactions_are_one_regression():
    x = np.vstack([FRAME.reference.design, FRAME.generated.design])
    crossed = np.column_stack([x, GROUP, GROUP[:, None] * x[:, 1:5]])
    fitted = sm.OLS(thalamus(), crossed).fit().params
    sd = np.sqrt(sm.OLS(thalamus()[:110], x[:110]).fit().scale)
    trend = fitted[7:10] @ FRAME.trend[1:4]
    assert by_age(PAIRS.full, "covariate")[0, AT] == pytest.approx(trend / sd, rel=1e-6)
    assert by_sex(PAIRS.full, "covariate")[0, AT] == pytest.approx(fitted[10] / sd, rel=1e-6)


def test_injected_interactions_are_found():
    generated = normal_cohort(400, 2, name="g")
    decades = (generated.subjects["age"].to_numpy() - 50) / 10
    male = (generated.subjects["sex"] == "M").to_numpy()
    thinner = generated.volumes["Left-Thalamus"] - 300 * decades + 500 * male
    pairs = pairs_of(normal_cohort(400, 1, name="r"), with_volume(generated, "Left-Thalamus", thinner))
    sd = pairs.full.residual_sd("reference", "none")[0, AT] * pairs.full.frame.scale[AT]
    # Standard error of an interaction with 400 a side: 0.06 SD per decade, 0.14 SD for sex.
    assert by_age(pairs.full, "none")[0, AT] == pytest.approx(-300 / sd, abs=0.18)
    assert by_sex(pairs.full, "none")[0, AT] == pytest.approx(500 / sd, abs=0.42)
    other = pairs.full.frame.structures.index("Brain-Stem")
    assert by_age(pairs.full, "none")[0, other] == pytest.approx(0.0, abs=0.18)


def test_percent_per_year():
    generated = with_volume(GENERATED, "Brain-Stem", 20000 * (1 - 0.005 * (GENERATED.subjects["age"] - 50)))
    pairs = pairs_of(REFERENCE, generated)
    at = pairs.full.frame.structures.index("Brain-Stem")
    expected = -100 * 0.005 * 20000 / generated.volumes["Brain-Stem"].mean()
    assert percent_per_year("generated", pairs.full, "none")[0, at] == pytest.approx(expected, rel=1e-6)


def test_sex_d_is_in_the_cohorts_own_residual_sd():
    x = FRAME.generated.design
    own = sm.OLS(FRAME.generated.outcomes[:, AT], x).fit()
    d = adjusted_sex_d("generated", PAIRS.full, "covariate")[0, AT]
    assert d == pytest.approx(own.params[4] / np.sqrt(own.scale), rel=1e-8)


def test_hedges_g_by_hand():
    a, b = REFERENCE.volumes["Left-Thalamus"], GENERATED.volumes["Left-Thalamus"]
    pooled = np.sqrt((109 * a.var() + 89 * b.var()) / 198)
    expected = (b.mean() - a.mean()) / pooled * (1 - 3 / (4 * 198 - 1))
    assert hedges_g(PAIRS.full)[0, AT] == pytest.approx(expected, rel=1e-9)


def test_margins_take_measurement_noise():
    settings = QUICK.model_copy(update={"noise": {"Left-Thalamus": 0.5}})
    rows = (
        size(pairs_of(REFERENCE, GENERATED, settings)).query("quantity == 'hedges_g'").set_index("structure")
    )
    assert rows.loc["Left-Thalamus", "margin_high"] == 0.5
    assert rows.loc["Right-Thalamus", "margin_high"] == 0.2


def test_injected_spread_tails_and_allometry():
    generated = normal_cohort(400, 2, name="g")
    own = generated.volumes["Brain-Stem"]
    wide = with_volume(generated, "Brain-Stem", own.mean() + 2 * (own - own.mean()))
    tiv = generated.volumes["TIV"]
    noise = np.exp(0.02 * np.random.default_rng(0).standard_normal(400))
    wide = with_volume(wide, "Left-Thalamus", 7000 * (tiv / 1.5e6) ** 0.5 * noise)
    rows = spread(pairs_of(normal_cohort(400, 1, name="r"), wide)).set_index(
        ["quantity", "structure", "headsize", "cohort"]
    )

    def estimate(quantity, structure, cohort, headsize="none"):
        return rows.loc[(quantity, structure, headsize, cohort), "estimate"]

    # Relative standard error of a ratio of SDs of 400: 5 %; of the slope 0.02 / (0.08 sqrt(400)) = 0.01.
    assert estimate("sd_ratio", "Brain-Stem", "difference") == pytest.approx(2.0, rel=0.15)
    assert estimate("sd_ratio", "Brain-Stem", "difference", "covariate") == pytest.approx(2.0, rel=0.15)
    assert estimate("allometric_slope", "Left-Thalamus", "generated") == pytest.approx(0.5, abs=0.05)
    # Beyond 1.96 SD of half the width: 2 (1 - Phi(0.98)) = 33 %.
    assert estimate("share_in_tails", "Brain-Stem", "generated") == pytest.approx(0.327, abs=0.08)
    assert rows.loc[("sd_ratio", "Brain-Stem", "none", "difference"), "verdict"] == "fail"
    assert rows.loc[("sd_ratio", "Right-Hippocampus", "none", "difference"), "verdict"] == "pass"


def test_allometry_is_a_regression_of_logarithms():
    rows = (
        spread(PAIRS).query("quantity == 'allometric_slope' and cohort == 'reference'").set_index("structure")
    )
    x = FRAME.reference.design[:, FRAME.model(tiv=False)]
    y, tiv = np.log(REFERENCE.volumes["Left-Thalamus"]), np.log(REFERENCE.volumes["TIV"])
    expected = sm.OLS(y.to_numpy(), np.column_stack([x, tiv])).fit().params[-1]
    assert rows.loc["Left-Thalamus", "estimate"] == pytest.approx(expected, rel=1e-6)


def test_left_right_flip_turns_the_asymmetry():
    left, right = GENERATED.volumes["Left-Thalamus"], GENERATED.volumes["Right-Thalamus"]
    flipped = with_volume(with_volume(GENERATED, "Left-Thalamus", right), "Right-Thalamus", left)
    rows = spread(pairs_of(REFERENCE, flipped)).query(
        "quantity == 'asymmetry_index' and structure == 'Left-Thalamus'"
    )
    values = rows.set_index("cohort")["estimate"]
    assert values["generated"] == pytest.approx(-100 * ((left - right) / (left + right)).mean())
    assert values["difference"] == pytest.approx(values["generated"] - values["reference"])


def test_wasabi_as_published_by_hand():
    settings = Settings(n_resamples=100, n_splits=20, wasabi_repeats=10)
    generated = normal_cohort(110, 2, name="g")
    pairs = pairs_of(REFERENCE, generated, settings)
    row = wasabi_published(pairs).set_index("quantity").loc["wasabi_published"]
    a, b = (regional_shares(p.sample) for p in (pairs.full.frame.reference, pairs.full.frame.generated))
    # 110 of 110 subjects are everybody, so every subsample is the same.
    assert row["estimate"] == pytest.approx(1e4 * assignment_cost(a, b / b.mean() * a.mean()), rel=1e-9)
    assert row["ci_low"] == pytest.approx(row["ci_high"])


def test_regional_shares_and_rescaling():
    sample = FRAME.reference.sample
    shares = regional_shares(sample)
    both = (
        (REFERENCE.volumes["Left-Thalamus"] + REFERENCE.volumes["Right-Thalamus"])
        / 2
        / REFERENCE.volumes["TIV"]
    )
    assert shares.shape == (110, 4)
    assert any(np.allclose(column, both) for column in shares.T)
    rescaled = rescale(2 * shares, shares)
    np.testing.assert_allclose(rescaled, shares)
    with pytest.raises(ValueError, match="shares need head size"):
        regional_shares(replace(sample, tiv=None))


def test_maps_are_left_out_where_they_have_no_meaning():
    assert ageing_maps(pairs_of(REFERENCE, with_subjects(GENERATED, age=50.0))).empty
    assert sex_maps(pairs_of(REFERENCE, with_subjects(GENERATED, sex="F"))).empty


@given(
    estimate=arrays(np.float64, 12, elements=st.floats(-1.5, 1.5)),
    spread=arrays(np.float64, 12, elements=st.floats(0.01, 0.5)),
    seed=st.integers(0, 2**16),
)
def test_the_judged_intervals_are_the_verdict(estimate: np.ndarray, spread: np.ndarray, seed: int) -> None:
    """A figure that shows these intervals and the margin cannot contradict the verdict."""
    draws = estimate + spread * np.random.default_rng(seed).standard_normal((200, 12))
    table = estimate_rows(
        question=2, analysis="any", quantity="d", structures=[str(i) for i in range(12)], estimate=estimate,
        draws=draws, settings=Settings(), unit="SD", n=(50, 50), margin=np.full(12, 0.2),
    )  # fmt: skip
    inside = (table.pass_low >= table.margin_low) & (table.pass_high <= table.margin_high)
    outside = (table.estimate.abs() > 0.2) & ((table.fail_low > 0) | (table.fail_high < 0))
    expected = np.where(inside, "pass", np.where(outside, "fail", "inconclusive"))
    assert table.verdict.tolist() == expected.tolist()
