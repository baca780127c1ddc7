"""Cohorts are drawn whole or not at all, resume without a trace, and never leave their folder."""

import json

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.volumes import read_volume
from plausibrain.generation import sample_cohort as sampling
from plausibrain.generation.model import ImageGrid
from plausibrain.generation.sample_cohort import Share, sample_cohort, seed_of


class Painter:
    """Each image is the function of row and seed that can be checked by hand."""

    name, conditions, checkpoint_hash = "painter", ("age",), "c0ffee"
    grid = ImageGrid.of((4, 3, 2), np.diag([2.0, 2.0, 2.0, 1.0]))
    description = {"scheduler": "DDIM", "steps": 7, "precision": "fp32"}  # noqa: RUF012

    def __init__(self, stop_after=None):
        self.drawn, self.stop_after = [], stop_after

    def sample(self, rows, seeds):
        for (_, row), seed in zip(rows.iterrows(), seeds, strict=True):
            if self.stop_after is not None and len(self.drawn) >= self.stop_after:
                raise KeyboardInterrupt
            self.drawn.append(row["participant_id"])
            yield np.full((4, 3, 2), row["age"] + (seed % 1000) / 1000, dtype=np.float32)


@pytest.fixture
def table(subjects):
    return subjects


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_cohort_reads_back_with_provenance(table, tmp_path):
    cohort = sample_cohort(Painter(), table, tmp_path / "out", seed=3)
    read = read_cohort(tmp_path / "out")
    assert list(read.subjects["participant_id"]) == list(table["participant_id"])
    assert list(read.subjects["seed"]) == [seed_of(3, name) for name in table["participant_id"]]
    image = read_volume(read.images[1])
    expected = table["age"][1] + (seed_of(3, "sub-01") % 1000) / 1000
    assert image.data == pytest.approx(expected)
    assert np.array_equal(image.affine, Painter.grid.matrix)
    said = json.loads((tmp_path / "out/dataset_description.json").read_text())["GeneratedBy"][0]
    assert said["Model"] == "painter"
    assert said["CheckpointSHA256"] == "c0ffee"
    assert (said["Scheduler"], said["Steps"]) == ("DDIM", 7)
    assert cohort.subjects["seed"].is_unique


