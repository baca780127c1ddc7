"""The published bundle: both layouts, strict, nothing executed, the bits of MONAI's own modules."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from monai.networks.nets import AutoencoderKL, DiffusionModelUNet
from monai.networks.schedulers import DDIMScheduler

from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.generation.bundle import load as loading
from plausibrain.generation.bundle.fetch import RemoteFile, fetch_bundle, published_config
from plausibrain.generation.bundle.layout import ORIGINAL, PORT, read_config
from plausibrain.generation.ldm.presets import PUBLISHED
from plausibrain.generation.models.monai_bundle import monai_bundle

LATENTS = (2, 4, 2)
STEPS = 5
AUTOENCODER = {
    "spatial_dims": 3, "in_channels": 1, "out_channels": 1, "latent_channels": 3, "num_res_blocks": 1,
    "norm_num_groups": 4, "norm_eps": 1e-6, "attention_levels": [False, False],
    "with_encoder_nonlocal_attn": False, "with_decoder_nonlocal_attn": False,
}  # fmt: skip
UNET = {
    "spatial_dims": 3, "in_channels": 7, "out_channels": 3, "num_res_blocks": 1, "norm_num_groups": 4,
    "attention_levels": [False, True], "norm_eps": 1e-6, "resblock_updown": True,
    "num_head_channels": [0, 8], "with_conditioning": True, "transformer_num_layers": 1,
    "cross_attention_dim": 4, "upcast_attention": True, "use_flash_attention": False,
}  # fmt: skip
ROWS = pd.DataFrame(
    {
        "sex": ["M", "F"],
        "age": [82.0, 63.0],
        "requested_ventricle_mm3": [6_995.68, 171_375.0],
        "requested_brain_normalised_mm3": [1_793_910.0, 1_144_240.0],
    }
)


@pytest.fixture(autouse=True)
def small_latents(monkeypatch):
    monkeypatch.setattr(loading, "LATENT_SIZES", LATENTS)


@pytest.fixture(scope="module")
def networks():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        autoencoder = AutoencoderKL(channels=(4, 8), **AUTOENCODER)
        unet = DiffusionModelUNet(channels=(8, 8), **UNET)
        for parameter in unet.parameters():  # MONAI starts some layers at zero
            torch.nn.init.normal_(parameter, std=0.1)
    return autoencoder.eval(), unet.eval()


SPELLINGS = {ORIGINAL: ("beta_schedule", "scaled_linear"), PORT: ("schedule", "scaled_linear_beta")}


def config_of(layout, spelling=None):
    key, schedule = spelling or SPELLINGS[layout]
    return {
        "imports": ["$import os"],
        "bundle_root": ".",
        "autoencoder_def": {
            "_target_": f"{layout.module}.nets.AutoencoderKL", layout.channels: [4, 8], **AUTOENCODER,
        },
        "diffusion_def": {
            "_target_": f"{layout.module}.nets.DiffusionModelUNet", layout.channels: [8, 8], **UNET,
        },
        "scheduler": {
            "_target_": f"{layout.module}.schedulers.DDIMScheduler", "_requires_": ["@load_diffusion"],
            "beta_start": 0.0015, "beta_end": 0.0205, "num_train_timesteps": 1000, "clip_sample": False,
            key: schedule,
        },
        "noise": "$__import__('os').abort()",
        "sample": "$@sampler.sampling_fn(@noise)",
    }  # fmt: skip


def old_names(state):
    """What GenerativeModels called the weights that MONAI renamed."""
    renamed = {}
    for name, value in state.items():
        old = re.sub(r"(transformer_blocks\.\d+\.attn\d)\.out_proj\.", r"\1.to_out.0.", name)
        renamed[old.replace(".postconv.", ".conv.")] = value
    return renamed


def write_bundle(folder: Path, layout, networks) -> Path:
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs/inference.json").write_text(json.dumps(config_of(layout)))
    for network, name in zip(networks, (layout.autoencoder, layout.unet), strict=True):
        state = network.state_dict()
        torch.save(old_names(state) if layout is ORIGINAL else state, folder / name)
    return folder


@torch.no_grad()
def published_procedure(networks, noise, values):
    """The bundle's sampler, step by step with MONAI's own modules; spacing as it was published."""
    autoencoder, unet = networks
    scheduler = DDIMScheduler(
        num_train_timesteps=1000, schedule="scaled_linear_beta", beta_start=0.0015, beta_end=0.0205,
        clip_sample=False,
    )  # fmt: skip
    scheduler.set_timesteps(STEPS)
    scheduler.timesteps = torch.arange(0, 1000, 1000 // STEPS).flip(0)
    conditioning = torch.tensor([values]).unsqueeze(1)
    constant = conditioning.squeeze(1)[:, :, None, None, None].expand(-1, -1, *noise.shape[2:])
    image = noise
    for t in scheduler.timesteps:
        output = unet(
            torch.cat((image, constant), dim=1), timesteps=torch.Tensor((t,)).long(), context=conditioning
        )
        image, _ = scheduler.step(output, int(t), image)
    return autoencoder.decode_stage_2_outputs(image)[0, 0].numpy()


@pytest.mark.parametrize("layout", [ORIGINAL, PORT], ids=lambda layout: layout.name)
def test_images_are_those_of_monais_modules_bit_for_bit(layout, networks, tmp_path):
    model = monai_bundle(write_bundle(tmp_path / "bundle", layout, networks), steps=STEPS, fast=False)
    drawn = list(model.sample(ROWS, [5, 6]))
    from plausibrain.generation.ldm.sampling import SAMPLE_STREAM
    from plausibrain.generation.noise import generator_of, noise_like

    for image, seed, values in zip(drawn, (5, 6), ([1.0, 1.0, 0.0, 1.0], [0.0, 0.5, 1.0, 0.0]), strict=True):
        noise = noise_like((3, *LATENTS), [generator_of(seed, SAMPLE_STREAM)])
        assert np.array_equal(image, published_procedure(networks, noise, values))
    assert model.description["scheduler"] == "DDIM"
    assert model.description["steps"] == STEPS


def test_the_fast_arrangement_is_equal_up_to_rounding(networks, tmp_path):
    folder = write_bundle(tmp_path / "bundle", PORT, networks)
    plain, fast = (
        next(monai_bundle(folder, steps=STEPS, fast=f).sample(ROWS, [5, 6])) for f in (False, True)
    )
    assert not np.array_equal(plain, fast)
    # Five steps through twenty layers: rounding of 6e-8 grows a few hundred times.
    assert np.abs(plain - fast).max() < 5e-5 * np.ptp(plain)


def test_the_layouts_hold_different_names(networks):
    new = set(networks[1].state_dict()) | set(networks[0].state_dict())
    old = set(old_names(networks[1].state_dict())) | set(old_names(networks[0].state_dict()))
    assert any(".to_out.0." in name for name in old - new)
    assert any("decoder" in name and ".conv." in name for name in old - new)


def test_raw_conditions_give_the_same_image(networks, tmp_path):
    folder = write_bundle(tmp_path / "bundle", PORT, networks)
    raw = pd.DataFrame([[1.0, 1.0, 0.0, 1.0]], columns=list(loading.RAW_COLUMNS))
    physical = next(monai_bundle(folder, steps=STEPS).sample(ROWS[:1], [5]))
    assert np.array_equal(physical, next(monai_bundle(folder, steps=STEPS, raw=True).sample(raw, [5])))


def test_grid_and_affine_are_the_published_ones(monkeypatch, networks, tmp_path):
    folder = write_bundle(tmp_path / "bundle", PORT, networks)
    model = monai_bundle(folder)
    assert model.grid.shape == tuple(2 * n for n in LATENTS)
    # The original saver cuts five voxels from the start of I and J and gives the rest this origin.
    origin = model.grid.matrix @ [5, 5, 0, 1]
    assert origin[:3] == pytest.approx([96.48149872, -141.47715759, -156.55375671], abs=1e-9)
    assert np.array_equal(np.diag(model.grid.matrix), [-1, 1, 1, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: state.pop("decoder.blocks.0.conv.weight"),
            r"missing: decoder\.blocks\.0\.conv\.weight",
        ),
        (lambda state: state.update(extra=torch.zeros(1)), "unexpected: extra"),
        (
            lambda state: state.update({"decoder.blocks.0.conv.bias": torch.zeros(3)}),
            r"other shape: decoder\.blocks\.0\.conv\.bias \(3,\) for \(8,\)",
        ),
    ],
)
def test_missing_unexpected_or_misshapen_weights_are_refused(change, message, networks, tmp_path):
    folder = write_bundle(tmp_path / "bundle", ORIGINAL, networks)
    state = torch.load(folder / ORIGINAL.autoencoder, weights_only=True)
    change(state)
    torch.save(state, folder / ORIGINAL.autoencoder)
    with pytest.raises(DataError, match=message):
        monai_bundle(folder)


class Hostile:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_pickled_code_is_refused_and_not_run(networks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write_bundle(tmp_path / "bundle", PORT, networks)
    with (folder / PORT.unet).open("wb") as stream:
        pickle.dump({"weight": Hostile()}, stream)
    with pytest.raises(DataError, match=r"refused unread|no file of weights"):
        monai_bundle(folder)
    torch.save({"weight": Hostile()}, folder / PORT.unet)
    with pytest.raises(DataError, match="refused unread"):
        monai_bundle(folder)
    assert not (tmp_path / "executed").exists()


def test_truncated_weights_are_refused(networks, tmp_path):
    folder = write_bundle(tmp_path / "bundle", PORT, networks)
    content = (folder / PORT.unet).read_bytes()
    (folder / PORT.unet).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="cut off"):
        monai_bundle(folder)


def test_an_expression_among_the_constants_is_refused(networks, tmp_path):
    folder = write_bundle(tmp_path / "bundle", PORT, networks)
    config = config_of(PORT)
    config["diffusion_def"]["norm_eps"] = "$__import__('os').abort()"
    (folder / "configs/inference.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="norm_eps is an expression"):
        monai_bundle(folder)


def test_another_folder_is_no_bundle(tmp_path):
    with pytest.raises(DataError, match="plausibrain fetch"):
        monai_bundle(tmp_path)


def test_the_configuration_that_fetch_writes_is_the_published_one(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/inference.json").write_text(json.dumps(published_config()))
    config = read_config(tmp_path)
    assert config.layout is PORT
    assert config.schedule == PUBLISHED.schedule
    assert config.unet["channels"] == [256, 512, 768]
    assert config.unet["num_head_channels"] == [0, 512, 768]
    assert config.autoencoder["channels"] == [64, 128, 128, 128]


RELEASED_AUTOENCODER = {
    "spatial_dims": 3, "in_channels": 1, "out_channels": 1, "latent_channels": 3, "num_res_blocks": 2,
    "norm_num_groups": 32, "norm_eps": 1e-6, "attention_levels": [False] * 4,
    "with_encoder_nonlocal_attn": False, "with_decoder_nonlocal_attn": False,
}  # fmt: skip
RELEASED_UNET = {
    "spatial_dims": 3, "in_channels": 7, "out_channels": 3, "num_res_blocks": 2,
    "attention_levels": [False, True, True], "norm_num_groups": 32, "norm_eps": 1e-6,
    "resblock_updown": True, "num_head_channels": [0, 512, 768], "with_conditioning": True,
    "transformer_num_layers": 1, "cross_attention_dim": 4, "upcast_attention": True,
    "use_flash_attention": False,
}  # fmt: skip
#: As in ``configs/inference.json`` of GenerativeModels (025973aa, e9e2df0d) and of the model-zoo (17e7879c).
RELEASES = {
    "025973aa": (ORIGINAL, ("beta_schedule", "scaled_linear")),
    "e9e2df0d": (ORIGINAL, ("schedule", "scaled_linear_beta")),
    "17e7879c": (PORT, ("schedule", "scaled_linear_beta")),
}


@pytest.mark.parametrize("release", RELEASES)
def test_configurations_are_read_as_released(release, tmp_path):
    layout, spelling = RELEASES[release]
    config = config_of(layout, spelling)
    config["autoencoder_def"] |= RELEASED_AUTOENCODER | {layout.channels: [64, 128, 128, 128]}
    config["diffusion_def"] |= RELEASED_UNET | {layout.channels: [256, 512, 768]}
    config |= {"load_old": 1, "network_def": "@autoencoder_def", "run": "$@saver(@sample[0][0])"}
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/inference.json").write_text(json.dumps(config))
    read = read_config(tmp_path)
    assert read.layout is layout
    assert read.schedule == PUBLISHED.schedule
    assert read.unet == RELEASED_UNET | {"channels": [256, 512, 768]}
    assert read.autoencoder == RELEASED_AUTOENCODER | {"channels": [64, 128, 128, 128]}


def test_an_unknown_spelling_of_the_betas_is_refused(tmp_path):
    (tmp_path / "configs").mkdir()
    config = config_of(ORIGINAL, ("schedule", "scaled_linear"))
    (tmp_path / "configs/inference.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="schedule scaled_linear_beta or linear_beta"):
        read_config(tmp_path)


def test_the_folder_that_a_download_was_made_into_is_a_checkpoint(networks, tmp_path):
    inside = write_bundle(tmp_path / "brain_image_synthesis_latent_diffusion_model", PORT, networks)
    assert monai_bundle(tmp_path).checkpoint_hash == monai_bundle(inside).checkpoint_hash


def test_without_a_connection_fetch_says_what_to_place(tmp_path):
    def no_network(address):
        raise OSError("no route to host")

    with pytest.raises(ToolError, match=r"place .*autoencoder\.pt \(MD5 329e97b3085643ff235f11f049856242\)"):
        fetch_bundle(tmp_path, open_url=no_network)
    assert not list(tmp_path.rglob("*.pt"))


def test_fetch_checks_the_md5_and_keeps_what_is_whole(tmp_path):
    import hashlib
    import io

    content = b"weights"
    good = RemoteFile("models/a.pt", "x", hashlib.md5(content, usedforsecurity=False).hexdigest())
    with pytest.raises(DataError, match="MD5"):
        fetch_bundle(tmp_path, files=(good,), open_url=lambda address: io.BytesIO(b"sorry, quota"))
    assert not (tmp_path / "models/a.pt").exists()
    fetch_bundle(tmp_path, files=(good,), open_url=lambda address: io.BytesIO(content))
    assert (tmp_path / "models/a.pt").read_bytes() == content

    def never(address):
        raise AssertionError("a whole file is not fetched again")

    fetch_bundle(tmp_path, files=(good,), open_url=never)
