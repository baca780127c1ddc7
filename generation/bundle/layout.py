"""The two layouts in which the brain latent diffusion bundle was published, and how to read both as data.

``configs/inference.json`` mixes constants with expressions that start with ``$`` and references that start
with ``@``. Only constants are read here; nothing in it is ever evaluated, imported or executed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.text_files import read_json
from plausibrain.generation.architectures import AutoencoderPart, SchedulePart, UnetPart, check_part
from plausibrain.generation.ldm.schedule import Schedule

CONFIG = Path("configs") / "inference.json"
NAME = "brain_image_synthesis_latent_diffusion_model"


@dataclass(frozen=True)
class Layout:
    """One way in which the bundle was published.

    Attributes
    ----------
    name : str
    module : str
        Package of the networks in the configuration.
    channels : str
        What the networks' list of channels is called.
    autoencoder, unet : str
        Files of the weights.
    """

    name: str
    module: str
    channels: str
    autoencoder: str
    unet: str


ORIGINAL = Layout(
    name="original",
    module="generative.networks",
    channels="num_channels",
    autoencoder="models/autoencoder.pth",
    unet="models/diffusion_model.pth",
)
PORT = Layout(
    name="port",
    module="monai.networks",
    channels="channels",
    autoencoder="models/autoencoder.pt",
    unet="models/model.pt",
)
LAYOUTS = (ORIGINAL, PORT)
#: How the betas are spelt -> `plausibrain.generation.ldm.schedule.Schedule`. GenerativeModels wrote
#: ``beta_schedule`` until 30 May 2023 and ``schedule`` from then on, as MONAI core does.
SCHEDULES: Mapping[tuple[str, str], str] = {
    ("beta_schedule", "scaled_linear"): "scaled_linear",
    ("beta_schedule", "linear"): "linear",
    ("schedule", "scaled_linear_beta"): "scaled_linear",
    ("schedule", "linear_beta"): "linear",
}

_AUTOENCODER = {
    "spatial_dims", "in_channels", "out_channels", "latent_channels", "num_res_blocks", "norm_num_groups",
    "norm_eps", "attention_levels", "with_encoder_nonlocal_attn", "with_decoder_nonlocal_attn",
}  # fmt: skip
_UNET = {
    "spatial_dims", "in_channels", "out_channels", "num_res_blocks", "attention_levels", "norm_num_groups",
    "norm_eps", "resblock_updown", "num_head_channels", "with_conditioning", "transformer_num_layers",
    "cross_attention_dim", "upcast_attention", "use_flash_attention",
}  # fmt: skip
_SCHEDULER = {"num_train_timesteps", "beta_start", "beta_end", "clip_sample"}


@dataclass(frozen=True)
class BundleConfig:
    """What the configuration of a bundle says, in the words of MONAI's networks.

    Attributes
    ----------
    layout : Layout
    autoencoder, unet : mapping
        Arguments of ``monai.networks.nets.AutoencoderKL`` and ``DiffusionModelUNet``.
    schedule : Schedule
    """

    layout: Layout
    autoencoder: Mapping[str, Any]
    unet: Mapping[str, Any]
    schedule: Schedule


def read_config(folder: Path) -> BundleConfig:
    """Read the configuration of a bundle folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    BundleConfig

    Raises
    ------
    DataError
        When the folder is no bundle, or the configuration has a part that is missing, not a constant, or
        unknown.
    """
    path = folder / CONFIG
    config = _read_json(path)
    sections = {
        name: _section(config, name, path) for name in ("autoencoder_def", "diffusion_def", "scheduler")
    }
    layout = _layout(sections["autoencoder_def"], path)
    autoencoder = _arguments(sections["autoencoder_def"], layout, "AutoencoderKL", _AUTOENCODER, path)
    unet = _arguments(sections["diffusion_def"], layout, "DiffusionModelUNet", _UNET, path)
    check_part(AutoencoderPart, autoencoder, f"{path}: autoencoder_def")
    check_part(UnetPart, unet, f"{path}: diffusion_def")
    return BundleConfig(layout, autoencoder, unet, _schedule(sections["scheduler"], path))


def find_bundle(folder: Path) -> Path:
    """Return the folder that holds the configuration: the one given, or a folder of the bundle's name in it.

    ``python -m monai.bundle download --bundle_dir DIR`` makes the latter.
    """
    inside = folder / NAME
    return inside if not (folder / CONFIG).exists() and (inside / CONFIG).exists() else folder


def _read_json(path: Path) -> dict[str, Any]:
    try:
        config = read_json(path)
    except FileNotFoundError as error:
        raise DataError(
            f"{path.parent.parent} is no bundle: it has no {CONFIG}; `plausibrain fetch` downloads it or "
            "says what to place where"
        ) from error
    except DataError as error:
        raise DataError(f"{path} is not whole JSON ({error}); fetch the bundle again") from error
    if not isinstance(config, dict):
        raise DataError(f"{path}: expected an object of named entries; fetch the bundle again")
    return config


def _section(config: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    section = config.get(name)
    if not isinstance(section, dict) or not isinstance(section.get("_target_"), str):
        raise DataError(f"{path}: expected an entry {name!r} with a _target_; this is another bundle")
    return section


def _layout(section: Mapping[str, Any], path: Path) -> Layout:
    for layout in LAYOUTS:
        if section["_target_"].startswith(layout.module):
            return layout
    modules = " or ".join(layout.module for layout in LAYOUTS)
    raise DataError(f"{path}: networks of {section['_target_']!r}; expected those of {modules}")


def _arguments(
    section: Mapping[str, Any], layout: Layout, kind: str, names: set[str], path: Path
) -> dict[str, Any]:
    """Return the constants of a network's section; its channels under MONAI's name."""
    if section["_target_"] != f"{layout.module}.nets.{kind}":
        raise DataError(f"{path}: expected {layout.module}.nets.{kind}, found {section['_target_']!r}")
    values = _constants(section, path)
    _exactly(values, names | {layout.channels}, kind, path)
    channels = values.pop(layout.channels)
    return {**values, "channels": channels}


def _schedule(section: Mapping[str, Any], path: Path) -> Schedule:
    if section["_target_"].rpartition(".")[2] != "DDIMScheduler":
        raise DataError(f"{path}: expected a DDIMScheduler, found {section['_target_']!r}")
    values = _constants(section, path)
    keys = {key for key, _ in SCHEDULES}
    key = next((name for name in values if name in keys), "schedule")
    _exactly(values, _SCHEDULER | {key}, "DDIMScheduler", path)
    spacing = SCHEDULES.get((key, str(values[key])))
    if spacing is None or values["clip_sample"] is not False:
        choices = " or ".join(value for name, value in SCHEDULES if name == key)
        raise DataError(
            f"{path}: expected clip_sample false and {key} {choices}, found {values['clip_sample']!r} and "
            f"{values[key]!r}"
        )
    schedule = {
        "n_steps": values["num_train_timesteps"], "beta_start": values["beta_start"],
        "beta_end": values["beta_end"], "schedule": spacing,
    }  # fmt: skip
    check_part(SchedulePart, schedule, f"{path}: scheduler")
    return Schedule(**schedule)


def _constants(section: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the entries of a section without its directives; refuse expressions and references."""
    values = {key: value for key, value in section.items() if not key.startswith("_")}
    live = [key for key, value in values.items() if isinstance(value, str) and value[:1] in "$@%"]
    if live:
        raise DataError(
            f"{path}: {', '.join(live)} is an expression; nothing in a configuration is executed here, "
            "write the constant instead"
        )
    return values


def _exactly(section: Mapping[str, Any], keys: set[str], kind: str, path: Path) -> None:
    absent, unknown = sorted(keys - section.keys()), sorted(section.keys() - keys)
    if absent or unknown:
        words = [
            f"{what} {', '.join(names)}"
            for what, names in (("missing", absent), ("unknown", unknown))
            if names
        ]
        raise DataError(f"{path}: arguments of {kind}: {'; '.join(words)}; this is another bundle")
