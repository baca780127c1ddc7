"""The bundle as a model: networks as published, conditions in physical units or raw, the published affine."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.requested_volumes import BRAIN_NORMALISED, VENTRICLE
from plausibrain.cohorts.store import Store, hash_file
from plausibrain.generation.bundle.layout import BundleConfig, find_bundle, read_config
from plausibrain.generation.bundle.weights import fitting_weights, load_strictly, read_weights
from plausibrain.generation.ldm.decoding import decoder_for
from plausibrain.generation.ldm.fast import speed_up
from plausibrain.generation.ldm.networks import FoldedAutoencoder, build_autoencoder, build_unet
from plausibrain.generation.ldm.sampling import LatentDiffusion, Settings
from plausibrain.generation.model import ImageGrid
from plausibrain.generation.scaler import ConditionScaler

#: Size of the latents in the bundle's own configuration, where it is an expression that is not evaluated.
LATENT_SIZES = (20, 28, 20)
#: Order in which the network sees its conditions, and the ranges of the UK Biobank that are 0 to 1
#: (Pinaya2022, section 3): fields 25004 (ventricles, raw) and 25009 (grey and white matter, normalised for
#: head size). Sex 1 is male: field 31 of the UK Biobank, which min-max scaling keeps.
UK_BIOBANK = ConditionScaler(
    ("sex", "age", VENTRICLE, BRAIN_NORMALISED),
    (0.0, 44.0, 6_995.68, 1_144_240.0),
    (1.0, 82.0, 171_375.0, 1_793_910.0),
)
RAW_COLUMNS = ("raw_gender", "raw_age", "raw_ventricular_vol", "raw_brain_vol")
#: Affine that the original saver writes for an image without its first five voxels along I and J; here those
#: are kept, so that both images lie at the same place in the world.
SAVER_ORIGIN_MM = (96.48149872, -141.47715759, -156.55375671)
SAVER_CROP = (5, 5, 0)


def from_bundle(folder: Path, settings: Settings, *, raw: bool = False) -> LatentDiffusion:
    """Return the model of a bundle folder.

    Parameters
    ----------
    folder : Path
        In either published layout.
    settings : Settings
    raw : bool
        Take conditions in 0 to 1 from the columns `RAW_COLUMNS` instead of physical units.

    Returns
    -------
    LatentDiffusion
        Intensities are what the network gives: not clipped, cropped or rescaled.

    Raises
    ------
    DataError
        When a file is missing, broken, hostile, or does not fit the configuration.
    """
    folder = find_bundle(folder)
    config = read_config(folder)
    _check_conditioning(config, folder)
    files = folder / config.layout.autoencoder, folder / config.layout.unet
    weights = [read_weights(path) for path in files]
    with torch.device("meta"):  # sizes are a claim of the configuration: compared before they take memory
        plans = build_autoencoder(config.autoencoder), build_unet(config.unet)
    for plan, tensors, path in zip(plans, weights, files, strict=True):
        fitting_weights(plan, tensors, path)
    autoencoder, unet = FoldedAutoencoder(config.autoencoder), build_unet(config.unet)
    for network, tensors, path in zip((autoencoder.network, unet), weights, files, strict=True):
        load_strictly(network, tensors, path)
    for module in (autoencoder, unet):
        module.eval().requires_grad_(requires_grad=False).to(settings.device)
    sizes = tuple(size * autoencoder.stride for size in LATENT_SIZES)
    grid = ImageGrid.of(sizes, published_affine())
    return LatentDiffusion(
        name="monai_bundle",
        conditions=RAW_COLUMNS if raw else UK_BIOBANK.columns,
        grid=grid,
        checkpoint_hash=bundle_hash(config, files),
        schedule=config.schedule,
        settings=settings,
        unet=speed_up(unet, settings),
        latent_shape=(autoencoder.latent_channels, *LATENT_SIZES),
        restore=lambda latents: latents,
        decode=decoder_for(autoencoder, grid.shape),
        scale=raw_conditions if raw else UK_BIOBANK,
        remarks={"layout": config.layout.name, "conditions": "raw" if raw else "UK Biobank ranges"},
    )


def published_affine() -> NDArray[np.float64]:
    """Return the affine of the whole grid, (4, 4): I runs from right to left, as in the original saver."""
    affine = np.diag([-1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = np.array(SAVER_ORIGIN_MM) - affine[:3, :3] @ np.array(SAVER_CROP)
    return affine


def raw_conditions(rows: pd.DataFrame) -> NDArray[np.float32]:
    """Return the columns `RAW_COLUMNS` as they are, (n, 4), float32; `DataError` for a missing value."""
    values = rows[list(RAW_COLUMNS)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float32, copy=True)
    if not np.isfinite(values).all():
        raise DataError(f"expected numbers in {', '.join(RAW_COLUMNS)}; fill in the missing ones")
    return values


def bundle_hash(config: BundleConfig, files: tuple[Path, Path]) -> str:
    """Return the SHA-256 of configuration and weights."""
    schedule: dict[str, Any] = config.schedule.as_data()
    contents = [hash_file(path) for path in files]
    return Store.key(dict(config.autoencoder), dict(config.unet), schedule, contents)


def _check_conditioning(config: BundleConfig, folder: Path) -> None:
    latents, n = int(config.autoencoder["latent_channels"]), len(RAW_COLUMNS)
    unet = config.unet
    sizes = (unet["in_channels"], unet["out_channels"], unet["cross_attention_dim"])
    if sizes != (latents + n, latents, n) or unet["with_conditioning"] is not True:
        raise DataError(
            f"{folder}: expected a U-Net with {latents + n} channels in, {latents} out and {n} conditions, "
            f"found {sizes}; this is another bundle"
        )
    if not torch.tensor([config.autoencoder[k] for k in ("in_channels", "out_channels")]).eq(1).all():
        raise DataError(f"{folder}: expected an autoencoder of one channel; this is another bundle")