def test_a_stopped_run_goes_on_and_ends_the_same(table, tmp_path):
    sample_cohort(Painter(), table, tmp_path / "whole", seed=3, name="x")
    with pytest.raises(KeyboardInterrupt):
        sample_cohort(Painter(stop_after=2), table, tmp_path / "parts", seed=3, name="x")
    assert not (tmp_path / "parts/participants.tsv").exists()
    second = Painter()
    sample_cohort(second, table, tmp_path / "parts", seed=3, name="x")
    assert second.drawn == ["sub-02", "sub-03", "sub-04"]
    whole, parts = contents(tmp_path / "whole"), contents(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    different = [path for path in whole if path.suffix != ".gz" and whole[path] != parts[path]]
    assert not different
    for one, other in zip(
        read_cohort(tmp_path / "whole").images, read_cohort(tmp_path / "parts").images, strict=True
    ):
        assert np.array_equal(read_volume(one).data, read_volume(other).data)


def test_workers_share_the_rows(table, tmp_path):
    first, second = Painter(), Painter()
    part = sample_cohort(first, table, tmp_path, seed=0, share=Share(0, 2))
    assert [path is None for path in part.images] == [False, True, False, True, False]
    assert not (tmp_path / "participants.tsv").exists()
    whole = sample_cohort(second, table, tmp_path, seed=0, share=Share(1, 2))
    assert first.drawn == ["sub-00", "sub-02", "sub-04"]
    assert second.drawn == ["sub-01", "sub-03"]
    assert all(whole.images)
    assert (tmp_path / "participants.tsv").exists()


def test_a_full_disk_leaves_no_half_image(table, tmp_path, monkeypatch):
    def full(volume, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sampling, "write_volume", full)
    with pytest.raises(DataError, match=r"No space left on device.*repeat the command"):
        sample_cohort(Painter(), table, tmp_path, seed=0)
    assert not list(tmp_path.rglob("*.nii.gz"))


@pytest.mark.parametrize("change", ["seed", "table", "model"])
def test_a_folder_of_another_cohort_is_refused(change, table, tmp_path):
    sample_cohort(Painter(), table, tmp_path, seed=0)
    model = Painter()
    if change == "model":
        model.checkpoint_hash = "another"
    other = table.assign(age=table["age"] + 1) if change == "table" else table
    with pytest.raises(DataError, match="another sampled cohort"):
        sample_cohort(model, other, tmp_path, seed=1 if change == "seed" else 0)


def test_the_seed_of_a_row_does_not_depend_on_its_place(table, tmp_path):
    forward = sample_cohort(Painter(), table, tmp_path / "a", seed=0).subjects
    backward = sample_cohort(Painter(), table.iloc[::-1], tmp_path / "b", seed=0).subjects
    assert list(forward["seed"]) == list(backward["seed"][::-1])
    assert seed_of(0, "sub-00") != seed_of(1, "sub-00")


def test_given_seeds_are_kept_and_may_be_shared_within_a_subject(table, tmp_path):
    sweep = table.assign(subject="one", seed=5)
    assert set(sample_cohort(Painter(), sweep, tmp_path / "sweep", seed=0).subjects["seed"]) == {5}
    partly = table.assign(seed=[5, 5, 6, 7, 8])
    with pytest.raises(DataError, match="5 stands with 2 different subjects"):
        sample_cohort(Painter(), partly, tmp_path / "shared", seed=0)
    with pytest.raises(DataError, match="whole seeds"):
        sample_cohort(Painter(), table.assign(seed=-1), tmp_path / "negative", seed=0)


def test_one_seed_in_every_row_names_the_run_and_not_the_noise(table, tmp_path):
    named = sample_cohort(Painter(), table.assign(seed=77), tmp_path / "named", seed=0).subjects
    plain = sample_cohort(Painter(), table, tmp_path / "plain", seed=0).subjects
    assert list(named["seed"]) == list(plain["seed"])


@pytest.mark.parametrize("identity", ["../../etc", "a/b", "..", "x\n"])
def test_hostile_ids_never_become_paths(identity, table, tmp_path):
    hostile = table.assign(participant_id=[identity, *table["participant_id"][1:]])
    if identity == "x\n":  # white space at the ends is no harm
        assert sample_cohort(Painter(), hostile, tmp_path / "out", seed=0).images[0].parent.name == "anat"
        return
    with pytest.raises(DataError, match="cannot be used"):
        sample_cohort(Painter(), hostile, tmp_path / "out", seed=0)
    assert not list(tmp_path.rglob("*.nii.gz"))


def test_ids_that_meet_in_one_file_are_refused(table, tmp_path):
    meeting = table.assign(participant_id=["a-1", "a_1", "b", "c", "d"])
    with pytest.raises(DataError, match="share one image file"):
        sample_cohort(Painter(), meeting, tmp_path, seed=0)


def test_what_a_table_lacks_is_named(table, tmp_path):
    model = Painter()
    model.conditions = ("wisdom",)
    with pytest.raises(DataError, match="needs the conditions wisdom"):
        sample_cohort(model, table, tmp_path, seed=0)
    with pytest.raises(DataError, match="no column 'sex'"):
        sample_cohort(Painter(), table.drop(columns="sex"), tmp_path, seed=0)
    with pytest.raises(DataError, match="no rows"):
        sample_cohort(Painter(), table[:0], tmp_path, seed=0)
    with pytest.raises(DataError, match="'age' has no usable value in row 0"):
        sample_cohort(Painter(), table.assign(age=np.nan), tmp_path, seed=0)
    with pytest.raises(DataError, match="more than one row"):
        sample_cohort(Painter(), pd.concat([table, table]), tmp_path, seed=0)


def test_a_broken_model_is_caught(table, tmp_path, monkeypatch):
    wrong = Painter()
    monkeypatch.setattr(wrong, "sample", lambda rows, seeds: iter([np.zeros((2, 2, 2), np.float32)] * 5))
    with pytest.raises(DataError, match="its grid has"):
        sample_cohort(wrong, table, tmp_path / "shape", seed=0)
    monkeypatch.setattr(wrong, "sample", lambda rows, seeds: iter([np.full((4, 3, 2), np.nan)] * 5))
    with pytest.raises(DataError, match="not finite"):
        sample_cohort(wrong, table, tmp_path / "nan", seed=0)
