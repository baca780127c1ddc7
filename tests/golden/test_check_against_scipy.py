"""The worsening of a mean, against scipy's t tests on the same subjects (scipy.stats.ttest_rel, ttest_ind).

The headline is the mean of one number per generated subject and less is better, so its worsening is the
difference of two means: paired when both runs have the same subjects, unpaired when they have not.
scipy's intervals use the t distribution and no resampling; with 400 subjects and 4,000 draws both agree
within the noise of the draws (the standard error of a bootstrap standard error is 1 / sqrt(2 × 4000) =
1.1 %; 5 % are allowed).
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from plausibrain.reports.baseline_snapshot import Facts, Snapshot
from plausibrain.reports.check.outcomes import judge
from plausibrain.reports.check.rules import Rules

N, N_DRAWS = 400, 4000


def snapshot(name: str, values: np.ndarray, weights: np.ndarray) -> Snapshot:
    draws = weights @ values / N
    headline = {
        "name": "mean",
        "better": "lower",
        "ideal": 0.0,
        "estimate": values.mean(),
        "se": draws.std(),
        "n_generated": N,
        "n_reference": N,
    }
    facts = {
        "name": name,
        "fingerprint": "f",
        "reference": {"subjects_hash": "r", "content_hash": "r"},
        "questions": [{"number": 1, "name": "Usable images", "headlines": [headline]}],
    }
    return Snapshot(Facts.model_validate(facts), Path(name), pd.DataFrame({"mean": draws}))


def worsening_bounds(old: Snapshot, new: Snapshot) -> tuple[float, float]:
    result = judge(new, old, Rules.model_validate({"rules": [{"headlines": "*"}], "alpha": 0.025}))
    (row,) = result.rows
    return row.low, row.high


@pytest.mark.parametrize("seed", range(3))
def test_paired_and_unpaired_bounds_agree_with_scipy(seed):
    rng = np.random.default_rng(seed)
    subject = rng.gamma(4.0, 1.0, N)
    old, new = subject + rng.normal(0, 0.5, N), subject + rng.normal(0.1, 0.5, N)
    first, second = (rng.multinomial(N, np.full(N, 1 / N), N_DRAWS) for _ in range(2))
    paired = worsening_bounds(snapshot("old", old, first), snapshot("new", new, first))
    unpaired = worsening_bounds(snapshot("old", old, first), snapshot("new", new, second))
    expected = {
        paired: stats.ttest_rel(new, old).confidence_interval(0.95),
        unpaired: stats.ttest_ind(new, old, equal_var=False).confidence_interval(0.95),
    }
    for (low, high), interval in expected.items():
        width = interval.high - interval.low
        assert (low, high) == pytest.approx((interval.low, interval.high), abs=0.05 * width)
    assert paired[1] - paired[0] < 0.5 * (unpaired[1] - unpaired[0])
