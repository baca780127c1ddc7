"""One image, one visit: read, hashed and decoded once for all that is done with it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.store import Store
from plausibrain.cohorts.volumes import write_label_map, write_volume
from plausibrain.evaluation import measure_image, open_image
from plausibrain.evaluation.extract_cohort import extracted_cohort, extracting
from plausibrain.evaluation.extract_image import NamedExtractor, named_extractors
from plausibrain.evaluation.image_job import ImageRecord, Measuring, Segmenting, Steps, visit_images
from plausibrain.evaluation.image_source import Source
from plausibrain.evaluation.measure_cohort import measure_cohort, measured_cohort
from plausibrain.evaluation.measuring import all_measures
from plausibrain.evaluation.scratch import Scratch
from plausibrain.evaluation.segment_cohort import segment_cohort, segmented_cohort
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels

VOXEL_MM = 3.0
N = 3


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("heads")
    for name in ("images", "labels"):
        (folder / name).mkdir()
    ids = [f"sub-{k}" for k in range(N)]
    images = []
    for k, name in enumerate(ids):
        image = make_image(VOXEL_MM, seed=k, noise=2.0 + k)
        images.append(write_volume(image, folder / "images" / f"{name}_T1w.nii.gz"))
        write_label_map(make_labels(VOXEL_MM), folder / "labels" / f"{name}_dseg.nii.gz")
    subjects = pd.DataFrame({"participant_id": ids, "subject": ids, "age": 30.0, "sex": "F"})
    return Cohort("heads", subjects, images=tuple(images), source=folder)


@pytest.fixture(scope="module")
def chosen() -> list[NamedExtractor]:
    return named_extractors(["low_resolution"], {}, VOXEL_MM)


def steps(cohort: Cohort, out: Path, chosen: list[NamedExtractor]) -> Steps:
    labels = {"labels": str(cohort.source / "labels")}
    return Steps(
        Segmenting("precomputed", labels, out / "segmented"),
        Measuring(VOXEL_MM, out / "measured"),
        extracting(chosen, voxel_mm=VOXEL_MM, folder=out / "extracted"),
    )


def visit(cohort: Cohort, wanted: Steps, **more: object) -> dict[int, ImageRecord]:
    return dict(visit_images(cohort.images, (None,) * len(cohort), wanted, **more))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """What was done with files of images, by name of the work."""
    counts: Counter = Counter()
    real = {name: getattr(open_image, name) for name in ("read_bytes", "read_volume", "condition")}
    sha256 = open_image.hashlib.sha256

    def count(name: str, what: str):
        def counting(*given: object, **more: object) -> object:
            if what == "condition" or "_T1w" in str(given[0]):
                counts[name] += 1
            return real[what](*given, **more)

        return counting

    class Hashing:
        @staticmethod
        def sha256(content: bytes) -> object:
            counts["hashed"] += content in contents
            return sha256(content)

    contents: set[bytes] = set()

    def reading(path: Path) -> bytes:
        content = real["read_bytes"](path)
        if "_T1w" in path.name:
            counts["read"] += 1
            contents.add(content)
        return content

    monkeypatch.setattr(open_image, "read_bytes", reading)
    monkeypatch.setattr(open_image, "read_volume", count("decoded", "read_volume"))
    monkeypatch.setattr(open_image, "condition", count("conditioned", "condition"))
    monkeypatch.setattr(open_image, "hashlib", Hashing)
    return counts


def test_every_image_is_read_hashed_decoded_and_conditioned_once(cohort, chosen, tmp_path, counted):
    wanted = steps(cohort, tmp_path, chosen)
    first = visit(cohort, wanted)
    assert all(record.fresh and not record.reason for record in first.values())
    assert counted == {"read": N, "hashed": N, "decoded": N, "conditioned": N}
    counted.clear()
    again = visit(cohort, wanted)
    assert not any(record.fresh for record in again.values())
    assert counted == {"read": N, "hashed": N}, "a second run needs the hash alone"
    assert [record.hashes for record in again.values()] == [record.hashes for record in first.values()]


def test_what_a_visit_leaves_is_what_who_opens_the_image_gets(cohort, chosen, tmp_path, counted):
    scratch = Scratch(tmp_path / "scratch", VOXEL_MM)
    wanted = replace(steps(cohort, tmp_path, chosen), scratch=scratch)
    records = visit(cohort, wanted)
    assert counted == {"read": N, "hashed": N, "decoded": N, "conditioned": N}, "and nothing is done for it"
    counted.clear()
    for row, record in records.items():
        source = Source(cohort.images[row], record.outcome.labels, record.hashes, scratch)
        brain, view = source.brain(VOXEL_MM), source.view(VOXEL_MM)
        assert not counted
        again = replace(source, scratch=None)
        np.testing.assert_array_equal(brain, again.brain(VOXEL_MM))
        other = again.view(VOXEL_MM)
        for part in ("planes", "pose"):
            picture, same = getattr(view, part), getattr(other, part)
            assert picture.png() == same.png()
            assert picture.outline_png() == same.outline_png()
            assert picture.remark == same.remark == ""
        assert view.volume() == other.volume()
        counted.clear()
    for path in scratch.folder.rglob("*.npz"):
        path.write_bytes(b"half a fi")
    np.testing.assert_array_equal(source.brain(VOXEL_MM), brain)
    assert counted["decoded"] == 1, "what is damaged is not used"


def test_a_visit_that_finds_all_in_the_store_leaves_nothing(cohort, chosen, tmp_path, counted):
    wanted = steps(cohort, tmp_path, chosen)
    visit(cohort, wanted)
    counted.clear()
    visit(cohort, replace(wanted, scratch=Scratch(tmp_path / "scratch", VOXEL_MM)))
    assert counted == {"read": N, "hashed": N}
    assert not (tmp_path / "scratch").exists()


def test_a_new_measure_is_measured_alone(cohort, chosen, tmp_path, monkeypatch):
    wanted = replace(steps(cohort, tmp_path, chosen), extracting=None)
    visit(cohort, wanted)
    asked: list[str] = []
    real, known = measure_image.measure_scan, all_measures()
    newer = [replace(m, version=m.version + 1) if m.name == "cjv" else m for m in known]
    monkeypatch.setattr(measure_image, "all_measures", lambda: newer)
    monkeypatch.setattr(
        measure_image,
        "measure_scan",
        lambda scan, plugins: (asked.extend(p.name for p in plugins), real(scan, plugins))[1],
    )
    visit(cohort, wanted)
    assert asked == ["cjv"] * N
    monkeypatch.setattr(measure_image, "all_measures", lambda: known)
    visit(cohort, wanted)
    assert len(asked) == N, "the numbers of the former version are still there"


def test_one_visit_gives_the_tables_of_three(cohort, chosen, tmp_path):
    """And so do two processes, and a second run."""
    labels = {"labels": str(cohort.source / "labels")}
    segmented = segment_cohort(cohort, out=tmp_path / "s", segmenter="precomputed", options=labels)
    measured = measure_cohort(
        segmented.cohort, segmented.cohort.labels, out=tmp_path / "m", voxel_mm=VOXEL_MM
    )
    extracting_alone = replace(steps(segmented.cohort, tmp_path, chosen), segmenting=None, measuring=None)
    vectors = dict(visit_images(cohort.images, segmented.cohort.labels, extracting_alone))
    features = extracted_cohort(cohort, vectors, chosen, Store(tmp_path / "extracted")).cohort.features
    for place, n_processes in (("one", 1), ("two", 2), ("one", 1)):
        records = visit(cohort, steps(cohort, tmp_path / place, chosen), n_processes=n_processes)
        together = segmented_cohort(cohort, records, "precomputed")
        pd.testing.assert_frame_equal(together.cohort.volumes, segmented.cohort.volumes)
        table = measured_cohort(together.cohort, records).table
        pd.testing.assert_frame_equal(table, measured.table)
        found = extracted_cohort(cohort, records, chosen, Store(tmp_path / place / "extracted"))
        for name, matrix in features.items():
            np.testing.assert_array_equal(found.cohort.features[name], matrix)


def test_a_fault_of_one_step_leaves_the_others_alone(cohort, chosen, tmp_path, monkeypatch):
    real = measure_image.measure_scan

    def faulty(scan: object, plugins: object) -> object:
        raise IndexError("no such voxel")

    monkeypatch.setattr(measure_image, "measure_scan", faulty)
    records = visit(cohort, steps(cohort, tmp_path, chosen))
    assert all(record.reason.startswith("IndexError: no such voxel (") for record in records.values())
    assert all(record.outcome.status != "failed" and record.vectors.keys for record in records.values())
    monkeypatch.setattr(measure_image, "measure_scan", real)
    again = visit(cohort, steps(cohort, tmp_path, chosen))
    assert all(not record.reason and record.measured.fresh for record in again.values())
