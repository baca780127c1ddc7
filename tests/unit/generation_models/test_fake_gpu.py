"""Recipes, samplers and the segmentation keep tensors on one device; `fake_gpu` runs them without a GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils import backend_registration

ROOT = Path(__file__).parents[3]
RUNS = [
    f"{model} {stage}"
    for model, stages in {
        "ldm": ("autoencoder", "diffusion", "samples"),
        "brainsynth": ("autoencoder", "diffusion", "samples"),
        "vae_gan": ("adversarial", "samples"),
        "lsgan": ("adversarial", "samples"),
        "segmentation": ("1 mm", "2 mm"),
    }.items()
    for stage in stages
]


@pytest.fixture(scope="module")
def outcome() -> dict[str, str]:
    if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
        pytest.skip("this torch has no backend in Python")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.unit.generation_models.fake_gpu"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    lines = (line.partition(": ") for line in ran.stdout.splitlines())
    return {name: said for name, _, said in lines} | {"stderr": ran.stderr[-2000:]}


@pytest.mark.parametrize("run", RUNS)
def test_no_operation_mixes_devices(run, outcome):
    assert outcome.get(run) == "ok", outcome


def test_an_operation_on_two_devices_would_be_seen(outcome):
    assert "found at least two devices" in outcome["mixed on purpose"]
