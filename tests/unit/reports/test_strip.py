"""The strip: one scale for everything on it, in units of the margin."""

import pytest

from reports.strip import WIDTH, strip

BASE = {
    "estimate": 0.0, "ci_low": -0.1, "ci_high": 0.1, "margin_low": -0.2, "margin_high": 0.2, "ideal": 0.0,
    "null": {"low": -0.1, "median": 0.0, "high": 0.1},
}  # fmt: skip


def test_band_has_the_same_place_whatever_the_unit() -> None:
    small = strip(BASE)
    large = strip(BASE | {"margin_low": 700.0, "margin_high": 1300.0, "estimate": 1000.0, "ideal": 1000.0})
    assert small is not None
    assert large is not None
    assert small.band == large.band == (84.0, 156.0)
    assert small.estimate == large.estimate == WIDTH / 2


def test_all_marks_share_one_scale() -> None:
    drawn = strip(BASE)
    assert drawn is not None
    assert drawn.interval == drawn.null == (102.0, 138.0)


@pytest.mark.parametrize(
    ("shift", "low", "high"), [(5.0, False, True), (-5.0, True, False), (0.0, False, False)]
)
def test_what_is_beyond_the_strip_is_marked(shift: float, *, low: bool, high: bool) -> None:
    moved = {key: float(BASE[key]) + shift for key in ("estimate", "ci_low", "ci_high")}
    drawn = strip(BASE | moved)
    assert drawn is not None
    assert (drawn.clipped_low, drawn.clipped_high) == (low, high)
    assert drawn.estimate is not None
    assert 0 <= drawn.estimate <= WIDTH


def test_one_sided_margin_reaches_its_open_end() -> None:
    upper = strip(BASE | {"margin_low": None})
    lower = strip(BASE | {"margin_high": None})
    assert upper is not None
    assert lower is not None
    assert upper.band is not None
    assert lower.band is not None
    assert upper.band[0] == 0
    assert lower.band[1] == WIDTH


def test_missing_parts_are_left_out() -> None:
    drawn = strip({"estimate": 1.0})
    assert drawn is not None
    assert (drawn.band, drawn.null, drawn.interval, drawn.ideal) == (None, None, None, None)


def test_no_estimate_no_strip() -> None:
    assert strip(BASE | {"estimate": None}) is None
    assert strip({}) is None
