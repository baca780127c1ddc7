"""One simulated subject: from age, sex and volumes to a label map and a T1w image."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from plausibrain.cohorts.structures import STRUCTURES
from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.generation.norms import VOLUME_NAMES, subject_rng
from plausibrain.generation.simulator.anatomy import Anatomy, load_anatomy
from plausibrain.generation.simulator.deformation import draw_deformation, steer, to_voxels
from plausibrain.generation.simulator.labelling import (
    Depths,
    draw_patterns,
    label_map,
    locate,
    set_cortical_levels,
    set_deep_levels,
)
from plausibrain.generation.simulator.rendering import draw_scanner, render_t1w
from plausibrain.generation.simulator.spatial import sample, voxel_grid

SHAPE_STREAM, FOLD_STREAM, RENDER_STREAM = 2, 3, 4
FIELD_OF_VIEW_MM = (176.0, 216.0, 184.0)
FIELD_CENTRE_MM = (0.0, 0.0, 14.0)
COARSE_FROM_MM = 1.5


@dataclass(frozen=True)
class Grid:
    """Voxels of the images: isotropic, axes RAS.

    Attributes
    ----------
    voxel_mm : float
        Voxel size.
    """

    voxel_mm: float = 1.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels of each axis."""
        first, second, third = (int(np.ceil(size / self.voxel_mm)) for size in FIELD_OF_VIEW_MM)
        return first, second, third

    @property
    def affine(self) -> np.ndarray:
        """Voxel indices to world mm; the field of view is centred on the head."""
        affine = np.diag([self.voxel_mm] * 3 + [1.0])
        affine[:3, 3] = np.array(FIELD_CENTRE_MM) - self.voxel_mm * (np.array(self.shape) - 1) / 2
        return affine

    def positions(self) -> Tensor:
        """Return the position of each voxel, mm, (3, I, J, K)."""
        low = torch.from_numpy(self.affine[:3, 3]).float().view(3, 1, 1, 1)
        return voxel_grid(self.shape) * self.voxel_mm + low


@dataclass(frozen=True)
class SimulatedPerson:
    """What the simulator draws.

    Attributes
    ----------
    image : Volume
        T1w.
    labels : LabelMap
        FreeSurfer ids, with skull and scalp; same grid.
    volumes : Series
        Volumes counted on the labels, mm3; index `VOLUME_NAMES`.
    displacement : Tensor, (3, 47, 57, 54)
        Subject to atlas, mm, at 4 mm.
    """

    image: Volume
    labels: LabelMap
    volumes: pd.Series
    displacement: Tensor


def simulate_subject(
    subject: int,
    volumes: pd.Series,
    *,
    age: float,
    seed: int,
    grid: Grid | None = None,
    site: int = 0,
    skull_strip: bool = False,
    anatomy: Anatomy | None = None,
) -> SimulatedPerson:
    """Return a subject with the given volumes; the same for the same (seed, subject), volumes and grid.

    Parameters
    ----------
    subject : int
        Number of the subject.
    volumes : Series
        Target volumes, mm3; index `VOLUME_NAMES`, as one row of `plausibrain.generation.norms.draw_volumes`.
    age : float
        Years; sets the grey-white contrast.
    seed : int
        Seed of the cohort.
    grid : Grid, optional
        1 mm where nothing is said.
    site : int
        Scanner; 0 is the usual one.
    skull_strip : bool
        Blank everything outside the brain and its CSF in the image; labels stay.
    anatomy : Anatomy, optional
        The shipped model where nothing is said.

    Returns
    -------
    SimulatedPerson
        Image, labels, their volumes, and the deformation.
    """
    grid = grid or Grid()
    model = anatomy or load_anatomy(coarse=grid.voxel_mm >= COARSE_FROM_MM)
    head = draw_head(subject, volumes, seed=seed, grid=grid, anatomy=model)
    image = render_t1w(
        head.depths,
        head.labels,
        model,
        age=age,
        scanner=draw_scanner(site, seed=seed),
        voxel_mm=grid.voxel_mm,
        rng=subject_rng(seed, subject, RENDER_STREAM),
        skull_strip=skull_strip,
    )
    values = head.labels.numpy()
    return SimulatedPerson(
        Volume(image.numpy(), grid.affine),
        LabelMap(values, grid.affine),
        count_volumes(values, grid.voxel_mm**3),
        head.displacement,
    )


