"""An injected difference of protocol is detected and removed; an error is not."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.segmentation_protocol import (
    THRESHOLDS,
    ceiling_lines,
    compare_volumes,
    corrected_dice,
    count_volumes,
    family_volumes,
    halves,
    matching_threshold,
    norm_volumes,
)
from plausibrain.cohorts.volumes import LabelMap


def curves_of(posterior: np.ndarray, manual: np.ndarray, scan: str, half: int) -> pd.DataFrame:
    found = [(0.0, posterior > 0.5), *((t, posterior > t) for t in THRESHOLDS)]
    rows = [("Putamen", t, int(x.sum()), int((x & manual).sum()), int(manual.sum())) for t, x in found]
    table = pd.DataFrame(rows, columns=["region", "threshold", "found", "both", "manual"])
    return table.assign(scan=scan, half=half)


def distance(shift: float = 0.0) -> np.ndarray:
    axis = np.arange(40) - 19.5
    return np.sqrt((axis[:, None, None] - shift) ** 2 + axis[:, None] ** 2 + axis**2)


def posterior(shift: float = 0.0) -> np.ndarray:
    return 1 / (1 + np.exp(distance(shift) - 12))


def test_a_smaller_protocol_is_taken_out_by_the_other_half() -> None:
    """Ours ends at 12 mm, theirs at 10: Dice is low as it is and near one at 1 / (1 + exp(-2)) = .88."""
    manual = distance() < 10
    curves = pd.concat([curves_of(posterior(), manual, str(k), k % 2) for k in range(4)])
    row = corrected_dice(curves).loc["Putamen"]
    assert row["before"] == pytest.approx(2 / (1 + 1.2**3), abs=0.02)
    assert row["first"] == row["second"] == pytest.approx(0.88)
    assert row["after"] > 0.99
    assert abs(row["bias"]) < 2


def test_a_misplaced_structure_stays_wrong() -> None:
    curves = pd.concat([curves_of(posterior(8), distance() < 10, str(k), k % 2) for k in range(4)])
    assert corrected_dice(curves).loc["Putamen", "after"] < 0.6


def test_each_half_is_corrected_by_the_other() -> None:
    """Two protocols: the threshold of one half is wrong for the other, and nobody is judged by their own."""
    small, large = distance() < 9, distance() < 12
    curves = pd.concat([curves_of(posterior(), m, str(k), k) for k, m in enumerate((small, large))])
    row = corrected_dice(curves).loc["Putamen"]
    assert row["first"] == matching_threshold(curves[curves["half"] == 0]) > row["second"]
    assert row["after"] < 0.75


def test_scans_of_one_subject_share_a_half() -> None:
    assert halves(["b", "a", "b", "c"]) == [1, 0, 1, 0]


def test_families_join_ventricles_and_sides() -> None:
    labels = np.zeros((4, 4, 4), np.int32)
    labels[0, 0, :3] = 4, 14, 137
    labels[1, 1, :2] = 12, 51
    volumes = family_volumes(count_volumes(LabelMap(labels, np.diag([10.0, 10, 10, 1]))))
    assert volumes["Ventricles"] == pytest.approx(3)
    assert volumes["Putamen"] == pytest.approx(2)


def test_the_tables_say_what_was_measured() -> None:
    subjects = pd.DataFrame({"age": [60.0, 60.0], "sex": ["M", "F"]})
    norms = norm_volumes(subjects)
    assert norms["Putamen"] == pytest.approx(4.65 + 4.25)
    ours = pd.DataFrame([norms * 1.1])
    manual = pd.DataFrame([norms / 1.2])
    line = next(x for x in compare_volumes(ours, norms, manual, ours) if x.startswith("| Putamen"))
    assert line == "| Putamen | 7.4 | 9.8 | 8.9 | 9.8 | +20 % | +32 % | +10 % |"
    alone = next(x for x in compare_volumes(ours, norms, None, ours) if x.startswith("| Putamen"))
    assert alone == "| Putamen |  | 9.8 | 8.9 | 9.8 |  |  | +10 % |"
    table = pd.DataFrame(
        [(0.8, 0.9, 0.6, 0.7, -1.0)], ["Putamen"], ["before", "after", "first", "second", "bias"]
    )
    assert ceiling_lines(table, {"Putamen": 0.88})[2].endswith("| -1.0 | 0.88 | yes |")
