"""Intervals of a ratio of standard deviations with few subjects."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import polygamma

from plausibrain.analysis.evaluate import Headline
from plausibrain.analysis.pair import Pair, full_pair
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.regression import fit, moments
from plausibrain.analysis.spread_ratio import _residuals, error_of_one_shape, log_sd_ratio, unshrunk
from plausibrain.cohorts.cohort import Cohort
from tests.unit.analysis.factory import frame_of, normal_cohort, pairs_of

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


def skewed(n: int, seed: int) -> Cohort:
    """Return a cohort of whose volumes a factor is log-normal: the kurtosis of residuals is about 9."""
    cohort = normal_cohort(n, seed, name=f"c{seed}")
    assert cohort.volumes is not None
    rng = np.random.default_rng([seed, 5])
    volumes = cohort.volumes.copy()
    names = [name for name in volumes if name != "TIV"]
    volumes[names] *= np.exp(0.5 * rng.standard_normal((n, len(names))))
    return replace(cohort, volumes=volumes)


def own_error(pair: Pair) -> np.ndarray:
    """The error with the kurtosis of each cohort for itself, as a bootstrap of each has it."""
    parts = []
    for role in ("reference", "generated"):
        rest = _residuals(pair, role, "covariate")
        m, kurtosis = len(rest), (rest**4).mean(axis=0) / (rest**2).mean(axis=0) ** 2
        parts.append((kurtosis - (m - 3) / m) / (m - 1))
    return np.sqrt(sum(parts)) / 2


def test_a_small_sample_of_skewed_volumes_is_not_surer_than_it_is():
    """Of perfect generators few ratios lie beyond 3.3 errors; with each cohort's own kurtosis many do."""
    pooled, own = [], []
    for seed in range(60):
        pair = full_pair(frame_of(skewed(200, 2 * seed), skewed(60, 2 * seed + 1)))
        ratio = log_sd_ratio(pair, "covariate")[0]
        pooled.append(ratio / error_of_one_shape(pair, "covariate"))
        own.append(ratio / own_error(pair))
    far = [float((np.abs(np.array(values)[:, :-1]) > 3.3).mean()) for values in (pooled, own)]
    # Of normal ratios 0.001 lie as far; of 420, which are correlated, 3 (0.7 %) are 4 standard errors more.
    assert far[0] < 0.01
    assert far[1] > 2 * far[0]
