"""Tables and folders as other programs write them: several tables, paths as ids, entities, other measures."""

import json
from pathlib import Path

import numpy as np
import pytest

from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.raw_tables import read_raw_table
from plausibrain.cohorts.structures import TIV
from plausibrain.cohorts.volumes import Volume, write_volume

N = 4
HEADS = [1.5e6, 1.45e6, 1.4e6, 1.6e6]


def write(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    separator = "," if path.suffix == ".csv" else "\t"
    path.write_text("\n".join(separator.join(map(str, row)) for row in [header, *rows]) + "\n")
    return path


def subjects(folder: Path, ids: list[str] | None = None) -> Path:
    ids = ids or [f"sub-0{i}" for i in range(N)]
    rows = [[name, 40 + i, "MF"[i % 2]] for i, name in enumerate(ids)]
    return write(folder / "participants.tsv", ["participant_id", "age", "sex"], rows)


def messages(cohort: Cohort, kind: str) -> str:
    return "\n".join(note.message for note in cohort.notes if note.kind == kind)


def freesurfer_tables(folder: Path) -> list[Path]:
    ids = [f"sub-0{i}" for i in range(N)]
    aseg = [[name, 4000 + i, HEADS[i], 77] for i, name in enumerate(ids)]
    files = [write(folder / "aseg.tsv", ["Measure:volume", "Left-Hippocampus", "eTIV", "BrainSegVol"], aseg)]
    for side in ("lh", "rh"):
        rows = [[name, 7000 + i, HEADS[i]] for i, name in reversed(list(enumerate(ids)))]
        header = [f"{side}.aparc.volume", f"{side}_insula_volume", "eTIV"]
        files.append(write(folder / f"{side}.tsv", header, rows))
    return files


def test_three_tables_of_freesurfer_become_one(tmp_path: Path) -> None:
    cohort = read_cohort(subjects(tmp_path), volumes=freesurfer_tables(tmp_path))
    assert list(cohort.volumes) == ["Left-Hippocampus", TIV, "ctx-lh-insula", "ctx-rh-insula"]
    assert cohort.volumes["ctx-rh-insula"].tolist() == [7000, 7001, 7002, 7003]
    assert cohort.segmenter == "freesurfer"
    assert "1 columns of aseg.tsv not used: BrainSegVol" in messages(cohort, "ignored")


def test_tables_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    files = freesurfer_tables(tmp_path)
    write(
        files[2],
        ["rh.aparc.volume", "rh_insula_volume", "eTIV"],
        [[f"sub-0{i}", 7000, 1.2e6] for i in range(N)],
    )
    with pytest.raises(DataError, match=r"aseg\.tsv and .*rh\.tsv both give TIV and differ; remove one"):
        read_cohort(subjects(tmp_path), volumes=files)


@pytest.mark.parametrize(
    ("segmented", "said", "tiv"),
    [
        ([0, 0, 0, 0], "it is zero in every row", HEADS),
        ([1.3e6] * N, "'EstimatedTotalIntraCranialVol' is head size", HEADS),
    ],
)
def test_the_second_head_size_of_freesurfer_8_is_said(
    segmented: list[float], said: str, tiv: list[float], tmp_path: Path
) -> None:
    rows = [[f"sub-0{i}", 4000 + i, segmented[i], HEADS[i]] for i in range(N)]
    header = ["Measure:volume", "Left-Hippocampus", "sTIV", "EstimatedTotalIntraCranialVol"]
    cohort = read_cohort(subjects(tmp_path), volumes=write(tmp_path / "v.tsv", header, rows))
    assert cohort.volumes[TIV].tolist() == tiv
    assert said in messages(cohort, "ignored")


def test_a_segmented_head_size_alone_is_used(tmp_path: Path) -> None:
    rows = [[f"sub-0{i}", 4000 + i, HEADS[i]] for i in range(N)]
    table = write(tmp_path / "v.tsv", ["id", "Left-Hippocampus", "SegmentedTotalIntraCranialVol"], rows)
    cohort = read_cohort(subjects(tmp_path), volumes=table)
    assert cohort.volumes[TIV].tolist() == HEADS
    assert "is read as head size" in messages(cohort, "coerced")


def test_a_table_of_fastsurfer_is_not_called_freesurfer(tmp_path: Path) -> None:
    rows = [[f"sub-0{i}", 4000 + i, 7000 + i, HEADS[i]] for i in range(N)]
    header = ["Measure:volume", "Left-Hippocampus", "Left-Thalamus-Proper", "eTIV"]
    for name in ("fastsurfer", "freesurfer"):
        table = write(tmp_path / name / "aseg.tsv", header, rows)
        assert read_cohort(subjects(tmp_path), volumes=table).segmenter == name


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ([f"lh_{name}_thickness" for name in ("insula", "cuneus", "lingual")], "cortical thickness"),
        (["lHip", "rHip", "lAmy", "rAmy"], "CAT12"),
        (["TIV", "GM", "WM", "CSF"], "CAT12"),
    ],
)
def test_tables_of_other_measures_say_what_they_are(columns: list[str], what: str, tmp_path: Path) -> None:
    kept = (
        [name for name in columns if name not in ("TIV", "CSF")] if what == "cortical thickness" else columns
    )
    table = write(tmp_path / "v.csv", ["id", *kept], [[f"sub-0{i}", *[2.5] * len(kept)] for i in range(N)])
    with pytest.raises(DataError, match=rf"{what}.*not read|too small for mm3"):
        read_cohort(subjects(tmp_path), volumes=table)


