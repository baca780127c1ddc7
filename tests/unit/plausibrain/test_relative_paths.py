"""What a command wrote with relative paths is found again, from this and from another working directory."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from plausibrain import imaging
from plausibrain.cohorts.cohort import read_cohort
from plausibrain.config import Generator, RunConfig, Source
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.simulator.cohort import simulate_cohort
from plausibrain.generation.simulator.subject import Grid
from plausibrain.generation.training.data import label_files
from plausibrain.image_files import image_and_label_files
from plausibrain.models import with_columns, with_measured_volumes

N = 3


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a cohort of images ``real`` and label maps ``masks`` that somebody made."""
    folder = tmp_path_factory.mktemp("home")
    simulate_cohort(
        table_cohort(N, seed=3, name="real"), folder / "real", seed=3, grid=Grid(4.0), skull_strip=True
    )
    table = folder / "real" / "participants.tsv"
    people = pd.read_csv(table, sep="\t")
    people[["participant_id", "age", "sex"]].to_csv(table, sep="\t", index=False)
    (folder / "masks").mkdir()
    for path in sorted((folder / "real").rglob("*_dseg.nii.gz")):
        path.rename(folder / "masks" / path.name.replace("_dseg", "_T1w"))
    return folder


@pytest.fixture
def segmented(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that `segment` wrote, named relative to the working directory."""
    monkeypatch.chdir(home)
    images = replace(read_cohort("real", min_subjects=1), volumes=None)
    imaging.segment(
        images, Path("measured"), segmenter="precomputed", n_processes=1, options={"labels": "masks"}
    )
    return Path("measured")


def test_the_table_names_files_relative_to_itself(segmented: Path) -> None:
    table = pd.read_csv(segmented / "segmentation.tsv", sep="\t")
    for column in ("labels", "image"):
        assert not table[column].str.startswith("/").any()
        assert all((segmented / name).is_file() for name in table[column])


def test_labels_are_found_by_every_reader(
    home: Path, segmented: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = read_cohort("real", min_subjects=1)
    assert all(path.is_file() for path in label_files(cohort, segmented / "segmentation.tsv"))
    measured = read_cohort(segmented, min_subjects=1)
    images, labels = image_and_label_files(measured, Path("nowhere"))
    assert all(path is not None and path.is_file() for path in (*images, *labels))
    monkeypatch.chdir(tmp_path)
    measured = read_cohort(home / segmented, min_subjects=1)
    images, labels = image_and_label_files(measured, Path("nowhere"))
    assert all(path is not None and path.is_file() for path in (*images, *labels))


def test_requested_volumes_of_a_real_cohort_are_its_own(segmented: Path) -> None:
    real = replace(read_cohort("real", min_subjects=1), volumes=None)
    table = with_columns(
        with_measured_volumes(real, segmented), ("age", "requested_ventricle_mm3", "requested_brain_mm3")
    ).subjects
    volumes = read_cohort(segmented, min_subjects=1).volumes
    ventricles = [name for name in volumes if "Lateral-Ventricle" in name or "Inf-Lat-Vent" in name]
    own = volumes[ventricles].sum(axis=1)
    assert table["requested_ventricle_mm3"].tolist() == pytest.approx(own.tolist())
    assert (table["requested_brain_mm3"] > 20 * table["requested_ventricle_mm3"]).all()


def test_too_few_generated_images_are_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="8 generated images are too few; at least 10 are needed"):
        RunConfig(
            reference=Source(path=tmp_path), generator=Generator(model="ldm", n=8), out=tmp_path / "run"
        )
