"""A defect in every image of a cohort: files, names, resumption, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plausibrain.cohorts.bids import label_path
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.volumes import read_volume
from plausibrain.generation.defect_images import inject_in_images
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.simulator.cohort import simulate_cohort
from plausibrain.generation.simulator.subject import Grid


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    subjects = table_cohort(2, seed=4, name="sound")
    return simulate_cohort(
        subjects, tmp_path_factory.mktemp("sound"), seed=4, grid=Grid(4.0), skull_strip=True
    )


def test_every_image_is_changed_and_the_cohort_reads_back(drawn: Cohort, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    noisy = inject_in_images(
        "noise", drawn, tmp_path, severity=0.2, seed=1, on_image=lambda *at: told.append(at)
    )
    assert told == [(1, 2), (2, 2)]
    assert noisy.name == "sound + noise"
    assert noisy.volumes is None
    back = read_cohort(tmp_path)
    assert list(back.subjects["participant_id"]) == list(drawn.subjects["participant_id"])
    for before, after in zip(drawn.images or (), back.images or (), strict=True):
        assert before is not None
        assert after is not None
        assert not np.array_equal(read_volume(before).data, read_volume(after).data)
        assert label_path(after).is_file()


def test_images_differ_by_subject_and_stay_when_repeated(drawn: Cohort, tmp_path: Path) -> None:
    first = inject_in_images("noise", drawn, tmp_path / "a", severity=0.2, seed=1)
    changes = [
        read_volume(after).data - read_volume(before).data
        for before, after in zip(drawn.images or (), first.images or (), strict=True)
        if before is not None and after is not None
    ]
    assert not np.array_equal(changes[0], changes[1])
    paths = [path for path in first.images or () if path is not None]
    stamps = [path.stat().st_mtime_ns for path in paths]
    inject_in_images("noise", drawn, tmp_path / "a", severity=0.2, seed=1)
    assert [path.stat().st_mtime_ns for path in paths] == stamps


def test_images_without_labels_are_refused(drawn: Cohort, tmp_path: Path) -> None:
    lonely = replace(drawn, images=(tmp_path / "sub-1_T1w.nii.gz", None))
    with pytest.raises(DataError, match="expected an image with its labels beside it"):
        inject_in_images("blur", lonely, tmp_path / "out", severity=1.0, seed=0)
    with pytest.raises(DataError, match="expected a defect of level 'image', got 'flat_ageing'"):
        inject_in_images("flat_ageing", drawn, tmp_path / "out", severity=1.0, seed=0)
