import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV
from plausibrain.cohorts.volume_tables import QC_GROUPS, read_volume_table, split_volume_table

HIPPO, TIV_TEXT = "Left-Hippocampus", "1500000"


def write(path, header, *rows):
    lines = [",".join(map(str, line)) for line in (header, *rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def split(unit=None, **columns):
    lines = pd.RangeIndex(2, 2 + len(next(iter(columns.values()))))
    return split_volume_table(pd.DataFrame(columns, index=lines), source="v.csv", unit=unit)


def test_synthseg_volumes(tmp_path):
    path = write(
        tmp_path / "v.csv",
        ["subject", "total intracranial", "left hippocampus", "ctx-lh-insula", "csf"],
        ["a", 1_500_000.5, 4000, 7000, 250_000],
    )
    table = read_volume_table(path)
    assert table.volumes.to_dict("records") == [
        {TIV: 1_500_000.5, HIPPO: 4000.0, "ctx-lh-insula": 7000.0, "CSF": 250_000.0}
    ]
    assert (table.segmenter, table.qc, table.notes, list(table.rest)) == ("synthseg", None, (), ["subject"])


def test_synthseg_volumes_and_scores_with_prefixes_beside_subjects(tmp_path):
    header = [
        "vol_left hippocampus",
        "vol_right hippocampus",
        *(f"qc_{group}" for group in QC_GROUPS),
        "id",
        "age",
        "sex",
    ]
    table = read_volume_table(write(tmp_path / "v.csv", header, [4000, 4100, *[0.8] * 8, "a", 60, "M"]))
    assert list(table.volumes) == [HIPPO, "Right-Hippocampus"]
    assert table.qc is not None
    assert list(table.qc) == list(QC_GROUPS)
    assert list(table.rest) == ["id", "age", "sex"]
    assert table.segmenter == "synthseg"


def test_a_table_of_scores_alone_is_no_table_of_volumes(tmp_path):
    table = read_volume_table(write(tmp_path / "qc.csv", ["subject", *QC_GROUPS], ["a", *[0.7] * 8]))
    assert table.volumes.empty
    assert table.qc is not None
    assert table.qc.iloc[0].tolist() == [0.7] * 8


def test_freesurfer_tables(tmp_path):
    path = tmp_path / "aseg.txt"
    path.write_text(
        "Measure:volume\tLeft-Thalamus-Proper\tlhCortexVol\tTotalGrayVol\tEstimatedTotalIntraCranialVol\n"
        "a\t7000\t250000\t600000\t1500000\n"
    )
    table = read_volume_table(path)
    assert list(table.volumes) == ["Left-Thalamus", "Left-Cerebral-Cortex", TIV]
    assert table.segmenter == "freesurfer"
    assert list(table.rest) == ["Measure:volume", "TotalGrayVol"]


def test_aparc_tables(tmp_path):
    path = tmp_path / "aparc.txt"
    path.write_text(
        "lh.aparc.volume\tlh_bankssts_volume\tlh_insula_volume\tlh_bankssts_thickness\teTIV\n"
        "a\t3000\t7000\t2.5\t1500000\n"
    )
    table = read_volume_table(path)
    assert list(table.volumes) == ["ctx-lh-bankssts", "ctx-lh-insula", TIV]
    assert "lh_bankssts_thickness" in table.rest


@pytest.mark.parametrize(
    ("columns", "segmenter"),
    [
        (["left hippocampus", "total intracranial"], "synthseg"),
        (["Left-Hippocampus", "eTIV"], "freesurfer"),
        (["lh_insula_volume"], "freesurfer"),
        (["Left-Hippocampus", "TIV"], "unknown"),
        (["ctx-lh-insula", "TIV"], "unknown"),
        (["left hippocampus", "Right-Hippocampus"], "unknown"),
    ],
)
def test_the_segmenter_follows_from_the_names(columns, segmenter):
    assert split(**{name: ["2000000"] for name in columns}).segmenter == segmenter


def test_two_columns_of_one_structure_must_agree():
    table = split(eTIV=["1500000.04"], EstimatedTotalIntraCranialVol=["1500000"])
    assert table.volumes[TIV].tolist() == [1500000.04]
    assert [note.kind for note in table.notes] == ["ignored"]
    with pytest.raises(DataError, match=r"v\.csv: columns 'eTIV' and 'ICV' both give TIV and differ"):
        split(eTIV=["1500000"], ICV=["1500010"])


@pytest.mark.parametrize(
    ("text", "remedy"),
    [("big", "correct it"), ("4,000", "write a decimal point"), ("4000 mm3", "correct it")],
)
def test_text_in_a_volume_is_named_with_its_line(text, remedy):
    with pytest.raises(
        DataError, match=rf"v\.csv: line 3, column '{HIPPO}': '{text}' is not a number; {remedy}"
    ):
        split(**{HIPPO: ["4000", text]})


def test_unusable_rows_stay_with_a_reason_and_no_volumes():
    table = split(
        **{
            TIV: [TIV_TEXT, "0", None, "1400000", "1300000", "inf"],
            HIPPO: ["4000", "0", None, "-3", None, "4000"],
            "participant_id": list("abcdef"),
        }
    )
    assert table.reason.tolist() == [
        "",
        "all volumes are zero",
        "all volumes are missing",
        "a volume is negative: Left-Hippocampus is -3",
        "",
        "a volume exceeds a cubic metre",
    ]
    assert table.volumes.notna().any(axis=1).tolist() == [True, False, False, False, True, False]
    assert [(note.kind, note.row) for note in table.notes] == [
        ("excluded", 4),
        ("excluded", 3),
        ("excluded", 7),
        ("excluded", 5),
    ]
    assert "1 of 6 rows excluded: all volumes are zero" in [note.message for note in table.notes]


def test_a_head_of_size_zero_is_no_head():
    assert split(**{TIV: [TIV_TEXT, "0"], HIPPO: ["4000", "4000"]}).reason.tolist() == [
        "",
        "head size is zero",
    ]


def test_a_main_structure_that_is_zero_for_everybody_stays_and_a_minor_one_goes():
    table = split(
        **{TIV: [TIV_TEXT] * 2, HIPPO: ["0", "0"], "Left-vessel": ["0", "0"], "Right-vessel": ["0", "3"]}
    )
    assert list(table.volumes) == [TIV, HIPPO, "Right-vessel"]
    assert [(note.kind, note.column) for note in table.notes] == [("ignored", "Left-vessel")]


@pytest.mark.parametrize("name", [TIV, "left hippocampus", "left cerebral cortex"])
def test_millilitres_ask_for_the_unit(name):
    litres = {TIV: "1500", "left hippocampus": "4", "left cerebral cortex": "250"}[name]
    with pytest.raises(
        DataError, match=r"too small for mm3; if the table is in mL, say so with volume_unit='mL'"
    ):
        split(**{name: [litres]})
    table = split("mL", **{name: [litres]})
    assert table.volumes.iloc[0, 0] == 1000 * float(litres)
    assert table.notes[0].kind == "coerced"
    assert split("mm3", **{name: [litres]}).volumes.iloc[0, 0] == float(litres)


def test_an_unknown_unit_is_refused():
    with pytest.raises(DataError, match="volume unit 'L' is unknown; use mm3 or mL"):
        split("L", **{TIV: ["1.5"]})


@pytest.mark.parametrize("score", ["-0.1", "1.2", "85"])
def test_scores_outside_0_to_1_are_refused(score):
    with pytest.raises(DataError, match=r"line 3: quality score 'thalamus' is .*; expected 0 to 1"):
        split(**{"qc_thalamus": ["0.8", score]})


def test_a_table_without_structures_gives_no_volumes():
    table = split(participant_id=["a"], age=["60"])
    assert table.volumes.empty
    assert table.segmenter == "unknown"
    assert table.reason.tolist() == [""]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=True), st.floats(allow_nan=True), st.sampled_from(["", "x", "1", None])
        ),
        min_size=1,
        max_size=6,
    )
)
def test_what_is_used_is_finite_and_not_negative(rows):
    columns = {TIV: [r[0] for r in rows], HIPPO: [r[1] for r in rows], "note": [r[2] for r in rows]}
    try:
        table = split("mm3", **columns)
    except DataError as error:
        if "times its head size" in str(error):  # structures and total are of different units
            return
        raise
    usable = table.volumes[table.reason == ""]
    assert not (usable < 0).to_numpy().any()
    assert not (usable > 1e9).to_numpy().any()
    assert usable.notna().any(axis=1).all()
    assert table.volumes[table.reason != ""].isna().to_numpy().all()
    original = pd.DataFrame({TIV: columns[TIV], HIPPO: columns[HIPPO]}, index=table.volumes.index)
    if (original[HIPPO] > 0).any():  # a single zero counts as missing
        original[HIPPO] = original[HIPPO].mask(original[HIPPO] == 0)
    pd.testing.assert_frame_equal(usable, original.loc[usable.index])
