"""A run may draw its generated cohort: the reference goes onto the model's grid, its subjects requested."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from plausibrain import generator_run, model_grid
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.volumes import read_volume
from plausibrain.config import Generator, RunConfig, Source, read_config
from plausibrain.flags import config_from_flags
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.model import ImageGrid
from plausibrain.generation.norms import LATERAL_VENTRICLES
from plausibrain.generation.preprocessing import PRESETS
from plausibrain.generation.simulator.cohort import simulate_cohort
from plausibrain.generation.simulator.subject import Grid
from plausibrain.generator_run import on_grid, sample_and_measure, segmenter_for
from plausibrain.model_grid import prepare
from plausibrain.models import load_model

GRID = PRESETS["4mm"].grid
N = 3


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """A simulated cohort of three at 4 mm, with labels beside the images and true volumes."""
    folder = tmp_path_factory.mktemp("simulated") / "reference"
    subjects = table_cohort(N, seed=3, name="reference")
    simulate_cohort(subjects, folder, seed=3, grid=Grid(4.0), skull_strip=True)
    return folder


@dataclass(frozen=True)
class Copier:
    """A model that draws the requested ventricle volume as grey value everywhere."""

    name: str = "copier"
    conditions: tuple[str, ...] = ("requested_ventricle_mm3",)
    grid: ImageGrid = GRID
    checkpoint_hash: str = "none"
    description: tuple = ()

    def sample(self, rows, seeds):
        for value in rows["requested_ventricle_mm3"]:
            yield np.full(self.grid.shape, value / 1e5, dtype=np.float32)


def test_images_are_prepared_once_and_again_when_they_change(drawn, tmp_path, monkeypatch):
    cohort, made = read_cohort(drawn), []
    one = model_grid.prepare_files
    monkeypatch.setattr(
        model_grid, "prepare_files", lambda *args, **kwargs: made.append(args[0]) or one(*args, **kwargs)
    )
    blind = prepare(cohort, tmp_path / "out", GRID)
    assert blind.volumes is None  # they belong to the images as they were
    assert cohort.volumes is not None
    assert len(made) == N
    image = read_volume(blind.images[0])
    assert image.shape == GRID.shape
    assert np.allclose(image.affine, GRID.matrix)
    prepare(cohort, tmp_path / "out", GRID)
    assert len(made) == N
    prepare(cohort, tmp_path / "out", PRESETS["2mm"].grid)
    assert len(made) == 2 * N
    again = read_cohort(tmp_path / "out")
    assert list(again.subjects["participant_id"]) == list(cohort.subjects["participant_id"])


def test_everybody_needs_an_image(drawn, tmp_path):
    cohort = read_cohort(drawn)
    with pytest.raises(DataError, match="2 of 3 subjects have an image"):
        prepare(replace(cohort, images=(*cohort.images[:2], None)), tmp_path, GRID)


def test_an_image_whose_sidecar_was_never_written_is_made_again(drawn, tmp_path, monkeypatch):
    cohort = read_cohort(drawn)
    made = prepare(cohort, tmp_path, GRID)
    (made.images[0].parent / "sub-00000_T1w.json").unlink()
    made.images[0].write_bytes(b"cut off")
    assert read_volume(prepare(cohort, tmp_path, GRID).images[0]).shape == GRID.shape


@pytest.fixture
def known_truth(monkeypatch):
    """Replace the model by a copier and the segmenter by true volumes; note what was segmented, and how."""
    seen = []

    def measured(cohort: Cohort, out: Path, *, segmenter: str | None = None, **_) -> Cohort:
        assert cohort.volumes is None
        seen.append((out.name, segmenter))
        volumes = table_cohort(len(cohort), seed=3, name="truth").volumes
        return replace(cohort, volumes=volumes, segmenter=segmenter or "default")

    monkeypatch.setattr(generator_run, "load_model", lambda *args, device: Copier())
    monkeypatch.setattr(generator_run, "measured", measured)
    return seen


def test_both_cohorts_go_through_the_same_segmenter_on_the_same_grid(drawn, tmp_path, known_truth):
    config = RunConfig(reference=Source(path=drawn), generator=Generator(model="copier"), out=tmp_path)
    cohorts = sample_and_measure(config, config.generator)
    assert known_truth == [("reference", "synthseg_style_2mm"), ("generated", "synthseg_style_2mm")]
    reference, generated = cohorts["reference"], cohorts["generated"]
    shapes = {read_volume(image).shape for cohort in (reference, generated) for image in cohort.images}
    assert shapes == {GRID.shape}
    # The subjects of the reference are asked for, with their true ventricles, and drawn as asked.
    truth = read_cohort(drawn).volumes[list(LATERAL_VENTRICLES)].sum(axis=1)
    asked = generated.subjects["requested_ventricle_mm3"]
    assert sorted(asked) == pytest.approx(sorted(truth))
    grey = [float(read_volume(image).data.mean()) for image in generated.images]
    assert grey == pytest.approx(list(asked / 1e5), rel=1e-5)


def test_a_table_says_whom_to_draw(drawn, tmp_path, known_truth):
    table = pd.DataFrame(
        {"participant_id": ["sub-a", "sub-b"], "age": [40.0, 50.0], "sex": ["F", "M"],
         "requested_ventricle_mm3": [2e4, 3e4]}
    )  # fmt: skip
    table.to_csv(tmp_path / "asked.tsv", sep="\t", index=False)
    generator = Generator(model="copier", conditions=tmp_path / "asked.tsv")
    config = RunConfig(reference=Source(path=drawn), generator=generator, out=tmp_path / "run")
    generated = sample_and_measure(config, generator)["generated"]
    assert list(generated.subjects["participant_id"]) == ["sub-a", "sub-b"]
    assert [round(float(read_volume(image).data.max()), 4) for image in generated.images] == [0.2, 0.3]


@pytest.mark.parametrize("wrong", ["conditions", "training", "independent"])
def test_what_cannot_be_read_is_told_before_anything_is_segmented(wrong, drawn, tmp_path, known_truth):
    missing = tmp_path / "missing.tsv"
    generator = Generator(model="copier", conditions=missing if wrong == "conditions" else None)
    others = {} if wrong == "conditions" else {wrong: Source(path=missing)}
    config = RunConfig(reference=Source(path=drawn), generator=generator, out=tmp_path / "run", **others)
    with pytest.raises(DataError, match=r"missing\.tsv"):
        sample_and_measure(config, generator)
    assert known_truth == []


@pytest.mark.parametrize(
    ("sampling", "match"),
    [
        ({"checkpoint": Path("c")}, "--checkpoint goes with --generator"),
        ({"n": 20}, "--n-images goes with --generator"),
        ({"options": {"a": "b"}}, "--generator-option goes with --generator"),
        ({"model": "ldm", "n": 20, "conditions": Path("t.tsv")}, r"^give either a table of conditions \(t"),
    ],
)
def test_flags_of_a_generator_that_do_not_go_together(sampling, match, tmp_path):
    sources = {"reference": {"path": tmp_path}, "generated": {}}
    with pytest.raises(DataError, match=match):
        config_from_flags(None, sources, {}, out=tmp_path, name=None, noise=None, generator=sampling)


def test_images_without_labels_are_segmented_before_they_are_moved(drawn, tmp_path, known_truth, monkeypatch):
    bare = replace(read_cohort(drawn), images=(drawn / "elsewhere_T1w.nii.gz",) * N)
    tables = []

    def moved(cohort: Cohort, out: Path, grid: ImageGrid, *, labels: Path, progress=None) -> Cohort:
        tables.append(labels)
        return replace(cohort, volumes=None)

    monkeypatch.setattr(generator_run, "prepare", moved)
    on_grid(bare, GRID, tmp_path, "reference", segmenter="coarse", measure=generator_run.measured)
    assert known_truth == [("reference-as-given", None), ("reference", "coarse")]
    assert tables == [tmp_path / "segmented/reference-as-given/segmentation.tsv"]


def test_a_table_of_volumes_stays_as_it_is(tmp_path, known_truth):
    table = table_cohort(N, seed=1, name="table")
    assert (
        on_grid(table, GRID, tmp_path, "reference", segmenter="coarse", measure=generator_run.measured)
        is table
    )
    assert known_truth == []


def test_a_run_has_one_generated_cohort(tmp_path):
    source = Source(path=tmp_path)
    with pytest.raises(ValidationError, match="either a generated cohort or a generator"):
        RunConfig(reference=source, out=tmp_path)
    with pytest.raises(ValidationError, match="either a generated cohort or a generator"):
        RunConfig(reference=source, generated=source, generator=Generator(model="ldm"), out=tmp_path)


def test_a_file_may_name_a_generator(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("reference: real\ngenerator:\n  model: ldm\n  checkpoint: mine\n  n: 20\nout: run\n")
    generator = read_config(file).generator
    assert generator == Generator(model="ldm", checkpoint=tmp_path / "mine", n=20)
    file.write_text("reference: real\ngenerator: lsgan\nout: run\n")
    assert read_config(file).generator == Generator(model="lsgan")


def test_the_seed_of_a_run_is_that_of_its_drawing(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("reference: real\ngenerator: {model: ldm, seed: 3}\nout: run\n")
    sources = {"reference": {}, "generated": {}}

    def seed_of_drawing(settings):
        given = config_from_flags(file, sources, settings, out=None, name=None, noise=None, generator={})
        return given.generator.seed

    assert seed_of_drawing({"seed": 7}) == 7
    assert seed_of_drawing({"seed": None}) == 3


def test_fine_grids_are_segmented_at_1_mm():
    assert segmenter_for(PRESETS["1mm"].grid) == "synthseg_style"
    assert segmenter_for(PRESETS["2mm"].grid) == "synthseg_style_2mm"


def test_a_model_without_a_shipped_checkpoint_says_what_there_is():
    with pytest.raises(DataError, match=r"needs --checkpoint, .*without one there are"):
        load_model("monai_bundle", None, {})
