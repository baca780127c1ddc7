"""A tiny trained latent diffusion model on invented images, made once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation import preprocessing
from plausibrain.generation.checkpoint import Checkpoint, write_checkpoint
from plausibrain.generation.ldm import training as ldm_training
from plausibrain.generation.ldm.build import build_networks
from plausibrain.generation.ldm.presets import TINY, architecture_of
from plausibrain.generation.noise import seeded
from plausibrain.generation.preprocessing import Preset
from plausibrain.generation.scaler import ConditionScaler
from plausibrain.generation.training import train as training
from plausibrain.generation.training.train import TrainingPlan, train

#: Its latents have 6 x 6 x 6 voxels, then 3 x 3 x 3: on the CPU, the bf16 gradient of a 3 x 3 x 3 kernel on a
#: map of 2 x 2 x 2 reads memory that was never written (torch 2.13), so such a training has no fixed bits.
SHAPE = (24, 24, 24)


@pytest.fixture(scope="session")
def subjects() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 5
    return pd.DataFrame(
        {
            "participant_id": [f"sub-{i:02d}" for i in range(n)],
            "subject": [f"sub-{i:02d}" for i in range(n)],
            "age": np.linspace(30, 70, n),
            "sex": ["M", "F", "F", "M", "F"],
            "requested_ventricle_mm3": rng.uniform(1e4, 5e4, n),
            "requested_brain_mm3": rng.uniform(1e6, 1.3e6, n),
        }
    )


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> tuple[Path, ...]:
    folder, rng = tmp_path_factory.mktemp("prepared"), np.random.default_rng(1)
    files = []
    for number in range(5):
        path = folder / f"{number}.npy"
        np.save(path, rng.random(SHAPE).astype(np.float16))
        files.append(path)
    return tuple(files)


Training = Callable[..., Checkpoint]


@contextmanager
def tiny_preset(subjects: pd.DataFrame, files: tuple[Path, ...]) -> Iterator[Training]:
    """Give a function that trains the tiny preset with given changes to its plan."""
    cohort = Cohort("invented", subjects)

    def run(out: Path, **changes: object) -> Checkpoint:
        plan = {"model": "ldm", "preset": "tiny", "grid": "tiny", "n_held_out": 1, "device": "cpu"} | changes
        return train(cohort, TrainingPlan(out=out, **plan))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(preprocessing.PRESETS, "tiny", Preset(SHAPE, 20.0))
        patch.setattr(training, "prepare_cohort", lambda *args, **kwargs: files)
        patch.setattr(ldm_training, "SHOWN_STEPS", 2)
        yield run


@pytest.fixture
def tiny_training(subjects, prepared) -> Iterator[Training]:
    """Return a function that trains the tiny preset with given changes to its plan."""
    with tiny_preset(subjects, prepared) as run:
        yield run


@pytest.fixture(scope="session")
def tiny_trained(subjects, prepared, tmp_path_factory) -> tuple[Path, Checkpoint]:
    """Folder and checkpoint of one training of the tiny preset as it is; tests that change it copy it."""
    folder = tmp_path_factory.mktemp("trained") / "whole"
    with tiny_preset(subjects, prepared) as run:
        return folder, run(folder)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory, subjects) -> Path:
    """A checkpoint of the tiny preset with random weights."""
    architecture = architecture_of(TINY, 4, (16, 16, 16))
    with seeded(7):
        networks = build_networks(architecture)
        for name in ("unet", "autoencoder"):  # some of their layers start at zero
            for parameter in networks[name].parameters():
                torch.nn.init.normal_(parameter, std=0.1)
    grid = Preset((16, 16, 16), 10.0).grid
    checkpoint = Checkpoint("ldm", architecture, grid, ConditionScaler.fit(subjects), {"n_trained_on": 0})
    folder = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint(folder, checkpoint, networks)
    return folder
