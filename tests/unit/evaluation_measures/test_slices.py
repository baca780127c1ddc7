"""Small pictures of three planes: the right way up, at one scale, readable by others."""

import io
import struct
import zlib

import numpy as np
import pytest
from matplotlib import image as matplotlib_image

from plausibrain.cohorts.volumes import LabelMap, Volume, resample_to
from plausibrain.evaluation.alignment import FIELD_MM as COMMON_MM
from plausibrain.evaluation.alignment import common_grid
from plausibrain.evaluation.slices import (
    FIELD_MM,
    PIXEL_MM,
    VOLUME_MM,
    Picture,
    view_of,
)
from tests.unit.evaluation_extractors.phantoms import ball_brain, rigid
from tests.unit.evaluation_measures.scans import phantom

WIDE, LONG, HIGH = (round(length / PIXEL_MM) for length in FIELD_MM)


def three_planes(image: Volume, labels: LabelMap | None) -> Picture:
    return view_of(image, labels, voxel_mm=PIXEL_MM).planes


def aligned_planes(image: Volume, labels: LabelMap | None) -> Picture:
    return view_of(image, labels, voxel_mm=PIXEL_MM).pose


def small_volume(image: Volume, labels: LabelMap | None) -> bytes:
    return view_of(image, labels, voxel_mm=VOLUME_MM).volume()


def read(picture: Picture) -> np.ndarray:
    """Decode the file with other software."""
    return np.round(255 * matplotlib_image.imread(io.BytesIO(picture.png()), format="png")).astype(int)


def test_the_file_holds_the_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (31, 57)).astype(np.uint8)
    np.testing.assert_array_equal(read(Picture(pixels)), pixels)


def test_three_planes_stand_side_by_side_with_white_matter_at_one_grey():
    for gain in (1.0, 50.0):
        picture = three_planes(*phantom(noise=1.0, gain=gain))
        assert picture.remark == ""
        assert picture.pixels.shape == (LONG, 2 * WIDE + LONG)
        # White matter is 1000 of 1300.
        assert np.median(picture.pixels[picture.pixels > 180]) == pytest.approx(255 / 1.3, abs=3)


def marked(direction: int) -> np.ndarray:
    """Grey values where a bright ball lies 30 mm from the middle along a world axis."""
    image, labels = phantom(noise=0.0)
    index = np.indices(image.shape).reshape(3, -1).T
    world = index @ image.affine[:3, :3].T + image.affine[:3, 3]
    centre = np.zeros(3)
    centre[direction] = 30.0
    ball = (np.linalg.norm(world - centre, axis=1) < 9).reshape(image.shape)
    return three_planes(Volume(np.where(ball, 1000.0, image.data), image.affine), labels).pixels


@pytest.mark.parametrize(
    ("direction", "plane", "rows", "columns"),
    [
        (0, slice(0, WIDE), 0.0, 20.0),  # right of the subject: right in the plane from above
        (1, slice(0, WIDE), -20.0, 0.0),  # front: up in the plane from above
        (2, slice(WIDE, 2 * WIDE), -20.0, 0.0),  # top: up in the plane from the front
        (1, slice(2 * WIDE, None), 0.0, 20.0),  # front: right in the plane from the right
    ],
)
def test_directions(direction, plane, rows, columns):
    part = marked(direction)[:, plane]
    place = np.argwhere(part == 255).mean(axis=0) - (np.array(part.shape) - 1) / 2
    # 30 mm are 20 pixels; the middle is that of the phantom's brain, a few millimetres off the origin.
    assert place == pytest.approx([rows, columns], abs=3)


@pytest.mark.parametrize("change", ["no labels", "empty labels"])
def test_without_usable_labels_there_is_a_picture_and_the_reason(change):
    image, labels = phantom(noise=1.0)
    given = None if change == "no labels" else LabelMap(np.zeros_like(labels.data), labels.affine)
    picture = three_planes(image, given)
    assert picture.remark in (
        "no label map",
        "the label map holds no structure of the brain; expected FreeSurfer's labels",
    )
    assert picture.pixels.max() == 255
    assert (picture.pixels > 100).mean() > 0.1


