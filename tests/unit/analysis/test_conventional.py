"""Conventional numbers are pingouin's, and those that were ours before are the same to 1e-9."""

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
import statsmodels.api as sm
from scipy import stats

from plausibrain.analysis.estimates.conventional import conventional
from plausibrain.analysis.estimates.size import hedges_g
from plausibrain.analysis.noise import estimate_noise
from plausibrain.analysis.pingouin_access import unrounded_pingouin
from tests.unit.analysis.factory import QUICK, normal_cohort, pairs_of
from tests.unit.analysis.test_noise_and_planning import visits

REFERENCE, GENERATED = normal_cohort(90, 1, name="r"), normal_cohort(70, 2, name="g", scale=1.02)
PAIRS = pairs_of(REFERENCE, GENERATED)
STRUCTURE = "Left-Hippocampus"


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    table = conventional(PAIRS)
    return table[table["structure"] == STRUCTURE].set_index("quantity")


def volumes(name: str = STRUCTURE) -> list[np.ndarray]:
    return [cohort.volumes[name].to_numpy() for cohort in (REFERENCE, GENERATED)]


def test_effect_sizes_that_were_right_stay_right_to_nine_digits(rows):
    reference, generated = volumes()
    at = PAIRS.full.frame.structures.index(STRUCTURE)
    ours = hedges_g(PAIRS.full)[0, at]
    assert ours == pytest.approx(pg.compute_effsize(generated, reference, eftype="hedges"), abs=1e-9)
    correction = 1 - 3 / (4 * (90 + 70 - 2) - 1)
    assert rows.loc["cohens_d_pooled", "estimate"] == pytest.approx(ours / correction, abs=1e-9)


def test_tests_are_those_of_other_packages(rows):
    reference, generated = volumes()
    welch = stats.ttest_ind(generated, reference, equal_var=False).pvalue
    row = rows.loc["cohens_d_pooled"]
    assert row["p"] == pytest.approx(welch, abs=1e-9)
    sd = np.sqrt((89 * reference.var(ddof=1) + 69 * generated.var(ddof=1)) / 158)
    lower = stats.ttest_ind(generated + 0.2 * sd, reference, alternative="greater").pvalue
    upper = stats.ttest_ind(generated - 0.2 * sd, reference, alternative="less").pvalue
    assert row["p_equivalence"] == pytest.approx(max(lower, upper), abs=1e-6)
    larger = np.mean(generated[:, None] > reference[None])
    assert rows.loc["common_language", "estimate"] == pytest.approx(larger, abs=1e-9)


def test_partial_correlation_is_that_of_residuals(rows):
    frame = PAIRS.full.frame
    both = frame.reference.sample, frame.generated.sample
    given = np.vstack([np.column_stack([s.age, s.male, s.tiv]) for s in both])
    given = sm.add_constant((given - given.mean(axis=0)) / given.std(axis=0))
    group, y = np.repeat([0.0, 1.0], [90, 70]), np.concatenate(volumes())
    left = [sm.OLS(v, given).fit().resid for v in (group, y)]
    row = rows.loc["partial_r_cohort"]
    assert row["estimate"] == pytest.approx(np.corrcoef(*left)[0, 1], abs=1e-9)
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert row["headsize"] == "covariate"


def test_several_seeds_of_a_subject_are_one_row():
    many = normal_cohort(70, 2, name="g", rows_per_subject=3)
    row = conventional(pairs_of(REFERENCE, many)).query(
        "structure == @STRUCTURE and quantity == 'cohens_d_pooled'"
    )
    means = many.volumes[STRUCTURE].groupby(many.subjects["subject"].to_numpy()).mean()
    expected = pg.compute_effsize(means.to_numpy(), volumes()[0], eftype="cohen")
    assert row["estimate"].iloc[0] == pytest.approx(expected, abs=1e-9)


def test_reliability_is_what_it_was_to_nine_digits():
    (first, second), _ = visits(0.4, n=80)
    table = estimate_noise(first, second, QUICK).set_index("structure")
    one, two = (c.volumes[STRUCTURE].to_numpy() for c in (first, second))
    within, between = ((one - two) ** 2).mean() / 2, 2 * ((one + two) / 2).var(ddof=1)
    row = table.loc[STRUCTURE]
    assert row["reliability"] == pytest.approx((between - within) / (between + within), abs=1e-9)
    assert row["reliability_low"] < row["reliability"] < row["reliability_high"]


def test_bias_and_limits_of_agreement_of_bland_and_altman():
    (first, second), _ = visits(0.4, n=80)
    later = second.volumes.assign(**{STRUCTURE: second.volumes[STRUCTURE] * 1.05})
    table = estimate_noise(first, second.__class__(**{**vars(second), "volumes": later}), QUICK)
    row = table.set_index("structure").loc[STRUCTURE]
    one, two = first.volumes[STRUCTURE].to_numpy(), later[STRUCTURE].to_numpy()
    percent = 100 * (two - one) / ((one + two).mean() / 2)
    assert row["bias_percent"] == pytest.approx(percent.mean(), abs=1e-9)
    assert row["limits_high"] == pytest.approx(percent.mean() + 1.96 * percent.std(ddof=1), abs=1e-9)
    assert row["p_bias"] == pytest.approx(stats.ttest_rel(two, one).pvalue, abs=1e-9)


def test_nothing_is_rounded_inside_and_options_are_put_back():
    before = dict(pg.options)
    rng = np.random.default_rng(0)
    with unrounded_pingouin() as inside:
        ends = inside.ttest(rng.normal(size=30), rng.normal(size=30))["CI95"].iloc[0]
    assert np.abs(np.round(ends, 2) - ends).max() > 1e-4
    assert dict(pg.options) == before
