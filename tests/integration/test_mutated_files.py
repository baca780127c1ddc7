"""Valid files of every structured kind with one value changed: one sentence, never a traceback or a hang.

`test_hostile_files` damages bytes; here the file stays readable JSON, safetensors or HDF5, and one field
holds a value that it cannot have. Checkpoints and bundles are loaded and sampled, because a size in a
description may only tell in the arithmetic.
"""

import copy
import json
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from monai.networks.nets import AutoencoderKL, DiffusionModelUNet

from plausibrain.cohorts.errors import DataError, PlausibrainError
from plausibrain.cohorts.store import hash_file
from plausibrain.evaluation.networks.synthseg_network import (
    SynthSegUNet,
    load_keras_weights,
    read_keras_weights,
)
from plausibrain.evaluation.segmenters.synthseg_torch import _whole_numbers
from plausibrain.generation.brainsynth import presets as brainsynth_presets
from plausibrain.generation.bundle import load as bundle_loading
from plausibrain.generation.checkpoint import Checkpoint, write_checkpoint
from plausibrain.generation.gans import presets as gan_presets
from plausibrain.generation.ldm import build as ldm_build
from plausibrain.generation.ldm import presets as ldm_presets
from plausibrain.generation.models.brainsynth import brainsynth
from plausibrain.generation.models.ldm import ldm
from plausibrain.generation.models.lsgan import lsgan
from plausibrain.generation.models.monai_bundle import monai_bundle
from plausibrain.generation.models.vae_gan import vae_gan
from plausibrain.generation.preprocessing import Preset
from plausibrain.generation.scaler import ConditionScaler
from plausibrain.reports.baseline import read_snapshot, write_baseline
from plausibrain.reports.run_folder import read_run
from tests.unit.compare.factory import World
from tests.unit.generation_models import test_bundle as bundles

VALUES: tuple[Any, ...] = (
    None, -1, 0, 1, 2.5, 10**12, float("nan"), "x", [], {}, True, [[[[[1]]]]], [-1, -1, -1], [10**9] * 3,
)  # fmt: skip
N_MUTATIONS = 60
SUBJECTS = pd.DataFrame(
    {
        "sex": ["M", "F"],
        "age": [30.0, 60.0],
        "requested_ventricle_mm3": [1e4, 3e4],
        "requested_brain_mm3": [1e6, 1.2e6],
    }
)
SHAPE = (16, 16, 16)
pytestmark = pytest.mark.filterwarnings("ignore")


