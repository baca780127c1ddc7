"""What public generators write, as their code writes it, with any anatomy in it."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np

#: Image number -> array whose axes lead to right, anterior, superior.
Draw = Callable[[int], np.ndarray]
Write = Callable[[Path, Draw, int, float], None]


def nifti(data: np.ndarray, path: Path, sizes: tuple[float, ...] = (1.0, 1.0, 1.0)) -> None:
    """Save an array over a diagonal matrix; an identity matrix unless sizes are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.diag([*sizes, 1.0])), path)


def monai_bundle(folder: Path, draw: Draw, n_images: int, mm: float) -> None:
    for n in range(n_images):
        name = f"sample_10150{n}_01022023_{n % 2}_{n / (n_images - 1)}_0.5_0.5.nii.gz"
        nifti(draw(n)[::-1].astype(np.uint16), folder / name, (-mm, mm, mm))


def monai_port(folder: Path, draw: Draw, n_images: int, mm: float) -> None:
    for n in range(n_images):
        nifti(np.moveaxis(draw(n)[::-1], 0, -1)[:, :, None, :], folder / f"image_{n}.nii.gz")


def nv_generate(folder: Path, draw: Draw, n_images: int, mm: float) -> None:
    for n in range(n_images):
        name = f"unet_3d_seed{n}_size6x8x5_spacing{mm}x{mm}x{mm}_20250101_rank0_modality9.nii.gz"
        nifti(draw(n).astype(np.int16), folder / name, (mm, mm, mm))


def brlp(folder: Path, draw: Draw, n_images: int, mm: float) -> None:
    for n in range(n_images):
        nifti(draw(n)[::-1], folder / f"OAS{n}" / f"followup_age_{65 + n}.nii.gz", (-mm, mm, mm))


def wdm(folder: Path, draw: Draw, n_images: int, mm: float) -> None:
    for n in range(n_images):
        nifti(draw(n), folder / f"sample_{n}_0.nii.gz")


def tenvoo(folder: Path, draw: Draw, n_images: int, mm: float) -> None:
    for n in range(n_images):
        nifti(draw(n), folder / f"{n}.nii.gz")


def ha_gan(folder: Path, draw: Draw, n_images: int, mm: float) -> None:
    for n in range(n_images):
        nifti(draw(n).transpose(2, 1, 0), folder / f"x_{n}.nii.gz")


def style_gan(folder: Path, draw: Draw, n_images: int, mm: float) -> None:
    for n in range(n_images):
        nifti(draw(n).astype(np.uint16), folder / f"seed{n:04d}.nii.gz")


def climb(folder: Path, draw: Draw, n_images: int, mm: float) -> None:
    for n in range(n_images):
        nifti(draw(n)[::-1], folder / f"0{n}_S_01" / "visit_006_MRI.nii", (-mm, mm, mm))


def brainmint(folder: Path, draw: Draw, n_images: int, mm: float) -> None:
    for n in range(n_images):
        nifti(draw(n), folder / f"generated_{n:03d}.nii.gz")


def generative_brain(folder: Path, draw: Draw, n_images: int, mm: float) -> None:
    for n in range(n_images):
        nifti(draw(n).astype(np.uint16), folder / f"sample_{n}.nii.gz", (mm, mm, mm))


#: Preset -> how its files are written, and whether the grid has to be stated.
WRITERS: dict[str, tuple[Write, bool]] = {
    "monai_bundle": (monai_bundle, False),
    "monai_bundle_port": (monai_port, False),
    "nv_generate": (nv_generate, False),
    "brlp": (brlp, False),
    "wdm_3d": (wdm, True),
    "tenvoo": (tenvoo, True),
    "ha_gan": (ha_gan, True),
    "style_gan_3d": (style_gan, True),
    "climb": (climb, False),
    "brainmint": (brainmint, True),
    "generative_brain": (generative_brain, False),
}
