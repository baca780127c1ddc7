"""Rows of results: p values, adjustments, equivalence, and what happens when draws are undefined."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_ind

from plausibrain.analysis.results import (
    benjamini_hochberg,
    column_quantiles,
    estimate_rows,
    holm,
    two_sided_p,
)
from plausibrain.analysis.settings import Settings

P_VALUES = st.lists(st.floats(0, 1, allow_nan=False), min_size=1, max_size=30).map(np.array)
SETTINGS = Settings()


def rows(estimate, draws, **kwargs):
    estimate = np.atleast_1d(np.asarray(estimate, dtype=float))
    common = {
        "question": 2,
        "analysis": "test",
        "quantity": "d",
        "structures": [f"s{i}" for i in range(len(estimate))],
        "settings": SETTINGS,
        "unit": "SD",
        "n": (10, 20),
    }
    return estimate_rows(estimate=estimate, draws=np.asarray(draws), **(common | kwargs))


def normal_draws(estimate, se, n=4000, seed=0):
    """Draws with exactly the quantiles of a normal distribution."""
    levels = (np.arange(n) + 0.5) / n
    return (
        np.asarray(estimate)
        + np.asarray(se) * stats.norm.ppf(np.random.default_rng(seed).permutation(levels))[:, None]
    )


@given(P_VALUES)
def test_benjamini_hochberg_is_statsmodels(p):
    np.testing.assert_allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1], atol=1e-12)


P_VALUES_WITH_GAPS = st.lists(st.one_of(st.floats(0, 1), st.just(np.nan)), max_size=30).map(np.array)


@given(P_VALUES_WITH_GAPS)
@settings(max_examples=30)  # statsmodels collects garbage at every call
def test_holm_is_statsmodels(p):
    present = np.isfinite(p)
    expected = np.full(len(p), np.nan)
    if present.any():
        expected[present] = multipletests(p[present], method="holm")[1]
    np.testing.assert_array_equal(holm(p), expected)


def test_missing_p_values_are_not_counted():
    p = np.array([0.01, np.nan, 0.04])
    assert holm(p)[[0, 2]] == pytest.approx([0.02, 0.04])
    assert benjamini_hochberg(p)[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(holm(p)[1])
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()


def test_two_sided_p_values():
    assert two_sided_p(np.array([1.96, 0.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.0, 0.0])) == pytest.approx(
        [0.05, 1.0, 1.0, 0.0], abs=1e-4
    )


def test_interval_moves_draws_to_the_estimate():
    table = rows(0.5, normal_draws(0.9, 0.1))
    assert table.ci_low[0] == pytest.approx(0.5 - 1.96 * 0.1, abs=0.002)
    assert table.ci_high[0] == pytest.approx(0.5 + 1.96 * 0.1, abs=0.002)
    assert table.p[0] == pytest.approx(2 * stats.norm.sf(5), rel=0.05)
    assert table.mde[0] == pytest.approx((1.96 + 0.8416) * 0.1, rel=0.01)


def test_equivalence_p_is_that_of_two_one_sided_t_tests():
    rng = np.random.default_rng(8)
    a, b = rng.normal(0, 1, 400), rng.normal(0.05, 1, 400)
    se = np.sqrt(a.var(ddof=1) / 400 + b.var(ddof=1) / 400)
    expected = ttost_ind(b, a, -0.2, 0.2, usevar="unequal")[0]
    table = rows(b.mean() - a.mean(), normal_draws(0.0, se), margin=np.array([0.2]))
    # Normal instead of t with 798 degrees of freedom: p differs in the third digit.
    assert table.p_equivalence[0] == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    ("estimate", "se", "verdict"),
    [
        (0.0, 0.05, "pass"),
        (0.15, 0.05, "inconclusive"),
        (0.5, 0.05, "fail"),
        (-0.5, 0.05, "fail"),
        (0.3, 0.2, "inconclusive"),
    ],
)
def test_verdict_of_a_structure(estimate, se, verdict):
    table = rows(estimate, normal_draws(estimate, se), margin=np.array([0.2]))
    assert table.verdict[0] == verdict
    assert (table.margin_low[0], table.margin_high[0]) == (-0.2, 0.2)


def test_many_structures_make_a_no_harder():
    alone = rows(0.28, normal_draws(0.28, 0.1), margin=np.array([0.2]))
    estimates = np.r_[0.28, np.zeros(39)]
    among = rows(estimates, normal_draws(estimates, 0.1), margin=np.full(40, 0.2))
    assert (alone.verdict[0], among.verdict[0]) == ("fail", "inconclusive")


def test_edges_need_not_be_symmetric():
    table = rows(-0.5, normal_draws(-0.5, 0.05), margin=np.array([[-np.inf, 0.2]]))
    assert table.verdict[0] == "pass"


def test_undefined_draws_are_a_status_not_a_number():
    draws = normal_draws([1.0, 1.0, 1.0], 0.1, n=200)
    draws[:4, 1] = np.nan  # 2 %: left out
    draws[:40, 2] = np.inf  # 20 %: no interval
    table = rows([1.0, 1.0, 1.0], draws, margin=np.full(3, 0.2), null=draws)
    assert table.status.tolist() == ["ok", "ok", "failed"]
    assert table.reason[2] == "undefined in 20 % of resamples"
    assert np.isfinite(table.ci_low[:2]).all()
    assert table.loc[2, ["ci_low", "ci_high", "p", "p_equivalence"]].isna().all()
    assert table.verdict[2] == ""


def test_undefined_estimate():
    table = rows([np.nan, 0.0], normal_draws([0.0, 0.0], 0.1, n=50), margin=np.full(2, 0.2))
    assert table.status.tolist() == ["failed", "ok"]
    assert table.reason[0] == "undefined on these subjects"
    assert table.verdict.tolist() == ["", "pass"]


def test_an_interval_stays_within_what_the_quantity_can_be():
    draws = np.linspace(0.7, 1.1, 101)[:, None]
    table = estimate_rows(
        question=2, analysis="x", quantity="x", structures=[""], estimate=np.array([0.9]), draws=draws,
        settings=Settings(), unit="share", n=(50, 50), no_effect=None, bounds=(0.0, 1.0),
    )  # fmt: skip
    assert table.ci_low[0] == pytest.approx(0.71)
    assert table.ci_high[0] == 1.0


def test_no_effect_none_gives_no_test():
    table = rows(0.4, normal_draws(0.4, 0.1), no_effect=None)
    assert pd.isna(table.p[0])
    assert pd.isna(table.q[0])


def test_quantiles_over_finite_values():
    draws = np.array([[1.0, np.nan, 1.0], [3.0, np.nan, np.inf], [2.0, np.nan, 3.0]])
    assert column_quantiles(draws, [0.5])[0][[0, 2]].tolist() == [2.0, 2.0]
    assert np.isnan(column_quantiles(draws, [0.5])[0][1])
    assert column_quantiles(np.ones((4, 2, 3)), [0.1, 0.9]).shape == (2, 2, 3)