def test_an_image_that_is_not_finite_is_drawn():
    image, labels = phantom(noise=1.0)
    data = image.data.copy()
    data[labels.data == 10] = np.nan
    picture = three_planes(Volume(data, image.affine), labels)
    assert "not finite" in picture.remark
    assert picture.pixels.max() == 255


def test_aligned_planes_are_the_same_however_the_head_lay():
    shape, affine = common_grid(4.0)
    straight = ball_brain(seed=1)
    turned = [resample_to(part, shape, affine) for part in ball_brain(seed=1, turn=rigid(20.0, (9, -7, 4)))]
    still, moved = (aligned_planes(*brain).pixels.astype(int) for brain in (straight, turned))
    wide, long = (round(length / PIXEL_MM) for length in COMMON_MM[:2])
    assert still.shape == (long, 2 * wide + long)
    assert still.max() > 150
    lying = [three_planes(*brain).pixels.astype(int) for brain in (straight, turned)]
    # Interpolated twice from voxels of 4 mm: edges differ after it, whole balls before it.
    alike, unlike = (np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in ((still, moved), lying))
    assert alike > 0.97
    assert unlike < 0.9


def test_an_image_without_labels_cannot_be_aligned():
    picture = aligned_planes(ball_brain()[0], None)
    assert picture.remark == "no label map to align the brain by"
    assert picture.pixels.size == 0


def unpacked(content: bytes) -> tuple[np.ndarray, float]:
    """Read a small volume as its docstring describes it: grey values (I, J, K) and voxels, mm."""
    plain = zlib.decompress(content)
    *shape, hundredths = struct.unpack("<4H", plain[:8])
    steps = np.frombuffer(plain[8:], np.uint8).reshape(shape[::-1])
    return np.cumsum(steps, axis=0, dtype=np.uint8).transpose(2, 1, 0), hundredths / 100


def test_a_small_volume_holds_the_planes_of_the_picture():
    image, labels = phantom(noise=1.0, scalp=True)
    volume, voxel_mm = unpacked(small_volume(image, labels))
    assert voxel_mm == VOLUME_MM
    assert volume.shape == tuple(round(length / VOLUME_MM) for length in FIELD_MM)
    assert np.median(volume[volume > 180]) == pytest.approx(255 / 1.3, abs=3)
    # The plane from above is the first part of the picture, upright; compare at the picture's pixels.
    plane = volume[:, :, volume.shape[2] // 2].T[::-1].astype(float)
    picture = three_planes(image, labels).pixels[:, :WIDE].astype(float)
    rows, columns = (np.arange(n) * PIXEL_MM / VOLUME_MM for n in picture.shape)
    nearest = plane[np.ix_(rows.astype(int), columns.astype(int))]
    assert np.corrcoef(nearest.ravel(), picture.ravel())[0, 1] > 0.9


def test_a_small_volume_without_labels_is_packed_too():
    volume, _ = unpacked(small_volume(phantom(noise=1.0)[0], None))
    assert volume.max() == 255


def test_outlines_lie_on_the_borders_of_the_structures():
    picture = three_planes(*phantom(noise=0.0))
    assert picture.outlines is not None
    assert picture.outlines.shape == picture.pixels.shape
    drawn = matplotlib_image.imread(io.BytesIO(picture.outline_png()), format="png")
    np.testing.assert_array_equal(drawn[..., 3] > 0, picture.outlines)
    # The phantom is made of nested balls of one grey each: where nothing changes, no outline is.
    above = np.abs(np.diff(picture.pixels.astype(int), axis=0, prepend=0))
    beside = np.abs(np.diff(picture.pixels.astype(int), axis=1, prepend=0))
    change = np.maximum(above, beside)
    assert 0.005 < picture.outlines.mean() < 0.2
    assert change[picture.outlines].mean() > 5 * change[~picture.outlines].mean()


def test_without_labels_there_are_no_outlines():
    picture = three_planes(phantom(noise=1.0)[0], None)
    assert picture.outlines is None
    assert picture.outline_png() == b""
