"""Rounding: digits follow the interval, and nothing missing looks like a number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plausibrain.reports import formatting as f

NUMBERS = st.floats(min_value=-1e7, max_value=1e7, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "low", "high", "unit", "expected"),
    [
        (0.6123, 0.4912, 0.7234, "SD", ("0.61", "0.49 to 0.72")),
        (1453012.0, 1440000.0, 1466000.0, "mm3", ("1,453", "1,440 to 1,466")),
        (0.02512, 0.0012, 0.0489, "share", ("2.5", "0.1 to 4.9")),
        (-0.004, -0.2, 0.2, "", ("0.00", "−0.20 to 0.20")),
        (12.0, 12.0, 12.0, "", ("12.00", "12.00 to 12.00")),
    ],
)
def test_estimates_are_rounded_by_their_interval(
    value: float, low: float, high: float, unit: str, expected: tuple[str, str]
) -> None:
    assert (f.estimate(value, low, high, unit), f.interval(low, high, unit)) == expected


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "", "text", [], True])
def test_missing_is_a_dash_everywhere(value: object) -> None:
    assert f.is_missing(value)
    for write in (f.number, f.count, f.p_value, f.percent, f.bound):
        assert write(value) == f.MISSING
    assert f.estimate(value, 0, 1) == f.MISSING
    assert f.interval(value, 1) == f.MISSING


def test_signs() -> None:
    assert f.fixed(-1.5, 1) == "−1.5"
    assert f.fixed(1.5, 1, signed=True) == "+1.5"
    assert f.fixed(-0.001, 2, signed=True) == "0.00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "< 0.001"), (0.00099, "< 0.001"), (0.0044, "0.004"), (0.049, "0.05"), (1.0, "1.00")],
)
def test_p_values(value: float, expected: str) -> None:
    assert f.p_value(value) == expected


@given(low=NUMBERS, width=st.floats(min_value=1e-3, max_value=1e6))
def test_a_rounded_interval_keeps_its_width_within_ten_percent(low: float, width: float) -> None:
    high = low + width
    shown = [float(end.replace(",", "").replace("−", "-")) for end in f.interval(low, high).split(" to ")]
    # Two significant digits of the width: each end moves by at most half of its second digit, 5 %.
    assert shown[1] - shown[0] == pytest.approx(high - low, rel=0.101)


@given(NUMBERS)
def test_numbers_keep_three_digits(value: float) -> None:
    shown = float(f.number(value).replace(",", "").replace("−", "-"))
    # Four decimals at most, so very small numbers round to 0.
    assert shown == pytest.approx(value, rel=0.005, abs=0.00005)


@pytest.mark.parametrize(
    ("unit", "shown"),
    [("mm3", "mL"), ("share", "%"), ("ratio of SDs", ""), ("furlong", "furlong"), (None, "")],
)
def test_units(unit: object, shown: str) -> None:
    assert f.shown_unit(unit) == shown


def test_listing() -> None:
    assert f.listing([]) == ""
    assert f.listing(["a"]) == "a"
    assert f.listing(["a", "b", "c"]) == "a, b and c"


def test_typographic_leaves_words_and_ranges_alone() -> None:
    assert f.typographic("50-59 years, sub-01, 1e-4, x -3") == "50-59\u00a0years, sub-01, 1e-4, x −3"


def test_plain_answer_is_never_empty() -> None:
    assert f.plain_answer("Split-half reference: 1.") == "Split-half reference: 1."