@pytest.mark.parametrize(
    "form", ["/data/proj/sub-0{}_T1w.nii.gz", "C:\\data\\sub-0{}.nii", "sub-0{}_T1w.nii.gz"]
)
def test_ids_that_are_paths_of_images_match(form: str, tmp_path: Path) -> None:
    rows = [[form.format(i), 4000 + i, HEADS[i]] for i in range(N)]
    table = write(tmp_path / "v.csv", ["subject", "left hippocampus", "total intracranial"], rows)
    assert read_cohort(subjects(tmp_path), volumes=table).volumes[TIV].tolist() == HEADS
    cohort = read_cohort(subjects(tmp_path, [form.format(i) for i in range(N)]), min_subjects=1)
    assert cohort.subjects["subject"].str.fullmatch(r"sub-0\d").all()


@pytest.mark.parametrize("name", ["../../sub-01.nii.gz", "/etc/passwd", "a/../b.nii"])
def test_other_paths_are_no_ids(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be used"):
        read_cohort(subjects(tmp_path, [name, "b", "c", "d"]))


def test_ids_with_a_session_match(tmp_path: Path) -> None:
    rows = [[f"sub-0{i}_ses-M12", 4000 + i, HEADS[i]] for i in range(N)]
    table = write(tmp_path / "v.csv", ["subject", "left hippocampus", "total intracranial"], rows)
    assert read_cohort(subjects(tmp_path), volumes=table).volumes[TIV].tolist() == HEADS


def images(folder: Path, names: tuple[str, ...]) -> Path:
    subjects(folder)
    for i in range(N):
        for name in names:
            target = folder / f"sub-0{i}" / "anat" / f"sub-0{i}_{name}T1w.nii.gz"
            target.parent.mkdir(parents=True, exist_ok=True)
            write_volume(Volume(np.ones((3, 3, 3)), np.eye(4)), target)
    return folder


def test_several_images_of_a_subject_can_be_chosen_by_entity(tmp_path: Path) -> None:
    folder = images(tmp_path, ("acq-mprage_", "acq-spgr_"))
    with pytest.raises(DataError, match=r"sub-00_acq-mprage_T1w.*sub-00_acq-spgr_T1w.*images='acq=mprage'"):
        read_cohort(folder)
    cohort = read_cohort(folder, images="acq=mprage")
    assert [path.name for path in cohort.images] == [f"sub-0{i}_acq-mprage_T1w.nii.gz" for i in range(N)]
    with pytest.raises(DataError, match=r"no image has acq=mp2rage; there are sub-00_acq-mprage"):
        read_cohort(folder, images="acq=mp2rage")


def test_a_contrast_agent_is_marked(tmp_path: Path) -> None:
    cohort = read_cohort(images(tmp_path, ("ce-gadolinium_",)))
    assert "4 images were taken with a contrast agent" in messages(cohort, "warning")


def test_a_header_in_the_middle_of_joined_files_is_dropped(tmp_path: Path) -> None:
    header = ["subject", "total intracranial", "left hippocampus"]
    rows = [[f"sub-0{i}", HEADS[i], 4000 + i] for i in range(N)]
    table = write(tmp_path / "v.csv", header, [*rows[:2], header, *rows[2:]])
    raw = read_raw_table(table)
    assert raw.frame.index.tolist() == [2, 3, 5, 6]
    assert [note.message[:23] for note in raw.notes] == ["1 rows repeat the heade"]
    assert read_cohort(subjects(tmp_path), volumes=table).volumes[TIV].tolist() == HEADS


def test_the_stated_unit_of_volumes_counts(tmp_path: Path) -> None:
    rows = [[f"sub-0{i}", HEADS[i] / 1000, 4 + i / 1000] for i in range(N)]
    table = write(tmp_path / "v.tsv", ["subject", "total intracranial", "left hippocampus"], rows)
    table.with_suffix(".json").write_text(
        json.dumps({name: {"Units": "mL"} for name in ("total intracranial", "left hippocampus")})
    )
    cohort = read_cohort(subjects(tmp_path), volumes=table)
    assert cohort.volumes[TIV].tolist() == pytest.approx(HEADS)
    assert "v.json states that volumes are in mL" in messages(cohort, "coerced")
