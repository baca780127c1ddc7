"""One anatomy saved in more than twenty ways has one set of volumes.

Where the image that reaches the network is the same, so are the volumes, and nothing is segmented twice. What
is interpolated, padded or masked on the way in is segmented, and its volumes are compared.
"""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from plausibrain.cohorts.structures import TIV
from plausibrain.cohorts.volumes import Volume, read_volume
from plausibrain.evaluation.background import on_zero_background
from plausibrain.evaluation.segmenters.synthseg_style_2mm import synthseg_style_2mm
from plausibrain.evaluation.working_grid import WorkingImage, make_working_image
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.simulator.cohort import simulate_cohort
from plausibrain.generation.simulator.subject import Grid

#: Structures below this are left out: their volume is a few voxels more or less, mm3.
SMALLEST_MM3 = 3000.0
Save = Callable[[Volume, Path], Path]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    """A simulated stripped brain of 2 mm in whole numbers from 0 to 245."""
    folder = tmp_path_factory.mktemp("anatomy")
    cohort = simulate_cohort(
        table_cohort(1, seed=5, name="s"), folder, seed=5, grid=Grid(2.0), skull_strip=True, n_processes=1,
        on_subject=None,
    )  # fmt: skip
    drawn = read_volume(cohort.images[0])
    return Volume(np.round(2 * drawn.data), drawn.affine)


@pytest.fixture(scope="module")
def volumes(image: Volume) -> dict[str, float]:
    return dict(synthseg_style_2mm(image).volumes)


def nifti(
    change: Callable[[np.ndarray], np.ndarray] = lambda data: data,
    kind: str = "<f4",
    ending: str = ".nii.gz",
    **more: float,
) -> Save:
    """Save as NIfTI after a change of values."""

    def save(image: Volume, path: Path) -> Path:
        header = nib.Nifti1Header(endianness=kind[0])
        header.set_data_dtype(np.dtype(kind))
        saved = nib.Nifti1Image(change(image.data).astype(np.dtype(kind)), image.affine, header)
        if more:
            saved.header.set_slope_inter(**more)
        nib.save(saved, path.with_name(f"image{ending}"))
        return path.with_name(f"image{ending}")

    return save


def reordered(codes: str) -> Save:
    def save(image: Volume, path: Path) -> Path:
        goal = nib.orientations.axcodes2ornt(tuple(codes))
        turned = nib.Nifti1Image(image.data, image.affine).as_reoriented(
            nib.orientations.ornt_transform(nib.orientations.axcodes2ornt(("R", "A", "S")), goal)
        )
        nib.save(turned, path)
        return path

    return save


def as_class(kind: type, ending: str) -> Save:
    def save(image: Volume, path: Path) -> Path:
        target = path.with_name(f"image{ending}")
        nib.save(kind(image.data, image.affine), target)
        return target

    return save


def moved(degrees: float, shift_mm: float = 0.0) -> Save:
    """State another position in the header: the head turned about the axis from ear to ear, and moved."""

    def save(image: Volume, path: Path) -> Path:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        world = np.eye(4)
        world[1:3, 1:3] = [[c, -s], [s, c]]
        world[:3, 3] = shift_mm
        nib.save(nib.Nifti1Image(image.data, world @ image.affine), path)
        return path

    return save


def in_brain(
    change: Callable[[np.ndarray], np.ndarray], outside: float
) -> Callable[[np.ndarray], np.ndarray]:
    def changed(data: np.ndarray) -> np.ndarray:
        return np.where(data > 0, change(data), outside)

    return changed


def z_scores(data: np.ndarray) -> np.ndarray:
    inside = data[data > 0]
    return np.where(data > 0, (data - inside.mean()) / inside.std(), 0.0)


def padded(n: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda data: np.pad(data, n)


EQUAL: dict[str, Save] = {
    "float32": nifti(),
    "uint8": nifti(kind="|u1"),
    "int16": nifti(kind="<i2"),
    "uint16, big-endian": nifti(kind=">u2"),
    "float64": nifti(kind="<f8"),
    "int16 with slope and intercept": nifti(kind="<i2", slope=0.37, inter=-55.0),
    "not compressed": nifti(ending=".nii"),
    "a fourth axis of one": nifti(lambda data: data[..., None]),
    "NIfTI-2": as_class(nib.Nifti2Image, ".nii.gz"),
    "MGZ": as_class(nib.MGHImage, ".mgz"),
    "LAS": reordered("LAS"),
    "LPI": reordered("LPI"),
    "PIR": reordered("PIR"),
    "SLA": reordered("SLA"),
    "0 to 1": nifti(lambda data: data / 245),
    "-1 to 1": nifti(lambda data: data / 122.5 - 1),
    "300 x + 55": nifti(lambda data: 300 * data + 55),
    "elsewhere in the world": moved(0.0, shift_mm=31.0),
    "tilted by 8 degrees": moved(8.0),
}
NEAR: dict[str, Save] = {
    "padded": nifti(padded(9)),
    "-1000 outside the brain": nifti(in_brain(lambda data: data, -1000.0)),
    "z-scores within the brain": nifti(z_scores),
}


def working(image: Volume) -> WorkingImage:
    return make_working_image(on_zero_background(image))


@pytest.mark.parametrize("way", EQUAL)
def test_the_network_sees_the_same_image(way: str, image: Volume, tmp_path: Path) -> None:
    expected, found = working(image), working(read_volume(EQUAL[way](image, tmp_path / "image.nii.gz")))
    assert found.data.shape == expected.data.shape
    np.testing.assert_allclose(found.data, expected.data, atol=1e-5)
    assert found.voxel_mm3 == pytest.approx(expected.voxel_mm3, rel=1e-5)


def test_on_an_oblique_grid_neither_offset_nor_head_size_change(
    image: Volume, volumes: dict[str, float], tmp_path: Path
) -> None:
    """The network sees a tilted head a little differently, so that only head size is compared."""
    turned = read_volume(moved(20.0)(image, tmp_path / "image.nii.gz"))
    shifted = Volume(turned.data / 122.5 - 1, turned.affine)
    np.testing.assert_allclose(working(shifted).data, working(turned).data, atol=1e-5)
    assert synthseg_style_2mm(turned).volumes[TIV] == pytest.approx(volumes[TIV], rel=0.01)


@pytest.mark.parametrize(("way", "percent"), [("-1 to 1", 0.1), *((way, 1.0) for way in NEAR)])
def test_volumes_agree(
    way: str, percent: float, image: Volume, volumes: dict[str, float], tmp_path: Path
) -> None:
    saved = read_volume((EQUAL | NEAR)[way](image, tmp_path / "image.nii.gz"))
    found = synthseg_style_2mm(saved).volumes
    large = [name for name, mm3 in volumes.items() if mm3 > SMALLEST_MM3]
    assert TIV in large
    off = {name: 100 * (found[name] / volumes[name] - 1) for name in large}
    assert max(map(abs, off.values())) <= percent, off
