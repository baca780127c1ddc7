"""The brain latent diffusion model that MONAI publishes as ``brain_image_synthesis_latent_diffusion_model``.

Trained on 31,740 subjects of the UK Biobank, 44 to 82 years old (Pinaya2022). What moves it: conditions
outside those ranges are extrapolated; a typical ventricle of 25 to 30 mL is about 0.11 to 0.14 of its scale,
and the 0.7 of the published example is 122 mL. Its images are whole heads as the network draws them, on the
published grid of 160 x 224 x 160 voxels of 1 mm; the original saver's cropping and 8-bit rescaling are left
out.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from plausibrain.generation.registry import model

if TYPE_CHECKING:
    from plausibrain.generation.model import Model


@model(label="MONAI bundle (latent diffusion)", source=("Pinaya2022",))
def monai_bundle(
    checkpoint: Path,
    *,
    sampler: str = "ddim",
    steps: int = 50,
    precision: str = "fp32",
    device: str = "cpu",
    batch_size: int = 4,
    fast: bool = True,
    compiled: bool = False,
    threads: int = 1,
    raw: bool = False,
) -> "Model":
    """Return the model of a bundle folder, in the original layout or that of the MONAI-core port.

    Parameters
    ----------
    checkpoint : Path
        Folder with ``configs/inference.json`` and ``models/``.
    sampler : {"ddim", "ddpm"}
        The bundle's own is DDIM.
    steps : int
        Of DDIM; the bundle's own are 50.
    precision : {"fp32", "bf16", "auto"}
        As for `ldm`.
    device : str
    batch_size : int
        Samples that run together in bf16.
    fast : bool
        Rearrange the arithmetic; equal up to rounding.
    compiled : bool
        Compile the U-Net; worth its minutes for long runs on a GPU.
    threads : int
        CPU threads in fp32; the same for all workers of a cohort, because it decides the last bits.
    raw : bool
        Take ``raw_gender``, ``raw_age``, ``raw_ventricular_vol`` and ``raw_brain_vol``, 0 to 1, instead of
        ``sex``, ``age`` (years), ``requested_ventricle_mm3`` and ``requested_brain_normalised_mm3``, the
        brain volume normalised for head size, which the model was trained with.

    Returns
    -------
    Model

    Raises
    ------
    DataError
        When the bundle is incomplete, broken, hostile or another one.
    """
    from plausibrain.generation.bundle.load import from_bundle
    from plausibrain.generation.ldm.sampling import Settings

    settings = Settings(sampler, int(steps), precision, int(batch_size), device, fast, compiled, int(threads))
    return from_bundle(Path(checkpoint), settings, raw=raw)
