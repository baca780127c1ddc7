"""Box counting and gyrification on shapes whose answer is known."""

import numpy as np
import pytest

from plausibrain.cohorts.structures import structure
from plausibrain.cohorts.volumes import LabelMap
from plausibrain.evaluation.cortical_geometry import (
    box_counts,
    closed,
    cortical_geometry,
    faces,
    fractal_dimension,
    gyrification,
)

UNIT = (1.0, 1.0, 1.0)


def menger_sponge(level):
    sponge = np.ones((1, 1, 1), dtype=bool)
    unit = np.ones((3, 3, 3), dtype=bool)
    for axis in range(3):
        unit[tuple(1 if a != axis else slice(None) for a in range(3))] = False
    for _ in range(level):
        sponge = np.kron(sponge, unit)
    return sponge.astype(bool)


def koch_snowflake_side(depth):
    points = np.array([0.0 + 0j, 1.0 + 0j])
    for _ in range(depth):
        step = np.diff(points) / 3
        parts = [points[:-1], points[:-1] + step, points[:-1] + step * (1 + np.exp(-1j * np.pi / 3))]
        points = np.append(np.column_stack([*parts, points[:-1] + 2 * step]).ravel(), points[-1])
    return points


@pytest.mark.parametrize(
    ("shape", "dimension"), [((64, 64, 64), 3.0), ((64, 64, 1), 2.0), ((1, 64, 64), 2.0), ((64, 1, 1), 1.0)]
)
def test_solid_plane_and_line(shape, dimension):
    assert fractal_dimension(np.ones(shape, dtype=bool)) == pytest.approx(dimension, abs=1e-9)


def test_menger_sponge():
    """Each third holds 20 of 27 parts: log 20 / log 3, exactly, with boxes of powers of three."""
    found = fractal_dimension(menger_sponge(4), (1, 3, 9, 27))
    assert found == pytest.approx(np.log(20) / np.log(3), abs=1e-9)


def test_koch_curve():
    """Log 4 / log 3; rasters of a curve of 1,024 segments are off by a few hundredths."""
    points = koch_snowflake_side(7)
    places = np.unique(
        np.round(np.column_stack([points.real, points.imag - points.imag.min()]) * 700), axis=0
    )
    image = np.zeros((702, 702, 1), dtype=bool)
    image[tuple(places.astype(int).T)] = True
    assert fractal_dimension(image, (4, 8, 16, 32, 64)) == pytest.approx(np.log(4) / np.log(3), abs=0.05)


def test_place_of_the_set_does_not_matter_and_folds_raise_the_dimension():
    flat, folded = np.zeros((2, 40, 40, 40), dtype=bool)
    flat[20, :, :] = True
    for i in range(40):
        folded[10 + abs(i % 8 - 4) * 4, i, :] = True
        folded[10:26, i, :] |= i % 4 == 0
    assert fractal_dimension(folded) > fractal_dimension(flat) == pytest.approx(2.0, abs=0.02)
    moved = np.roll(folded, (3, 0, 0), axis=(0, 1, 2))
    assert box_counts(moved).tolist() == box_counts(folded).tolist()


def test_empty_set_has_no_dimension():
    assert np.isnan(fractal_dimension(np.zeros((4, 4, 4), dtype=bool)))


def test_faces_of_a_box_are_its_surface():
    mask = np.zeros((7, 8, 9), dtype=bool)
    mask[1:4, 1:5, 1:6] = True  # 3 x 4 x 5 voxels of 1 x 2 x 3 mm: sides of 3, 8 and 15 mm
    assert faces(mask, (1.0, 2.0, 3.0)).sum() == pytest.approx(2 * (3 * 8 + 3 * 15 + 8 * 15))


def test_closing_fills_grooves_and_leaves_convex_shapes():
    box = np.zeros((40, 40, 40), dtype=bool)
    box[10:30, 10:30, 10:30] = True
    assert (closed(box, 5.0, UNIT) == box).all()
    grooved = box.copy()
    grooved[20:22, :, 20:] = False
    assert (closed(grooved, 5.0, UNIT) == box).all()


def test_sulci_of_known_depth():
    """Grooves two voxels wide and ten deep every eight: each adds two walls of ten to eight of the top."""
    period, depth, width, length = 8, 10, 2, 64
    slab = np.zeros((length + 20, 44, 40), dtype=bool)
    slab[10 : 10 + length, 10:34, 10:30] = True
    for start in range(10 + 3, 10 + length, period):
        slab[start : start + width, :, 30 - depth :] = False
    above, between = np.indices(slab.shape)[2] >= 20, np.abs(np.indices(slab.shape)[1] - 21.5) < 10
    parcels = np.where(slab, np.where(above & between, 2, 1), 0)
    found = gyrification(parcels, np.zeros_like(slab), UNIT, radius_mm=6.0)
    # Per millimetre of the width: top and floors, walls, and the two ends, which the envelope has too. The
    # floors are one voxel lower than the parcel and belong to the other one.
    tops, walls, ends = length - width * (length // period), 2 * depth * (length // period), 2 * depth
    assert found[2] == pytest.approx((tops + walls + ends) / (length + ends), rel=0.03)


def test_smooth_ball_has_gyrification_one():
    i, j, k = np.indices((60, 60, 60)) - 29.5
    radius = np.sqrt(i**2 + j**2 + k**2)
    parcels = np.where((radius < 25) & (radius > 21), np.where(i < 0, 1, 2), 0)
    found = gyrification(parcels, radius <= 21, UNIT)
    assert found[1] == pytest.approx(1.0, abs=0.02)
    assert found[2] == pytest.approx(1.0, abs=0.02)


def test_parcels_of_a_label_map_are_named_and_small_ones_left_out():
    i, j, k = np.indices((60, 60, 60)) - 29.5
    radius = np.sqrt(i**2 + j**2 + k**2)
    names = ("ctx-lh-precuneus", "ctx-lh-lingual")
    ribbon = (radius < 25) & (radius > 21)
    labels = np.where(ribbon, np.where(i < 0, *(structure(name).index for name in names)), 0)
    labels[radius <= 21] = 2
    labels[30, 30, 53:54] = structure("ctx-lh-insula").index
    found = cortical_geometry(LabelMap(labels, np.diag([-1.0, 1.0, 1.0, 1.0])))
    assert set(found) == set(names)
    assert found[names[0]]["gyrification"] == pytest.approx(1.0, abs=0.02)
    assert 2.0 <= found[names[0]]["fractal_dimension"] <= 2.6


def test_label_maps_without_parcels_have_no_geometry():
    assert cortical_geometry(LabelMap(np.full((5, 5, 5), 2), np.eye(4))) == {}


def test_parcel_in_a_sulcus_has_a_dimension_and_no_gyrification():
    """The floor of a deep groove is nearer to the walls' parcel than any of the envelope."""
    slab = np.zeros((40, 40, 40), dtype=bool)
    slab[8:32, 8:32, 8:32] = True
    slab[19:21, :, 14:] = False
    k = np.indices(slab.shape)[2]
    parcels = np.where(slab, 1, 0)
    i = np.indices(slab.shape)[0]
    parcels[
        slab & (np.abs(i - 19.5) < 3) & (k > 13) & (k < 24) & (np.abs(np.indices(slab.shape)[1] - 19.5) < 8)
    ] = 2
    found = gyrification(parcels, np.zeros_like(slab), UNIT, radius_mm=6.0)
    assert np.isnan(found[2])
    assert np.isfinite(found[1])
