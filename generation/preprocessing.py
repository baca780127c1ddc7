"""Training images on a common grid: rigid alignment to the atlas, one resampling, intensities from 0 to 1.

The published models were trained on images aligned rigidly to MNI space at 1 mm, cropped to 160 x 224 x 160
voxels (Pinaya2022, section 3). An adult brain of the simulator fits into both grids; the lowest part of the
brain stem lies outside, as it does there.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.volumes import LabelMap, Volume, read_label_map, read_volume, resample_to
from plausibrain.generation.alignment import rigid_to_atlas
from plausibrain.generation.image_scale import FIRST_EXTRACEREBRAL_LABEL
from plausibrain.generation.model import ImageGrid

#: Middle of the field of view in atlas space, mm. The largest of 30 simulated adults reach from -107 to 80 mm
#: in y and to 90 mm in z; less than 0.4 % of a head, fluid at the lower end, lies outside.
FIELD_CENTRE_MM = (0.0, -15.0, 9.0)
LOW_PERCENTILE, HIGH_PERCENTILE = 0.5, 99.5


@dataclass(frozen=True)
class Preset:
    """A grid in atlas space.

    Attributes
    ----------
    shape : tuple of int
        Voxels along I, J, K (RAS).
    voxel_mm : float
    """

    shape: tuple[int, int, int]
    voxel_mm: float

    @property
    def grid(self) -> ImageGrid:
        """Shape and affine."""
        affine = np.diag([self.voxel_mm] * 3 + [1.0])
        affine[:3, 3] = np.array(FIELD_CENTRE_MM) - self.voxel_mm * (np.array(self.shape) - 1) / 2
        return ImageGrid.of(self.shape, affine)


PRESETS = {
    "1mm": Preset((160, 224, 160), 1.0),
    "2mm": Preset((80, 96, 80), 2.0),
    "4mm": Preset((40, 48, 40), 4.0),
}


def preset_grid(name: str) -> ImageGrid:
    """Return the grid of a name in `PRESETS`; `DataError` if there is none."""
    if name not in PRESETS:
        raise DataError(f"there is no grid {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name].grid


def prepare(image: Volume, labels: LabelMap, grid: ImageGrid, *, skull_strip: bool = True) -> Volume:
    """Return the image in atlas space, 0 to 1.

    Parameters
    ----------
    image : Volume
        T1w in any orientation.
    labels : LabelMap
        FreeSurfer ids of its structures, on any grid in the same world.
    grid : ImageGrid
        Target.
    skull_strip : bool
        Blank what the labels do not call brain or its fluid.

    Returns
    -------
    Volume
        On `grid`; interpolated once, after a Gaussian that keeps fine detail from aliasing on a coarser grid.
        0 is the 0.5th percentile of the whole image, 1 the 99.5th of the brain; values beyond are clipped.

    Raises
    ------
    DataError
        When the labels have no brain, or the image is the same everywhere in it.
    """
    affine = rigid_to_atlas(labels) @ image.affine
    inside = brain_of(labels, image)
    low, high = intensity_range(image.data, inside)
    data = np.clip((image.data - low) / (high - low), 0.0, 1.0)
    if skull_strip:
        data = data * inside
    smooth = _blur_for(data, image.voxel_size_mm, float(np.linalg.norm(grid.matrix[:3, 0])))
    return resample_to(Volume(smooth, affine), grid.shape, grid.matrix)


def prepare_files(image: Path, labels: Path, grid: ImageGrid, *, skull_strip: bool = True) -> Volume:
    """Return what `prepare` makes of two files; errors name them."""
    try:
        return prepare(read_volume(image), read_label_map(labels), grid, skull_strip=skull_strip)
    except DataError as error:
        raise DataError(f"{image}: {error}") from error


def brain_of(labels: LabelMap, image: Volume) -> np.ndarray:
    """Return where the brain and its fluid are, bool on the grid of the image."""
    same = labels.shape == image.shape and np.allclose(labels.affine, image.affine, atol=1e-3)
    on_grid = labels if same else resample_to(labels, image.shape, image.affine)
    inside: np.ndarray = (on_grid.data > 0) & (on_grid.data < FIRST_EXTRACEREBRAL_LABEL)
    return inside


def intensity_range(data: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """Return what becomes 0 and 1: a low percentile of the image and a high one of the brain.

    Raises
    ------
    DataError
        When there is no brain, or no contrast.
    """
    if not inside.any():
        raise DataError("its label map has no brain on the image; give labels of the same head")
    low = float(np.percentile(data, LOW_PERCENTILE))
    high = float(np.percentile(data[inside], HIGH_PERCENTILE))
    if not (np.isfinite([low, high]).all() and high > low):
        raise DataError(f"its grey values run from {low} to {high} in the brain; give an image with contrast")
    return low, high


def _blur_for(data: np.ndarray, voxels_mm: tuple[float, float, float], target_mm: float) -> np.ndarray:
    """Blur so that voxels of the target's size are not finer detail than their grid can show.

    A Gaussian of 0.42 voxels is the point spread of an ideal average over one voxel (its standard deviation
    would be 0.29, widened by linear interpolation); the difference in quadrature is what is missing.
    """
    widths = [0.42 * np.sqrt(max(0.0, (target_mm / size) ** 2 - 1.0)) for size in voxels_mm]
    return gaussian_filter(data, widths) if max(widths) > 0.1 else data
