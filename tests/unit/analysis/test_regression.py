"""Least squares from weighted sums of products, against statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm

from plausibrain.analysis import regression
from plausibrain.analysis.regression import fit, moments, with_group

N, P, S, B = 60, 4, 3, 5
RNG = np.random.default_rng(11)
X = np.column_stack([np.ones(N), RNG.normal(size=(N, P - 1))])
Y = X @ RNG.normal(size=(P, S)) + RNG.normal(size=(N, S))
COUNTS = RNG.integers(0, 4, size=(B, N))


def test_estimate_is_ordinary_least_squares():
    fitted = fit(moments(X, Y, np.ones((1, N))))
    for s in range(S):
        expected = sm.OLS(Y[:, s], X).fit()
        np.testing.assert_allclose(fitted.beta[0, :, s], expected.params, rtol=1e-10)
        assert fitted.variance[0, s] == pytest.approx(expected.scale, rel=1e-10)
        contrast = np.array([0.0, 1.0, -2.0, 0.5])
        value, se2 = fitted.contrast(contrast)
        tested = expected.t_test(contrast)
        assert value[0, s] == pytest.approx(float(tested.effect[0]), rel=1e-9)
        assert np.sqrt(se2[0, s]) == pytest.approx(float(np.squeeze(tested.sd)), rel=1e-9)


def test_frequency_weights_are_repeated_rows():
    fitted = fit(moments(X, Y, COUNTS))
    for b in range(B):
        rows = np.repeat(np.arange(N), COUNTS[b])
        weighted = sm.WLS(Y[:, 0], X, weights=COUNTS[b]).fit()
        repeated = sm.OLS(Y[rows, 0], X[rows]).fit()
        np.testing.assert_allclose(fitted.beta[b, :, 0], weighted.params, rtol=1e-9)
        np.testing.assert_allclose(fitted.beta[b, :, 0], repeated.params, rtol=1e-9)
        assert fitted.variance[b, 0] == pytest.approx(repeated.scale, rel=1e-9)


def test_blocks_of_rows_give_the_same_sums(monkeypatch):
    whole = moments(X, Y, COUNTS)
    monkeypatch.setattr(regression, "BLOCK_ROWS", 7)
    parts = moments(X, Y, COUNTS)
    for name in ("n", "xx", "xy", "yy"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12)


def test_group_indicator_and_its_products():
    group = np.arange(N) % 2
    first, second = (
        moments(X[group == g], Y[group == g], np.ones((1, int((group == g).sum())))) for g in (0, 1)
    )
    plain = sm.OLS(Y[:, 1], np.column_stack([X, group])).fit()
    np.testing.assert_allclose(fit(with_group(first, second)).beta[0, :, 1], plain.params, rtol=1e-9)
    full = sm.OLS(Y[:, 1], np.column_stack([X, group, group * X[:, 2], group * X[:, 3]])).fit()
    crossed = fit(with_group(first, second, by=(0, 2, 3)))
    np.testing.assert_allclose(crossed.beta[0, :, 1], full.params, rtol=1e-9)
    assert crossed.variance[0, 1] == pytest.approx(full.scale, rel=1e-9)


def test_selected_columns_and_removed_slope():
    m = moments(X, Y, np.ones((1, N)))
    chosen = sm.OLS(Y[:, 0], X[:, [0, 2]]).fit()
    np.testing.assert_allclose(fit(m.select([0, 2])).beta[0, :, 0], chosen.params, rtol=1e-9)
    slope = np.array([[0.5, -1.0, 2.0]])
    removed = fit(m.without_linear(slope, column=3).select([0, 1]))
    expected = sm.OLS(Y[:, 2] - 2.0 * X[:, 3], X[:, [0, 1]]).fit()
    np.testing.assert_allclose(removed.beta[0, :, 2], expected.params, rtol=1e-8)
    assert removed.variance[0, 2] == pytest.approx(expected.scale, rel=1e-8)


def test_a_column_that_follows_from_others_costs_no_degree_of_freedom():
    twice = np.column_stack([X, X[:, 1]])
    assert fit(moments(twice, Y, np.ones((1, N)))).variance[0, 0] == pytest.approx(
        sm.OLS(Y[:, 0], X).fit().scale
    )


def test_residual_variance_is_unknown_without_degrees_of_freedom():
    few = np.zeros((1, N))
    few[0, :P] = 1
    assert np.isnan(fit(moments(X, Y, few)).variance).all()
