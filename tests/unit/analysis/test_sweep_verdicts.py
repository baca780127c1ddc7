"""Verdicts on sweeps of invented models whose obedience and leaks are known."""

import numpy as np
import pandas as pd
import pytest

from plausibrain.analysis.settings import Settings
from plausibrain.analysis.sweep_verdicts import sweep_verdicts
from plausibrain.cohorts.schemas import SWEEP_VERDICTS

OTHERS = {"measured_brain_mm3": "brain", "measured_tiv_mm3": "tiv"}
LEVELS = np.linspace(0, 80_000, 9)


def strips(n, *, obeyed=1.0, outside=None, leak=0.0, noise=0.05, seed=0):
    """n strips: the slope on the request, inside and beyond 60 mL, and percent of brain over the range."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        own = obeyed + noise * rng.standard_normal()
        far = own if outside is None else outside + noise * rng.standard_normal()
        moved = leak + 20 * noise * rng.standard_normal()
        for x in LEVELS:
            inside = x <= 60_000
            ventricle = own * x if inside else own * 60_000 + far * (x - 60_000)
            rows.append(
                {"subject": f"s{i}", "requested": x, "inside_reference": inside,
                 "measured_ventricle_mm3": 20_000 + ventricle,
                 "measured_brain_mm3": 1e6 * (1 + moved / 100 * (x - 30_000) / 60_000),
                 "measured_tiv_mm3": 1.5e6}
            )  # fmt: skip
    return pd.DataFrame(rows)


def verdicts(rows, condition="ventricle volume"):
    table = sweep_verdicts(
        rows, condition=condition, own="measured_ventricle_mm3", others=OTHERS, settings=Settings()
    )
    return table.set_index(["quantity", "range"])


INSIDE, OUTSIDE = "inside the reference", "outside the reference"


def test_perfect_model_passes_everything():
    table = verdicts(strips(8))
    assert set(table["verdict"]) == {"pass"}
    assert list(verdicts(strips(8)).reset_index()) == [column.name for column in SWEEP_VERDICTS.columns]


def test_half_obedience_fails_and_is_measured():
    row = verdicts(strips(8, obeyed=0.5)).loc["slope", INSIDE]
    assert row["verdict"] == "fail"
    assert row["ci_low"] <= 0.5 <= row["ci_high"]


def test_extrapolation_has_its_own_verdict():
    table = verdicts(strips(8, outside=0.2))
    assert table.loc[("slope", INSIDE), "verdict"] == "pass"
    assert table.loc[("slope", OUTSIDE), "verdict"] == "fail"


@pytest.mark.parametrize(("leak", "expected"), [(0.0, "pass"), (-8.0, "fail"), (2.0, "inconclusive")])
def test_leak_into_brain(leak, expected):
    table = verdicts(strips(10, leak=leak))
    assert table.loc[("leak into brain", INSIDE), "verdict"] == expected
    assert table.loc[("leak into tiv", INSIDE), "verdict"] == "pass"


def test_what_follows_age_in_subjects_is_no_leak():
    table = verdicts(strips(8, leak=-30.0), condition="age")
    assert table.loc[("leak into brain", INSIDE), "verdict"] == "not judged"
    assert "follows age" in table.loc[("leak into brain", INSIDE), "reason"]


def test_two_strips_decide_nothing():
    table = verdicts(strips(2, obeyed=0.0))
    assert set(table["verdict"]) == {"inconclusive"}
    assert table["reason"].str.contains("2 strips, at least 3").all()


def test_a_range_with_one_image_per_strip_has_no_slope_and_holds_up_nothing():
    rows = strips(4)
    outside = rows[~rows["inside_reference"]].groupby("subject").head(1)
    table = verdicts(pd.concat([rows[rows["inside_reference"]], outside]))
    assert table.loc[("slope", OUTSIDE), ["verdict", "reason"]].tolist() == [
        "not measured", "no strip has two images outside the reference",
    ]  # fmt: skip
    assert table.loc[("slope", INSIDE), "verdict"] == "pass"


def test_failed_images_are_left_out():
    rows = strips(6)
    rows.loc[rows.index[::7], [c for c in rows if c.startswith("measured")]] = np.nan
    assert verdicts(rows).loc[("slope", INSIDE), "verdict"] == "pass"


def test_false_alarms_keep_their_level():
    fails = [(verdicts(strips(5, noise=0.4, seed=s))["verdict"] == "fail").any() for s in range(120)]
    # 5 %: more than 13 of 120 come by chance once in 200.
    assert np.sum(fails) <= 13
