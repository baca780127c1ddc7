import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.cohorts.volumes import LabelMap, read_label_map, write_label_map, write_volume
from plausibrain.evaluation.image_job import ImageRecord, Progress
from plausibrain.evaluation.segment_cohort import segment_cohort, segmented_cohort
from plausibrain.evaluation.segment_files import Outcome, segmenters
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels

N = 4


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    """Four phantoms of which the third is half a file, with label maps beside."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    paths = []
    for k in range(N):
        path = write_volume(make_image(3.0, seed=k), tmp_path / "images" / f"sub-{k}_T1w.nii.gz")
        write_label_map(make_labels(3.0), tmp_path / "labels" / f"sub-{k}_dseg.nii.gz")
        paths.append(path)
    paths[2].write_bytes(paths[2].read_bytes()[: paths[2].stat().st_size // 2])
    identity = [f"sub-{k}" for k in range(N)]
    subjects = pd.DataFrame({"participant_id": identity, "subject": identity, "age": 30.0, "sex": "F"})
    return Cohort("phantoms", subjects, images=tuple(paths))


def run(cohort: Cohort, out: Path, **more: object) -> object:
    labels = str(cohort.images[0].parents[1] / "labels")
    return segment_cohort(cohort, out=out, segmenter="precomputed", options={"labels": labels}, **more)


def test_every_image_has_a_row_and_the_broken_one_a_reason(cohort: Cohort, tmp_path: Path) -> None:
    result = run(cohort, tmp_path / "store")
    assert list(result.table["status"]) == ["ok", "ok", "failed", "ok"]
    assert "sub-2_T1w.nii.gz: " in result.table["reason"].iloc[2]
    assert list(result.cohort.subjects["status"]) == ["ok", "ok", "excluded", "ok"]
    assert result.cohort.subjects["reason"].iloc[2].startswith("segmentation: ")
    assert result.cohort.segmenter == "precomputed"
    volumes = result.cohort.volumes
    assert volumes["Left-Hippocampus"].isna().tolist() == [False, False, True, False]
    counted = (make_labels(3.0).data == 17).sum() * 27.0
    assert volumes["Left-Hippocampus"].iloc[0] == pytest.approx(counted)
    labels = read_label_map(result.table["labels"].iloc[0])
    np.testing.assert_array_equal(labels.data, make_labels(3.0).data)


def test_a_second_run_repeats_nothing_and_a_lost_result_is_made_again(cohort: Cohort, tmp_path: Path) -> None:
    seen: list[Progress] = []
    first = run(cohort, tmp_path / "store", progress=seen.append)
    assert [p.done for p in seen] == [1, 2, 3, 4]
    assert seen[-1].n_fresh == N
    assert seen[-1].n_failed == 1
    assert seen[-1].seconds_left == 0
    Path(first.table["labels"].iloc[1]).unlink()
    seen.clear()
    again = run(cohort, tmp_path / "store", progress=seen.append)
    assert seen[-1].n_fresh == 1
    pd.testing.assert_frame_equal(first.cohort.volumes, again.cohort.volumes)


def test_a_half_written_result_is_made_again(cohort: Cohort, tmp_path: Path) -> None:
    run(cohort, tmp_path / "store")
    record = next((tmp_path / "store").rglob("*.json"))
    record.write_text(record.read_text()[:40])
    seen: list[Progress] = []
    run(cohort, tmp_path / "store", progress=seen.append)
    assert seen[-1].n_fresh == 1
    json.loads(record.read_text())


def test_another_image_under_the_same_name_is_segmented_again(cohort: Cohort, tmp_path: Path) -> None:
    run(cohort, tmp_path / "store")
    write_volume(make_image(3.0, seed=99), cohort.images[0])
    seen: list[Progress] = []
    run(cohort, tmp_path / "store", progress=seen.append)
    assert seen[-1].n_fresh == 1


def test_another_label_map_for_the_same_image_is_measured_again(cohort: Cohort, tmp_path: Path) -> None:
    first = run(cohort, tmp_path / "store")
    labels = make_labels(3.0)
    smaller = LabelMap(np.where(labels.data == 17, 2, labels.data), labels.affine)
    write_label_map(smaller, tmp_path / "labels" / "sub-0_dseg.nii.gz")
    again = run(cohort, tmp_path / "store")
    assert first.cohort.volumes["Left-Hippocampus"].iloc[0] > 0
    assert np.isnan(again.cohort.volumes["Left-Hippocampus"].iloc[0])


@pytest.mark.slow
def test_two_processes_give_the_same_table_in_the_same_order(cohort: Cohort, tmp_path: Path) -> None:
    alone = run(cohort, tmp_path / "one")
    together = run(cohort, tmp_path / "two", n_processes=2)
    pd.testing.assert_frame_equal(alone.cohort.volumes, together.cohort.volumes)
    columns = ["participant_id", "status", "reason"]
    pd.testing.assert_frame_equal(alone.table[columns], together.table[columns])


def test_rows_without_an_image_fail_and_the_others_do_not(cohort: Cohort, tmp_path: Path) -> None:
    images = (cohort.images[0], None, cohort.images[2], None)
    subjects = cohort.subjects.drop(columns=["status", "reason"])
    result = run(Cohort("gaps", subjects, images=images), tmp_path / "store")
    assert list(result.table["status"]) == ["ok", "failed", "failed", "failed"]
    assert result.table["reason"].iloc[1] == "this row has no image"


def test_a_cohort_without_images_or_an_unknown_option_is_an_error(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no images"):
        segment_cohort(Cohort("table", cohort.subjects), out=tmp_path)
    with pytest.raises(DataError, match="did you mean 'synthseg_style'"):
        segment_cohort(cohort, out=tmp_path, segmenter="synthsegstyle")
    with pytest.raises(DataError, match="has no option colour; it has labels, table"):
        segment_cohort(cohort, out=tmp_path, segmenter="precomputed", options={"labels": "x", "colour": 1})
    with pytest.raises(DataError, match="needs the option labels"):
        segment_cohort(cohort, out=tmp_path, segmenter="precomputed")


def test_a_missing_tool_stops_the_run(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="install FreeSurfer"):
        segment_cohort(cohort, out=tmp_path, segmenter="synthseg", options={"command": "no-such-program"})


def test_the_registry_finds_every_segmenter() -> None:
    assert {"precomputed", "synthseg", "synthseg_style", "synthseg_torch"} <= set(segmenters().names)
    for plugin in segmenters():
        assert {"image", "path", "paths"} & set(plugin.parameters), plugin.name


def test_what_is_odd_in_a_header_reaches_the_table_and_the_notes(cohort: Cohort, tmp_path: Path) -> None:
    image = nib.load(cohort.images[0])
    image.set_qform(np.diag([-3.0, 3.0, 3.0, 1.0]) @ image.affine)
    nib.save(image, cohort.images[0])
    result = run(cohort, tmp_path / "store")
    assert list(result.table["remarks"]) == ["sform and qform disagree; the sform was used", "", "", ""]
    assert result.table["status"].iloc[0] == "ok"
    said = [note.message for note in result.cohort.notes]
    assert said == ["1 of 4 images: sform and qform disagree; the sform was used"]
    again = run(cohort, tmp_path / "store")
    assert list(again.table["remarks"]) == list(result.table["remarks"])


def test_a_head_that_nobody_has_is_excluded(cohort: Cohort, tmp_path: Path) -> None:
    labels = make_labels(3.0)
    large = np.diag([1.2, 1.2, 1.2, 1.0]) @ labels.affine
    write_label_map(LabelMap(labels.data, large), tmp_path / "labels" / "sub-1_dseg.nii.gz")
    subjects = run(cohort, tmp_path / "store").cohort.subjects
    assert list(subjects["status"]) == ["ok", "excluded", "excluded", "ok"]
    size = (labels.data > 0).sum() * 27.0 * 1.2**3 / 1000
    assert subjects["reason"].iloc[1] == f"head size of {size:,.0f} mL is outside 750 to 2,300 mL"


def test_a_cohort_of_two_arithmetics_has_a_note(cohort: Cohort) -> None:
    """On a cluster some workers may have a GPU and some none."""
    kinds = ["cuda, bf16, 1 thread", "cpu, fp32, 1 thread", "cpu, fp32, 1 thread", ""]
    records = {row: ImageRecord(Outcome("ok", arithmetic=kind)) for row, kind in enumerate(kinds)}
    (note,) = segmented_cohort(cohort, records, "synthseg_style").cohort.notes
    assert "1 on cuda, bf16, 1 thread; 2 on cpu, fp32, 1 thread" in note.message
    alike = {row: ImageRecord(Outcome("ok", arithmetic=kinds[1])) for row in range(4)}
    assert not segmented_cohort(cohort, alike, "synthseg_style").cohort.notes
