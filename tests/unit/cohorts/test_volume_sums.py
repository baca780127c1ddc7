"""A head has the size of a head and holds its structures; a hippocampus of zero is no hippocampus."""

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV, names
from plausibrain.cohorts.volume_tables import VolumeTable, split_volume_table

HIPPOCAMPUS = "Left-Hippocampus"
N = 12


def rows() -> pd.DataFrame:
    """Twelve heads of about 1.4 L whose structures fill .8 of them; one per cent between subjects."""
    sizes = dict.fromkeys(names("aseg"), 8_000.0)
    sizes |= {f"{side}-Cerebral-{tissue}": 220_000.0 for side in ("Left", "Right") for tissue in ("Cortex",)}
    sizes |= {f"{side}-Cerebral-White-Matter": 220_000.0 for side in ("Left", "Right")}
    factor = 1 + np.random.default_rng(3).normal(0, 0.01, (N, 1))
    table = pd.DataFrame(factor * np.array(list(sizes.values())), columns=list(sizes))
    return table.assign(**{TIV: factor[:, 0] * 1.4e6}).set_axis(range(2, N + 2))


def split(table: pd.DataFrame, unit: str | None = None) -> VolumeTable:
    return split_volume_table(table, source="v.csv", unit=unit)


def test_sound_rows_stay() -> None:
    table = split(rows())
    assert (table.reason == "").all()
    assert not table.notes


@pytest.mark.parametrize(
    ("head", "why"),
    [(1.5e3, "head size outside 750 to 2,300 mL"), (3.244e6, "head size outside"), (4.4e6, "head size")],
)
def test_a_row_without_a_head_is_excluded(head: float, why: str) -> None:
    data = rows()
    data.loc[5, TIV] = head
    table = split(data)
    assert why in table.reason[5]
    assert (table.reason != "").sum() == 1
    assert table.volumes.loc[5].isna().all()
    assert any(note.kind == "excluded" and why in note.message for note in table.notes)


def test_a_row_whose_head_is_smaller_than_its_structures_is_excluded() -> None:
    data = rows()
    data.loc[5, TIV] = 0.8e6  # the structures sum to about 1.1 L
    assert "more than 1.2 times the head size" in split(data).reason[5]


def test_a_row_whose_structures_are_those_of_another_unit_is_excluded() -> None:
    data = rows()
    data.loc[5, list(names("aseg"))] /= 8  # counted in voxels of 2 mm
    assert "less than 40 % of the head" in split(data).reason[5]


@pytest.mark.parametrize("factor", [1 / 8, 1 / 1000, 3.0])
def test_a_total_in_another_unit_than_the_rest_is_refused_with_the_remedy(factor: float) -> None:
    with pytest.raises(DataError, match=r"times its head size.*not in mm3.*remove the column"):
        split(rows().assign(**{TIV: rows()[TIV] * factor}), unit=None if factor > 0.01 else "mm3")


def test_a_whole_table_in_voxels_is_refused_until_the_user_insists() -> None:
    small = rows() / 3
    with pytest.raises(
        DataError, match=r"median head size.*46\d(\.\d)? mL.*multiply by the volume of a voxel"
    ):
        split(small)
    assert (split(small, unit="mm3").reason == "").all()


def test_single_zeros_of_main_structures_are_missing() -> None:
    data = rows()
    data.loc[[4, 6, 9], HIPPOCAMPUS] = 0.0
    table = split(data)
    assert table.volumes[HIPPOCAMPUS].isna().to_numpy().nonzero()[0].tolist() == [2, 4, 7]
    assert (table.reason == "").all()
    assert [n.message for n in table.notes] == [
        f"{HIPPOCAMPUS} is zero in 3 of {N} rows and counts as missing there"
    ]


def test_a_structure_that_is_zero_for_everybody_stays() -> None:
    table = split(rows().assign(**{HIPPOCAMPUS: 0.0}))
    assert (table.volumes[HIPPOCAMPUS] == 0).all()
