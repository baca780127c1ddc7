"""Agreement of two maps: unbiased under noise, and the same numbers as independent formulas."""

import numpy as np
import pytest
from scipy.optimize import minimize

from plausibrain.analysis.agreement import concordance, deming_slope, recovered, sign_agreement

RNG = np.random.default_rng(4)
TRUTH = RNG.normal(0, 0.3, 40)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, -1.0])
def test_recovered_factor_is_not_pulled_by_noise_of_the_reference(factor):
    n, se = 4000, 0.3  # as much noise as signal: without correction the factor would be halved
    reference = TRUTH + se * RNG.standard_normal((n, 40))
    generated = factor * TRUTH + se * RNG.standard_normal((n, 40))
    values = recovered(reference, generated, np.full((n, 40), se**2))
    known = values[np.isfinite(values)]
    # A ratio's median is off its target by about CV^2 of its denominator (0.3^2 here).
    assert np.median(known) == pytest.approx(factor, abs=0.08)
    naive = (reference * generated).sum(axis=1) / (reference**2).sum(axis=1)
    assert np.median(naive) == pytest.approx(factor * 0.5, abs=0.1)


def test_recovered_needs_a_map_larger_than_its_noise():
    assert np.isnan(recovered(np.array([[0.1, -0.1]]), np.array([[1.0, 1.0]]), np.array([[0.2, 0.2]]))).all()


def test_recovered_in_a_resample_takes_out_both_noises():
    # truth -> estimate -> resample of the estimate: the resample holds the noise twice.
    n, se = 4000, 0.2
    estimate = TRUTH + se * RNG.standard_normal((n, 40))
    again = estimate + se * RNG.standard_normal((n, 40))
    values = recovered(again, np.broadcast_to(TRUTH, again.shape), np.full((n, 40), 2 * se**2))
    assert np.nanmedian(values) == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize("ratio", [0.25, 1.0, 4.0])
def test_deming_minimises_the_distance_to_the_line(ratio):
    x = TRUTH + 0.05 * RNG.standard_normal(40)
    y = 0.7 * TRUTH + 0.1 + 0.05 * RNG.standard_normal(40)

    def distance(line):
        # Squared distance in units of the error: sqrt(ratio) along y for 1 along x.
        return ((y - line[0] * x - line[1]) ** 2).sum() / (ratio + line[0] ** 2)

    expected = minimize(
        distance, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13}
    ).x[0]
    assert deming_slope(x[None], y[None], ratio)[0] == pytest.approx(expected, rel=1e-5)


def test_concordance_by_hand():
    # means 2 and 3, variances 2/3 and 8/3, covariance 4/3: 2 * 4/3 / (2/3 + 8/3 + 1).
    x, y = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 3.0, 5.0]])
    assert concordance(x, y)[0] == pytest.approx(8 / 3 / (10 / 3 + 1))
    assert concordance(x, x)[0] == pytest.approx(1.0)
    assert concordance(x, 4 - x)[0] == pytest.approx(-1.0)


def test_sign_agreement_counts_structures():
    signs = sign_agreement(np.array([[1.0, -1.0, 2.0, -3.0]]), np.array([[0.1, 1.0, 5.0, -0.1]]))
    assert signs[0] == pytest.approx(0.75)
