"""Heads made of ellipsoids, and folders of label maps made of them."""

from pathlib import Path

import nibabel as nib
import numpy as np

from plausibrain.cohorts.volumes import LabelMap, Volume

#: Label -> (centre mm, half axes mm) in RAS; later ones are painted over earlier ones.
ELLIPSOIDS: dict[int, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    24: ((0, 0, 0), (72, 86, 64)),
    3: ((-34, 0, 0), (33, 80, 58)),
    42: ((34, 0, 0), (33, 80, 58)),
    2: ((-34, 0, 0), (29, 74, 52)),
    41: ((34, 0, 0), (29, 74, 52)),
    4: ((-12, 0, 8), (6, 24, 8)),
    43: ((12, 0, 8), (6, 24, 8)),
    10: ((-12, -8, -8), (8, 12, 7)),
    49: ((12, -8, -8), (8, 12, 7)),
    17: ((-28, -14, -22), (6, 16, 6)),
    53: ((28, -14, -22), (6, 16, 6)),
    16: ((0, -20, -40), (10, 10, 18)),
}
INTENSITY = {
    0: 0,
    24: 30,
    3: 70,
    42: 70,
    2: 110,
    41: 110,
    4: 25,
    43: 25,
    10: 92,
    49: 92,
    17: 72,
    53: 72,
    16: 100,
}


def make_labels(voxel_size_mm: float = 2.0, side_mm: float = 192.0) -> LabelMap:
    """Return the labelled head, RAS, centred on the world's origin."""
    n = round(side_mm / voxel_size_mm)
    axis = (np.arange(n) - (n - 1) / 2) * voxel_size_mm
    i, j, k = np.meshgrid(axis, axis, axis, indexing="ij")
    labels = np.zeros((n, n, n), np.int32)
    for label, ((x, y, z), (a, b, c)) in ELLIPSOIDS.items():
        labels[((i - x) / a) ** 2 + ((j - y) / b) ** 2 + ((k - z) / c) ** 2 < 1] = label
    affine = np.diag([voxel_size_mm] * 3 + [1.0])
    affine[:3, 3] = axis[0]
    return LabelMap(labels, affine)


def make_image(voxel_size_mm: float = 2.0, *, noise: float = 3.0, seed: int = 0) -> Volume:
    """Return a T1-like image of the head."""
    labels = make_labels(voxel_size_mm)
    lookup = np.zeros(64, np.float32)
    lookup[list(INTENSITY)] = list(INTENSITY.values())
    rng = np.random.default_rng(seed)
    data = lookup[labels.data]
    data = data + noise * rng.standard_normal(data.shape) * (data > 0)
    return Volume(np.maximum(data, 0), labels.affine)


def write_label_folder(folder: Path, n_maps: int = 3) -> Path:
    """Write label maps and their list of labels as SynthSeg names them."""
    labels = make_labels(3.0)
    for number in range(n_maps):
        image = nib.Nifti1Image(np.roll(labels.data, number, axis=1), np.diag([1.0, 1.0, 1.0, 1.0]))
        nib.save(image, folder / f"seg_{number + 1:02d}.nii.gz")
    np.save(folder / "generation_labels.npy", np.array([0, 16, 24, 2, 3, 4, 10, 17, 41, 42, 43, 49, 53]))
    return folder
