"""Intervals of a ratio of standard deviations with few subjects."""

import numpy as np
import pytest
from scipy.special import polygamma

from plausibrain.analysis.evaluate import Headline
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.regression import fit, moments
from plausibrain.analysis.spread_ratio import unshrunk
from tests.unit.analysis.factory import normal_cohort, pairs_of

N, COLUMNS, SAMPLES, RESAMPLES = 60, 6, 300, 300


def test_resampled_variances_lie_and_vary_as_those_of_new_samples():
    """The logarithm of a chi-square with n - p degrees of freedom has the variance trigamma((n - p) / 2)."""
    rng = np.random.default_rng(0)
    design = np.column_stack([np.ones(N), rng.standard_normal((N, COLUMNS - 1))])
    outcomes = rng.standard_normal((N, SAMPLES))  # every column is a sample of its own
    whole = fit(moments(design, outcomes, np.ones((1, N)))).variance
    draws = fit(moments(design, outcomes, rng.multinomial(N, [1 / N] * N, RESAMPLES))).variance
    level = np.log(unshrunk(draws, N, COLUMNS) / whole)
    # The median of 300 resamples of 300 samples is known to .001; a skewed logarithm has it .01 off its mean.
    assert abs(np.median(level)) < 0.02
    assert np.median(np.log(draws / whole)) == pytest.approx(np.log(1 - COLUMNS / N), abs=0.02)
    spread = np.sqrt((level.std(axis=0) ** 2).mean())
    assert spread == pytest.approx(np.sqrt(polygamma(1, (N - COLUMNS) / 2)), rel=0.05)


def test_interval_of_a_ratio_is_symmetric_on_the_logarithmic_scale():
    plugin = next(p for p in all_headlines() if p.name == "spread_head")
    frame = pairs_of(normal_cohort(60, 1, name="r"), normal_cohort(60, 2, name="g")).full.frame
    draws = 0.8 * np.exp(0.1 * np.random.default_rng(0).standard_normal(4000))
    h = Headline(plugin, frame, "ok", "", 0.8, draws, judged=0.8, margin=(0.8, 1.25))
    low, high = h.interval(0.95)
    assert low * high == pytest.approx(0.8**2)
    # t quantile of 60 - p degrees of freedom, p between 4 and 8, is 2.00 to 2.01; the SD is known to 1 %.
    assert np.log(high / 0.8) == pytest.approx(0.2005, rel=0.03)
