"""Strata: membership, who gets a row, and weights outside."""

import numpy as np
import pytest
import statsmodels.api as sm

from plausibrain.analysis.settings import Settings
from plausibrain.analysis.strata import decade, restrict, shared_strata, strata_of
from tests.unit.analysis.factory import normal_cohort, pairs_of

PAIRS = pairs_of(normal_cohort(150, 1, name="r"), normal_cohort(140, 2, name="g"))
FRAME = PAIRS.full.frame


def test_decades():
    assert decade(np.array([9.99, 10.0, 65.0, 100.0])).tolist() == ["0-9", "10-19", "60-69", "100-109"]


def test_every_subject_is_in_one_decade_one_sex_and_one_cell():
    masks = strata_of(FRAME.reference.sample)
    for names in (["F", "M"], [n for n in masks if n[0].isdigit()], [n for n in masks if " " in n]):
        np.testing.assert_array_equal(np.sum([masks[n] for n in names], axis=0), 1)


def test_small_strata_get_no_row():
    names = [name for name, *_ in shared_strata(FRAME)]
    assert names[:2] == ["F", "M"]
    for name, reference, generated in shared_strata(FRAME):
        assert min(reference.sum(), generated.sum()) >= Settings().min_stratum, name
    masks = strata_of(FRAME.reference.sample), strata_of(FRAME.generated.sample)
    small = [n for n in masks[0] if n not in names]
    assert all(
        min(masks[0][n].sum(), masks[1].get(n, np.zeros(1)).sum()) < Settings().min_stratum for n in small
    )


@pytest.mark.parametrize("stratum", ["F", "M"])
def test_difference_within_a_stratum_is_its_own_regression(stratum):
    masks = {name: pair for name, *pair in shared_strata(FRAME)}[stratum]
    inside = restrict(PAIRS.full, *masks)
    y = np.concatenate(
        [p.outcomes[m, 0] for p, m in zip((FRAME.reference, FRAME.generated), masks, strict=True)]
    )
    kept = [i for i, name in enumerate(FRAME.columns) if name not in ("tiv", "sex")]
    x = [p.design[m][:, kept] for p, m in zip((FRAME.reference, FRAME.generated), masks, strict=True)]
    group = np.r_[np.zeros(len(x[0])), np.ones(len(x[1]))]
    gap = sm.OLS(y, np.column_stack([np.vstack(x), group])).fit().params[-1]
    sd = np.sqrt(sm.OLS(y[: len(x[0])], x[0]).fit().scale)
    # Sex is constant here: it must cost neither the estimate nor a degree of freedom.
    assert inside.difference("none")[0, 0] == pytest.approx(gap / sd, rel=1e-6)
