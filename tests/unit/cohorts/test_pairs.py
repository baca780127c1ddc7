import pandas as pd
import pytest

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from tests.unit.cohorts.test_from_images import subjects

PAIRS = pd.DataFrame(
    {"first": ["p0", "p1", "p2"], "second": ["p1", "p2", "p0"], "ms_ssim": [0.6, 0.7, 0.8], "reason": ""}
)


def test_selecting_rows_keeps_the_pairs_among_them():
    cohort = Cohort("c", subjects(), pairs=PAIRS).select([2, 1])
    assert cohort.pairs["ms_ssim"].tolist() == [0.7]
    assert isinstance(cohort.pairs.index, pd.RangeIndex)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (PAIRS.drop(columns="second"), "pairs lack the column second"),
        (PAIRS.replace("p2", "q2"), "pairs name 'q2', who is not among its subjects"),
    ],
)
def test_pairs_are_of_subjects_of_the_cohort(pairs, message):
    with pytest.raises(DataError, match=message):
        Cohort("c", subjects(), pairs=pairs)