@dataclass(frozen=True)
class Head:
    """Anatomy before it is rendered: label of each voxel, its boundaries, and the deformation at 4 mm."""

    labels: Tensor
    depths: Depths
    displacement: Tensor


def draw_head(subject: int, volumes: pd.Series, *, seed: int, grid: Grid, anatomy: Anatomy) -> Head:
    """Return the anatomy of a subject; arguments as in `simulate_subject`."""
    targets = {name: float(volumes[name]) for name in VOLUME_NAMES}
    displacement = deform(anatomy, targets, subject_rng(seed, subject, SHAPE_STREAM))
    positions = grid.positions()
    atlas = positions + sample(displacement, to_voxels(positions))
    patterns = draw_patterns(anatomy, subject_rng(seed, subject, FOLD_STREAM))
    depths = locate(anatomy, patterns, atlas)
    voxel_mm3 = grid.voxel_mm**3
    set_deep_levels(depths, anatomy, atlas, targets, voxel_mm3)
    set_cortical_levels(depths, anatomy, targets, voxel_mm3)
    return Head(label_map(depths, anatomy), depths, displacement)


def deform(anatomy: Anatomy, targets: dict[str, float], rng: np.random.Generator) -> Tensor:
    """Return the subject's deformation, steered to the volumes of the coarse classes."""
    coarse = coarse_targets(targets)
    inside = float(anatomy.soft.data.sum(0).mul(half_weights(anatomy)).sum()) * anatomy.soft.step_mm**3
    start = draw_deformation(anatomy, rng, (targets["TIV"] / inside) ** (1 / 3))
    return steer(start, anatomy, coarse)


def half_weights(anatomy: Anatomy) -> Tensor:
    """Return the weight of each plane of the half model: the midline counts once, everything else twice."""
    weights = torch.full((anatomy.soft.data.shape[1], 1, 1), 2.0)
    weights[0] = 1.0
    return weights


COARSE_CLASSES = {
    "LV": ("Lateral-Ventricle",),
    "ILV": ("Inf-Lat-Vent",),
    "TH": ("Thalamus",),
    "CA": ("Caudate", "Accumbens-area"),
    "PU": ("Putamen",),
    "PA": ("Pallidum",),
    "HI": ("Hippocampus",),
    "AM": ("Amygdala",),
    "VD": ("VentralDC",),
    "V3": ("3rd-Ventricle",),
    "V4": ("4th-Ventricle",),
    "BS": ("Brain-Stem",),
    "CB": ("Cerebellum-Cortex", "Cerebellum-White-Matter"),
    "CE": ("Cerebral-Cortex", "Cerebral-White-Matter"),
    "CSF": ("CSF",),
}


def coarse_targets(targets: dict[str, float]) -> dict[str, float]:
    """Return the volume of each coarse class, both sides together, mm3."""
    regions: dict[str, float] = {}
    for name, volume in targets.items():
        region = name.removeprefix("Left-").removeprefix("Right-")
        regions[region] = regions.get(region, 0.0) + volume
    return {name: sum(regions[part] for part in parts) for name, parts in COARSE_CLASSES.items()}


def count_volumes(labels: np.ndarray, voxel_mm3: float) -> pd.Series:
    """Return the volume of each structure and of the head, mm3, counted in voxels."""
    counts = np.bincount(labels.ravel(), minlength=600) * voxel_mm3
    by_name = {item.name: float(counts[item.index]) for item in STRUCTURES if item.index < len(counts)}
    inside = {name: by_name[name] for name in VOLUME_NAMES if name in by_name}
    return pd.Series({"TIV": sum(inside.values()), **inside})[list(VOLUME_NAMES)]
