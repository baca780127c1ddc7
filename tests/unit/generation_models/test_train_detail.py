"""Layers at full resolution are trained behind a frozen decoder, and shipped with the rest unchanged."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from makers import train_detail
from plausibrain.generation.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from plausibrain.generation.ldm.build import build_networks
from plausibrain.generation.ldm.presets import TINY, architecture_of
from plausibrain.generation.model import ImageGrid
from plausibrain.generation.noise import seeded
from plausibrain.generation.scaler import ConditionScaler

SIZE, N_IMAGES = 32, 8


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detail")
    architecture = architecture_of(replace(TINY, detail=None), 1, (SIZE,) * 3)
    with seeded(1):
        networks = build_networks(architecture)
        images = (255 * torch.rand(16, SIZE, SIZE, SIZE)).byte().numpy()
    scaler = ConditionScaler.fit(pd.DataFrame({"age": [20.0, 80.0]}), ("age",))
    facts = {"preset": "tiny", "stages": {"autoencoder": {"steps": 1}}}
    grid = ImageGrid((SIZE,) * 3, np.eye(4).tolist())
    write_checkpoint(folder / "before", Checkpoint("ldm", architecture, grid, scaler, facts), networks)
    (folder / "data").mkdir()
    np.save(folder / "data" / "images_0000.npy", images)
    return folder


def run(monkeypatch, folder, job, *arguments):
    words = ["train_detail", job, "--checkpoint", str(folder / "before"), *map(str, arguments)]
    monkeypatch.setattr(sys, "argv", words)
    train_detail.main()


def test_from_images_to_a_checkpoint_whose_other_weights_are_unchanged(monkeypatch, folders):
    monkeypatch.setattr(train_detail, "ADVERSARY_FROM", 2)
    run(monkeypatch, folders, "features", "--data", folders / "data", "--out", folders / "features")
    state = ("--state", folders / "state", "--features", folders / "features", "--images", 16)
    run(monkeypatch, folders, "train", *state, "--steps", 3, "--seconds", 60)
    run(monkeypatch, folders, "train", *state, "--steps", 4, "--seconds", 60)
    content = torch.load(folders / "state" / "detail.pt", weights_only=True)
    assert content["step"] == 4
    run(monkeypatch, folders, "ship", "--state", folders / "state", "--out", folders / "after")
    before, after = read_checkpoint(folders / "before"), read_checkpoint(folders / "after")
    assert after.architecture == before.architecture | {"detail": TINY.detail}
    assert after.facts["stages"]["detail"]["steps"] == 4
    for name, weight in before.weights.items():
        assert torch.equal(after.weights[name], weight)
    own = {name for name in after.weights if name.startswith("autoencoder.detail.")}
    assert own == set(after.weights) - set(before.weights)
    assert after.weights["autoencoder.detail.last.weight"].abs().max() > 0
    after.build(build_networks)


def test_pieces_show_what_the_whole_image_shows(folders):
    """Within the faces that are left out, a piece is decoded as the image is."""
    with seeded(2):
        task = train_detail.fresh_task(folders / "before", seed=0)
        torch.nn.init.normal_(task.detail.last.weight)
        stack = torch.rand(1, 2 * 8 + 8, 36, 36, 36)
    piece = stack[:, :, 4:32, 4:32, 4:32]
    with torch.no_grad():
        (whole, truth), (part, part_truth) = task.images(stack), task.images(piece)
    face = 7
    assert torch.allclose(
        part[..., face:-face, face:-face, face:-face],
        whole[..., 8 + face : 64 - face, 8 + face : 64 - face, 8 + face : 64 - face],
        atol=1e-5,
    )
    assert torch.equal(part_truth, truth[..., 8:64, 8:64, 8:64])


def test_pieces_lie_within_the_image_and_half_of_them_in_its_middle():
    stack = torch.arange(40.0).view(1, 1, 40, 1, 1).expand(1, 1, 40, 40, 40)
    generator = torch.Generator().manual_seed(0)
    starts = [float(train_detail.cut(stack, generator)[0, 0, 0, 0, 0]) for _ in range(300)]
    assert min(starts) == 0
    assert max(starts) == 40 - train_detail.PIECE
    assert np.mean([start in (0.0, 12.0) for start in starts]) < 0.75