def places(tree: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of everything in a tree of JSON values."""
    if place:
        yield place
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*place, key))


def mutated(tree: Any, seed: str) -> Iterator[tuple[str, Any]]:
    """Yield trees with one value replaced or left out, different kinds of places first, reproducibly."""
    rng, kinds = random.Random(seed), set()  # noqa: S311
    changes = [(place, value) for place in places(tree) for value in (*VALUES, ...)]
    rng.shuffle(changes)
    for place, value in changes:
        kind = (tuple("*" if isinstance(key, int) else key for key in place), repr(value))
        if kind in kinds:
            continue
        kinds.add(kind)
        changed = copy.deepcopy(tree)
        owner = changed
        for key in place[:-1]:
            owner = owner[key]
        if value is ...:
            del owner[place[-1]]
        else:
            owner[place[-1]] = value
        yield f"{'.'.join(map(str, place))} = {value!r}", changed
        if len(kinds) == N_MUTATIONS:
            return


def refused_or_read(read: Callable[[], object], what: str) -> None:
    """Fail unless this works or ends with an error of ours in one sentence."""
    try:
        read()
    except PlausibrainError as error:
        if "\n" in str(error):
            pytest.fail(f"{what}: more than one sentence: {error}")
    except Exception as error:  # any other kind is the fault that is looked for
        pytest.fail(f"{what}: {type(error).__name__}: {error}")


def checkpoint_of(model: str, folder: Path) -> Path:
    """Write a tiny checkpoint of a model."""
    if model == "ldm":
        architecture = ldm_presets.architecture_of(ldm_presets.TINY, 4, SHAPE)
        networks = ldm_build.build_networks(architecture)
    elif model == "brainsynth":
        architecture = brainsynth_presets.architecture_of(brainsynth_presets.TINY, SHAPE, 4)
        networks = brainsynth_presets.build_networks(architecture)
    else:
        architecture = gan_presets.architecture_of(gan_presets.PRESETS["tiny"], SHAPE, 4)
        networks = {"generator": gan_presets.build_generator(architecture)}
    grid, scaler = Preset(SHAPE, 10.0).grid, ConditionScaler.fit(SUBJECTS)
    write_checkpoint(folder, Checkpoint(model, architecture, grid, scaler, {"n_trained_on": 0}), networks)
    return folder


MODELS = {
    "ldm": (ldm, {"steps": 2}),
    "brainsynth": (brainsynth, {"steps": 2}),
    "lsgan": (lsgan, {}),
    "vae_gan": (vae_gan, {}),
}


@pytest.mark.parametrize("name", MODELS)
def test_descriptions_of_checkpoints(name: str, tmp_path: Path) -> None:
    function, options = MODELS[name]
    folder = checkpoint_of(name, tmp_path / "checkpoint")

    def sample() -> None:
        list(function(folder, **options).sample(SUBJECTS.iloc[:1], [1]))

    sample()
    description = json.loads((folder / "model.json").read_text())
    for what, changed in mutated(description, name):
        (folder / "model.json").write_text(json.dumps(changed))
        refused_or_read(sample, what)


def test_a_size_takes_no_memory_before_it_fits_the_weights(tmp_path: Path) -> None:
    folder = checkpoint_of("ldm", tmp_path / "checkpoint")
    description = json.loads((folder / "model.json").read_text())
    description["architecture"]["unet"]["channels"] = [4096, 4096]  # 27 GB in each of many layers
    (folder / "model.json").write_text(json.dumps(description))
    with pytest.raises(DataError, match="do not fit the architecture"):
        ldm(folder)


def test_headers_of_safetensors(tmp_path: Path) -> None:
    folder = checkpoint_of("lsgan", tmp_path / "checkpoint")
    weights, description = folder / "weights.safetensors", json.loads((folder / "model.json").read_text())
    content = weights.read_bytes()
    (n,) = struct.unpack("<Q", content[:8])
    header, body = json.loads(content[8 : 8 + n]), content[8 + n :]
    cut = [("cut", content[:k]) for k in (0, 4, 20, len(content) - 1)]
    trees = [(what, json.dumps(tree).encode()) for what, tree in mutated(header, "safetensors")]
    whole = [(what, struct.pack("<Q", len(text)) + text + body) for what, text in trees]
    for what, changed in [*cut, *whole, ("length", struct.pack("<Q", 2**62) + content[8:])]:
        weights.write_bytes(changed)
        (folder / "model.json").write_text(json.dumps(description | {"weights_sha256": hash_file(weights)}))
        refused_or_read(lambda: list(lsgan(folder).sample(SUBJECTS.iloc[:1], [1])), what)


@pytest.mark.parametrize("layout", [bundles.ORIGINAL, bundles.PORT], ids=lambda layout: layout.name)
def test_configurations_of_bundles(layout: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_loading, "LATENT_SIZES", bundles.LATENTS)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        networks = (
            AutoencoderKL(channels=(4, 8), **bundles.AUTOENCODER),
            DiffusionModelUNet(channels=(8, 8), **bundles.UNET),
        )
    folder = bundles.write_bundle(tmp_path / "bundle", layout, networks)
    config = json.loads((folder / "configs/inference.json").read_text())
    for what, changed in mutated(config, layout.name):
        (folder / "configs/inference.json").write_text(json.dumps(changed))
        refused_or_read(lambda: list(monai_bundle(folder, steps=2).sample(bundles.ROWS.iloc[:1], [1])), what)


def at_top(file: h5py.File) -> None:
    file["kernel:0"] = np.zeros(3)


def of_text(file: h5py.File) -> None:
    file["model_weights/a/a/kernel:0"] = np.array([b"x", b"y"])


def too_large(file: h5py.File) -> None:
    file.create_dataset("model_weights/a/a/kernel:0", shape=(10**6, 10**6), chunks=(1000, 1000), dtype="f4")


def without_shape(file: h5py.File) -> None:
    file["model_weights/a/a/kernel:0"] = h5py.Empty("f4")


def with_fields(file: h5py.File) -> None:
    file["model_weights/a/a/kernel:0"] = np.zeros(3, dtype=[("a", "f4"), ("b", "i4")])


def linked(file: h5py.File) -> None:
    file["model_weights/a/a/kernel:0"] = h5py.ExternalLink("/etc/hostname", "/x")
    file["model_weights/b"] = h5py.SoftLink("/model_weights/b")


@pytest.mark.parametrize("change", [at_top, of_text, too_large, without_shape, with_fields, linked])
def test_networks_in_hdf5(change: Callable[[h5py.File], None], tmp_path: Path) -> None:
    path = tmp_path / "synthseg_2.0.h5"
    with h5py.File(path, "w") as file:
        change(file)
    with pytest.raises(DataError, match=r"synthseg_2\.0\.h5"):
        load_keras_weights(SynthSegUNet(3), read_keras_weights(path), path)


@pytest.mark.parametrize("seed", range(8))
def test_damaged_hdf5(seed: int, tmp_path: Path) -> None:
    path, rng = tmp_path / "network.h5", random.Random(seed)  # noqa: S311
    with h5py.File(path, "w") as file:
        for layer in "abcdef":
            file[f"model_weights/{layer}/{layer}/kernel:0"] = np.zeros((3, 3, 3, 1, 2), np.float32)
    content = bytearray(path.read_bytes())
    for _ in range(20):
        place = rng.randrange(len(content))
        content[place : place + 4] = bytes(rng.randrange(256) for _ in range(4))
    path.write_bytes(bytes(content))
    refused_or_read(lambda: read_keras_weights(path), f"seed {seed}")


@pytest.mark.parametrize(
    "values",
    [np.zeros(3), np.zeros((2, 2), int), np.array(["a"]), np.array([{}], dtype=object), np.array(1)],
    ids=str,
)
def test_lists_of_labels(values: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", values, allow_pickle=True)
    with pytest.raises(DataError, match=r"labels\.npy"):
        _whole_numbers(tmp_path / "labels.npy")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder as `plausibrain run` writes it."""
    world = World(n_reference=60, n_generated=60)
    return world.run("a model", own=0.3).write(tmp_path_factory.mktemp("run"))


def test_baselines(run: Path, tmp_path: Path) -> None:
    path = write_baseline(run, tmp_path / "baseline.json")
    content = json.loads(path.read_text())
    for what, changed in mutated(content, "baseline"):
        path.write_text(json.dumps(changed))
        refused_or_read(lambda: read_snapshot(path), what)
    twice = content["draws"] | {"draw": [0] * len(content["draws"]["draw"])}
    path.write_text(json.dumps(content | {"draws": twice}))
    with pytest.raises(DataError, match="stands twice"):
        read_snapshot(path)


@pytest.mark.parametrize("name", ["run.json", "scorecard.json"])
def test_files_of_a_run(name: str, run: Path) -> None:
    sound = (run / name).read_text()
    try:
        for what, changed in mutated(json.loads(sound), name):
            (run / name).write_text(json.dumps(changed))
            refused_or_read(lambda: read_run(run), what)
            refused_or_read(lambda: read_snapshot(run), what)
    finally:
        (run / name).write_text(sound)
