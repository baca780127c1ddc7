"""The strip: one scale for everything on it, in units of the margin."""

import pytest

from plausibrain.reports.strip import WIDTH, at_equal_n, strip

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


DISTANCE = {
    "against_null": True,
    "estimate": 17.6,
    "ci_low": 16.6,
    "ci_high": 18.6,
    "judged": 8.0,
    "margin_low": None,
    "margin_high": 10.4,
    "ideal": 0.0,
    "null": {"low": 10.0, "median": 11.0, "high": 12.0, "n": 137},
}


def test_what_depends_on_n_is_drawn_at_the_n_of_the_null() -> None:
    moved = at_equal_n(DISTANCE)
    assert moved["estimate"] == pytest.approx(11.0 + 8.0)
    assert (moved["ci_low"], moved["ci_high"]) == pytest.approx((18.0, 20.0))
    # The margin keeps its distance from the estimate: 17.6 - 10.4 = 7.2.
    assert moved["margin_high"] == pytest.approx(19.0 - 7.2)
    assert moved["ideal"] == 11.0
    drawn = strip(DISTANCE)
    assert drawn is not None
    assert drawn.band is not None
    assert drawn.null_median is not None
    assert drawn.band[0] < drawn.null_median < drawn.band[1]


@pytest.mark.parametrize("change", [{"against_null": False}, {"judged": None}, {"null": None}])
def test_everything_else_stays_where_it_is(change: dict[str, object]) -> None:
    assert at_equal_n(DISTANCE | change) == DISTANCE | change
