"""BrainSynth trains, resumes, refuses foreign checkpoints, and sample i depends on row i and seed i alone."""

import json
import shutil

import numpy as np
import pytest
import torch

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.brainsynth.autoencoder import CodeAutoencoder
from plausibrain.generation.brainsynth.masking import AbsorbingDiffusion
from plausibrain.generation.brainsynth.presets import TINY, architecture_of, build_networks
from plausibrain.generation.brainsynth.sampling import draw_codes
from plausibrain.generation.brainsynth.training import CodeDiffusionTask, CodeTask
from plausibrain.generation.brainsynth.transformer import CodeTransformer
from plausibrain.generation.checkpoint import Checkpoint, write_checkpoint
from plausibrain.generation.ldm.losses import PatchAdversary
from plausibrain.generation.models.brainsynth import brainsynth
from plausibrain.generation.noise import generator_of, seeded
from plausibrain.generation.preprocessing import Preset
from plausibrain.generation.scaler import ConditionScaler
from plausibrain.generation.training import train
from plausibrain.generation.training.data import ArrayExamples
from plausibrain.generation.training.devices import Devices
from plausibrain.generation.training.loop import LoopSettings, Watch, train_stage, train_step
from plausibrain.generation.training.state import fresh_state
from plausibrain.generation.training.task import StagePlan

STEPS, SEEDS = 4, [11, 12, 2**63 - 1]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, subjects):
    """A checkpoint of the tiny preset with random weights."""
    architecture = architecture_of(TINY, (16, 16, 16), 4)
    with seeded(7):
        networks = build_networks(architecture)
        networks["autoencoder"].effect.weights.normal_()
    grid = Preset((16, 16, 16), 10.0).grid
    described = Checkpoint("brainsynth", architecture, grid, ConditionScaler.fit(subjects))
    folder = tmp_path_factory.mktemp("brainsynth")
    write_checkpoint(folder, described, networks)
    return folder


@pytest.fixture(scope="module")
def rows(subjects):
    return subjects.iloc[:3].reset_index(drop=True)


@pytest.fixture(scope="module")
def images(checkpoint, rows):
    return list(brainsynth(checkpoint, steps=STEPS).sample(rows, SEEDS))


@pytest.mark.parametrize("batch_size", [1, 3])
def test_batch_and_order_do_not_matter(batch_size, images, checkpoint, rows):
    model = brainsynth(checkpoint, steps=STEPS, batch_size=batch_size)
    turned = list(model.sample(rows.iloc[::-1], SEEDS[::-1]))[::-1]
    assert all(image.shape == (16, 16, 16) and image.dtype == np.float32 for image in images)
    assert all(np.array_equal(a, b) for a, b in zip(images, turned, strict=True))
    torch.manual_seed(99)
    assert np.array_equal(images[2], next(model.sample(rows.iloc[[2]], SEEDS[2:])))


def test_the_threads_of_the_caller_do_not_matter(images, checkpoint, rows):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3 - min(2, threads))  # one where there are several, two where there is one
        alone = next(brainsynth(checkpoint, steps=STEPS).sample(rows.iloc[[2]], SEEDS[2:]))
        assert torch.get_num_threads() == 3 - min(2, threads)
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(images[2], alone)


def test_seed_and_condition_both_matter(images, checkpoint, rows):
    model = brainsynth(checkpoint, steps=STEPS)
    assert not np.array_equal(images[0], next(model.sample(rows[:1], [13])))
    older = rows[:1].assign(age=rows["age"][0] + 20)
    assert not np.array_equal(images[0], next(model.sample(older, SEEDS[:1])))


def test_samples_run_together_in_bf16(checkpoint, rows):
    model = brainsynth(checkpoint, steps=STEPS, precision="bf16", batch_size=2, guidance=1.5, temperature=0.9)
    assert all(np.isfinite(image).all() for image in model.sample(rows, SEEDS))
    assert model.description == {
        "scheduler": "absorbing", "steps": STEPS, "temperature": 0.9, "guidance": 1.5, "precision": "bf16",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "fp64"}, "expected one of fp32, bf16"),
        ({"steps": 0}, "1 to 10 steps"),
        ({"steps": 11}, "1 to 10 steps"),
        ({"temperature": 0}, "temperature above 0"),
        ({"guidance": -1}, "guidance of at least 0"),
        ({"batch_size": 0}, "at least 1 sample"),
        ({"threads": 0}, "1 thread"),
    ],
)
def test_impossible_settings_are_refused(options, message, checkpoint):
    with pytest.raises(DataError, match=message):
        brainsynth(checkpoint, **({"steps": STEPS} | options))


def test_foreign_checkpoints_are_refused(checkpoint, tiny_checkpoint, tmp_path):
    with pytest.raises(DataError, match="checkpoint of 'ldm', not of 'brainsynth'"):
        brainsynth(tiny_checkpoint)
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    described = json.loads((copy / "model.json").read_text())
    architecture = described["architecture"]
    for change, message in (
        ({"autoencoder": architecture["autoencoder"] | {"n_codes": 7}}, "differ in n_codes"),
        ({"transformer": architecture["transformer"] | {"n_heads": 3}}, "cannot be shared by 3 heads"),
        ({"transformer": {"cells": [4, 4, 4]}}, "transformer.n_conditions: field required"),
    ):
        changed = described | {"architecture": architecture | change}
        (copy / "model.json").write_text(json.dumps(changed))
        with pytest.raises(DataError, match=message):
            brainsynth(copy, steps=STEPS)
    (copy / "model.json").write_text(json.dumps(described | {"architecture": {"n_times": 10}}))
    with pytest.raises(DataError, match="autoencoder: field required"):
        brainsynth(copy, steps=STEPS)
    other_grid = described | {"grid": Preset((16, 16, 20), 10.0).grid.as_data()}
    (copy / "model.json").write_text(json.dumps(other_grid))
    with pytest.raises(DataError, match=r"makes .* voxels, the grid"):
        brainsynth(copy, steps=STEPS)


