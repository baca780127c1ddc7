"""Errors that follow complexity are found, those of lobes alone are not, and the null keeps its level."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from plausibrain.analysis.complexity import complexity_table, permuted_correlation, rank_interval
from plausibrain.cohorts.lobes import lobe_of
from plausibrain.cohorts.schemas import COMPLEXITY
from plausibrain.cohorts.structures import names

LEFT = [name for name in names("dk") if "-lh-" in name]
LOBES = np.array([lobe_of(name) for name in LEFT])


def both(left, rng, noise=0.1):
    """The same on both sides, but for noise."""
    return np.r_[left, left + noise * rng.standard_normal(len(left))]


def test_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    x, y = both(rng.standard_normal(34), rng), both(rng.standard_normal(34), rng)
    assert permuted_correlation(x, y, LOBES, n=99)["rho"] == pytest.approx(spearmanr(x, y).statistic)


def test_association_within_lobes_is_found():
    rng = np.random.default_rng(1)
    x = rng.standard_normal(34)
    y = x + 0.5 * rng.standard_normal(34)
    assert permuted_correlation(both(x, rng), both(y, rng), LOBES)["p"] < 0.001


def test_what_lobes_share_is_no_association():
    """Errors and complexity that differ between lobes alone: a plain test is certain, this one is not."""
    rng = np.random.default_rng(2)
    level = {lobe: i for i, lobe in enumerate(np.unique(LOBES))}
    shared = np.array([level[lobe] for lobe in LOBES], dtype=float)
    x, y = (both(shared + 0.1 * rng.standard_normal(34), rng) for _ in range(2))
    assert spearmanr(x, y).pvalue < 1e-6
    assert permuted_correlation(x, y, LOBES)["p"] > 0.01


def test_p_values_of_noise_that_both_sides_share_keep_their_level():
    rng = np.random.default_rng(3)
    p = [
        permuted_correlation(
            both(rng.standard_normal(34), rng), both(rng.standard_normal(34), rng), LOBES, n=199
        )["p"]
        for _ in range(300)
    ]
    # At most 5 %: more than 27 of 300 come by chance once in 1,000. A plain test gives about 17 %.
    assert np.mean(np.array(p) <= 0.05) < 27 / 300


def results(errors, quantity="adjusted_d"):
    return pd.DataFrame(
        {"quantity": quantity, "structure": list(names("dk")), "stratum": "all", "cohort": "difference",
         "headsize": "covariate", "estimate": errors}
    )  # fmt: skip


def geometry(values):
    return pd.DataFrame(
        {
            "structure": list(names("dk")),
            "fractal_dimension": values,
            "gyrification": values,
            "n": 5,
            "source": "reference",
        }
    )


def test_table_takes_sizes_of_errors_by_parcel():
    rng = np.random.default_rng(4)
    complexity = rng.uniform(2, 3, 68)
    signs = rng.choice([-1.0, 1.0], 68)
    table = complexity_table(results(signs * complexity), geometry(complexity), headsize="covariate")
    assert list(table) == [column.name for column in COMPLEXITY.columns]
    mine = table[table["error"] == "adjusted_d"]
    assert mine["rho"].tolist() == pytest.approx([1.0, 1.0])
    assert mine["n_parcels"].tolist() == [68, 68]
    assert table[table["error"] == "group_by_age"]["rho"].isna().all()


def test_regions_of_one_side_alone_are_left_out():
    table = complexity_table(
        results(np.arange(68.0)), geometry(np.arange(68.0)).iloc[1:], headsize="covariate"
    )
    assert table["n_parcels"].iloc[0] == 66


def test_interval_of_a_rank_correlation_covers_the_truth():
    """Of 400 samples of 34 regions with a true rank correlation of 0.48, about 95 % of intervals hold it."""
    rng = np.random.default_rng(5)
    r, hits = 0.5, 0
    truth = 6 / np.pi * np.arcsin(r / 2)
    for _ in range(400):
        x, noise = rng.standard_normal((2, 34))
        low, high = rank_interval(spearmanr(x, r * x + np.sqrt(1 - r**2) * noise).statistic, 34, 0.95)
        hits += low <= truth <= high
    assert 0.92 <= hits / 400 <= 0.98


def test_verdicts_follow_the_rule_of_the_scorecard():
    """Errors that follow complexity fail; those that are a fixed shuffle of it pass or stay open."""
    rng = np.random.default_rng(6)
    x = np.tile(rng.uniform(2, 3, 34), 2)
    followed = complexity_table(results(x), geometry(x), headsize="covariate")
    assert followed["verdict"].tolist() == ["fail"] * 2 + ["not measured"] * 4
    unrelated = np.tile(np.argsort(rng.permutation(34)), 2).astype(float)
    table = complexity_table(results(unrelated), geometry(x), headsize="covariate")
    assert "fail" not in set(table["verdict"])
    small = abs(table["rho"].iloc[0]) < 0.2
    assert table["verdict"].iloc[0] == ("pass" if small else "inconclusive")
    assert (table["margin"] == 0.5).all()
