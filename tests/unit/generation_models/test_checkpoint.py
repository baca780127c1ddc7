"""A checkpoint that is not whole, not ours or not harmless is refused in one sentence."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.checkpoint import read_checkpoint
from plausibrain.generation.models.ldm import ldm


@pytest.fixture
def copy(tiny_checkpoint, tmp_path):
    return shutil.copytree(tiny_checkpoint, tmp_path / "copy")


def rewrite(folder, **changes):
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def resign(folder):
    from plausibrain.cohorts.store import hash_file

    rewrite(folder, weights_sha256=hash_file(folder / "weights.safetensors"))


def test_weights_are_half_precision_on_disk_and_float_in_memory(tiny_checkpoint):
    stored = load_file(tiny_checkpoint / "weights.safetensors")
    read = read_checkpoint(tiny_checkpoint).weights
    assert {value.dtype for value in stored.values()} == {torch.float16}
    assert all(torch.equal(read[name], stored[name].float()) for name in stored)


def test_a_truncated_file_is_refused(copy):
    path = copy / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="cut off"):
        ldm(copy)


def test_pickled_weights_are_refused_even_with_the_right_hash(copy, tmp_path):
    class Hostile:
        def __reduce__(self):
            return (type(tmp_path).touch, (tmp_path / "executed",))

    torch.save({"weights": Hostile()}, copy / "weights.safetensors")
    resign(copy)
    with pytest.raises(DataError, match="pickled weights are never read"):
        ldm(copy)
    assert not (tmp_path / "executed").exists()


def test_another_architecture_is_refused(copy):
    architecture = read_checkpoint(copy).architecture
    wider = {**architecture, "unet": {**architecture["unet"], "channels": [8, 16]}}
    rewrite(copy, architecture=wider)
    with pytest.raises(DataError, match="other shape: unet"):
        ldm(copy)
    rewrite(copy, architecture={**architecture, "unet": {"channels": "many"}})
    with pytest.raises(DataError, match=r"unet\.channels: input should be a valid list"):
        ldm(copy)
    rewrite(copy, architecture={"fold": 2})
    with pytest.raises(DataError, match="autoencoder: field required"):
        ldm(copy)


def test_missing_and_unexpected_weights_are_listed(copy):
    weights = load_file(copy / "weights.safetensors")
    weights["surplus"] = weights.pop("latents.mean")
    save_file(weights, copy / "weights.safetensors")
    resign(copy)
    with pytest.raises(DataError, match=r"missing: latents\.mean; unexpected: surplus"):
        ldm(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "lsgan"}, "checkpoint of 'lsgan', not of 'ldm'"),
        ({"format": 99}, "format 99, this version reads 1"),
        ({"grid": None}, "grid: input should be"),
    ],
)
def test_another_model_format_or_content_is_refused(changes, message, copy):
    rewrite(copy, **changes)
    with pytest.raises(DataError, match=message):
        ldm(copy)


def test_broken_json_and_other_folders_are_refused(copy, tmp_path):
    (copy / "model.json").write_text('{"format": 1, ')
    with pytest.raises(DataError, match="not whole JSON"):
        ldm(copy)
    with pytest.raises(DataError, match="no checkpoint"):
        ldm(tmp_path)


def test_the_hash_follows_everything_that_decides_an_image(copy):
    before = read_checkpoint(copy).hash
    rewrite(copy, facts={"remark": "retold"})
    assert read_checkpoint(copy).hash == before
    description = json.loads((copy / "model.json").read_text())
    rewrite(copy, conditions={**description["conditions"], "low": [0.0, 1.0, 2.0, 3.0]})
    assert read_checkpoint(copy).hash != before