def test_a_killed_training_ends_with_the_same_bits(tiny_training, tmp_path, monkeypatch):
    whole = tiny_training(tmp_path / "whole", model="brainsynth")
    assert set(whole.facts["stages"]) == {"autoencoder", "diffusion"}
    assert len(list((tmp_path / "whole" / "samples").glob("*.png"))) >= 3

    class KilledError(Exception):
        pass

    def killing(state, plan, *args, watch, **kwargs):
        train_stage(state, plan, *args, watch=Watch(stop_after=2), **kwargs)
        raise KilledError

    monkeypatch.setattr(train, "train_stage", killing)
    with pytest.raises(KilledError):
        tiny_training(tmp_path / "killed", model="brainsynth", save_every_s=0.0)
    monkeypatch.setattr(train, "train_stage", train_stage)
    resumed = tiny_training(tmp_path / "killed", model="brainsynth")
    assert whole.hash == resumed.hash
    assert len(brainsynth(tmp_path / "whole", steps=STEPS).conditions) == 4


def run(task, examples, n_steps, batch_size):
    state, plan = fresh_state(task), StagePlan(task.name, n_steps, batch_size, warm_up=1, averaging=0.5)
    losses = []
    for _ in range(n_steps):
        parts = train_step(state, plan, examples, LoopSettings(0, 0, "fp32"), Devices("cpu"))
        losses.append(parts["l1"] if "l1" in parts else parts["transformer"])
        state.step += 1
    return losses


def test_only_lit_cells_are_tokens():
    architecture = architecture_of(TINY, (8, 8, 8), 1)
    with seeded(3):
        networks = build_networks(architecture)
    task = CodeDiffusionTask(networks["transformer"], networks["autoencoder"], TINY)
    images = torch.zeros(3, 1, 8, 8, 8)
    images[1, 0, 5, 1, 2] = 0.5  # in the cell (1, 0, 0) of 2 x 2 x 2
    with torch.no_grad():
        learned = task.examples(ArrayExamples(images, torch.zeros(3, 1)))
        held_out = task.examples(ArrayExamples(torch.ones(1, 1, 8, 8, 8), torch.zeros(1, 1)))
    assert networks["transformer"].in_use.nonzero().flatten().tolist() == [4]
    assert learned.images.shape == (3, 2, 1)
    assert held_out.images.shape == (1, 2, 1)


def test_processes_share_the_encoding(tmp_path, monkeypatch):
    with seeded(3):
        networks = build_networks(architecture_of(TINY, (8, 8, 8), 1))
        images = ArrayExamples(torch.rand(5, 1, 8, 8, 8), torch.rand(5, 1))
    encode, n_encoded = networks["autoencoder"].encode, []
    monkeypatch.setattr(
        networks["autoencoder"], "encode", lambda *given: n_encoded.append(len(given[0])) or encode(*given)
    )

    def examples(folder, *parts):
        task = CodeDiffusionTask(networks["transformer"], networks["autoencoder"], TINY, folder)
        n_encoded.clear()
        with torch.no_grad():
            for part in parts:
                task.encode(ArrayExamples(images.images[part], images.conditions[part]))
            return task.examples(images).images, sum(n_encoded)

    alone, n_alone = examples(None)
    assert n_alone == 5
    first, n_first = examples(tmp_path, slice(0, 5, 2))
    assert n_first == 5
    second, n_second = examples(tmp_path, slice(1, 5, 2))
    assert n_second == 0
    assert torch.equal(first, alone)
    assert torch.equal(second, alone)
    next(networks["autoencoder"].parameters()).data += 0.1  # other weights are another encoding
    assert examples(tmp_path)[1] == 5


def test_images_are_learned():
    with seeded(8):
        coarse = torch.rand(4, 1, 4, 4, 4)
        autoencoder = CodeAutoencoder(
            (4, 4, 4), n_conditions=2, channels=[4, 8], n_books=2, n_codes=6, code_width=2, edge=2, groups=2
        )
        task = CodeTask(autoencoder, PatchAdversary(4), TINY, 1000)
    images = torch.nn.functional.interpolate(coarse, (16, 16, 16), mode="trilinear")
    losses = run(task, ArrayExamples(images, torch.rand(4, 2, generator=generator_of(1))), 60, 2)
    assert losses[-1] < 0.3 * losses[0]


def test_codes_that_metadata_decide_are_learned_and_asked_for():
    sex = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    codes = sex.view(4, 1, 1).expand(4, 2, 8)
    with seeded(9):
        transformer = CodeTransformer((2, 2, 2), n_books=2, n_codes=4, n_conditions=1, width=16, depth=1,
                                      n_heads=2)  # fmt: skip
    autoencoder = torch.nn.Identity()
    task = CodeDiffusionTask(transformer, autoencoder, TINY)
    task.optimizers["transformer"].param_groups[0]["lr"] = 1e-2
    task.untold = 0.0
    losses = run(task, ArrayExamples(codes, sex), 40, 4)
    assert losses[0] > 1.0 > 0.1 > losses[-1]
    diffusion = AbsorbingDiffusion(10, transformer.mask)
    with torch.no_grad():
        drawn = draw_codes(transformer, diffusion, sex[:2], [generator_of(n) for n in (1, 2)], n_steps=5)
    assert (drawn[0] == 0).float().mean() > 0.9
    assert (drawn[1] == 1).float().mean() > 0.9
