"""Two processes under accelerate train the same weights as one with twice the micro-batches."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("accelerate")

SCRIPT = """
import sys
from pathlib import Path
import torch
from plausibrain.generation.ldm.training import LatentDiffusionRecipe
from plausibrain.generation.training.data import ArrayExamples
from plausibrain.generation.training.devices import Devices
from plausibrain.generation.training.loop import LoopSettings, train_stage
from plausibrain.generation.training.state import fresh_state
from plausibrain.generation.training.task import Request, StagePlan

torch.set_num_threads(1)
task = LatentDiffusionRecipe(Request("tiny", (16, 16, 16), 4)).task("autoencoder", {})
generator = torch.Generator().manual_seed(0)
images = torch.rand(4, 1, 16, 16, 16, generator=generator)
examples = ArrayExamples(images, torch.rand(4, 4, generator=generator))
devices = Devices("cpu")
plan = StagePlan("autoencoder", steps=2, batch_size=4, accumulate=2, warm_up=1)
path = Path(sys.argv[1])
settings = LoopSettings(0, 0, "fp32")
train_stage(fresh_state(task), plan, examples, examples, path=path, settings=settings, devices=devices)
print("world", devices.world)
"""


def by_two(folder: Path) -> dict:
    script = folder / "script.py"
    script.write_text(SCRIPT)
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]
    command = [sys.executable, *launcher, str(script), str(folder / "two.pt")]
    root = Path(__file__).parents[3]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=root,
        env={"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "world 2" in done.stdout
    return torch.load(folder / "two.pt", weights_only=True)


def by_one(folder: Path, monkeypatch) -> dict:
    monkeypatch.setattr(sys, "argv", ["script", str(folder / "one.pt")])
    threads = torch.get_num_threads()
    try:
        exec(SCRIPT, {})  # noqa: S102
    finally:
        torch.set_num_threads(threads)
    return torch.load(folder / "one.pt", weights_only=True)


@pytest.mark.slow
def test_two_processes_train_what_one_trains(tmp_path, monkeypatch):
    one, two = by_one(tmp_path, monkeypatch), by_two(tmp_path)
    for network, weights in one["networks"].items():
        for name, value in weights.items():
            # Each process adds up half of the gradient; two terms add up the same either way.
            assert torch.equal(value, two["networks"][network][name]), name
