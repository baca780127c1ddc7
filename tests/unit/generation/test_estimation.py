"""The estimation on small phantoms: balls, shifts and patchworks with known answers."""

import numpy as np
import pytest
import torch

from makers.anatomy.estimation import cortical_depth, estimate_anatomy, patchwork_of, stored
from makers.anatomy.half_space import (
    OTHER_SIDE,
    across_midline,
    cut_at_volume,
    half_maps,
    side_lookup,
    signed_distance,
)
from makers.anatomy.registration import (
    CLASSES,
    Round,
    atlas_positions,
    mirrored,
    reduce_map,
    register,
)
from plausibrain.cohorts.errors import DataError


def ball_head(centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """White matter inside cortex inside CSF inside bone, as concentric balls at 1 mm in 160 mm."""
    axes = np.indices((160, 160, 160), sparse=True, dtype=np.float32)
    away = np.sqrt(sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True)))
    labels = np.zeros((160, 160, 160), np.int16)
    for label, size in ((515, 1.3), (24, 1.15), (3, 1.0), (2, 0.7)):
        labels[away < size * radius] = label
    return labels


def test_registration_finds_where_a_ball_lies():
    heads = [reduce_map(ball_head((76, 80, 82), 50)), reduce_map(ball_head((84, 80, 78), 55))]
    losses: list[float] = []
    register(heads, (Round(8, 6.0, 0), Round(8, 6.0, 0)), lambda _, loss: losses.append(loss))
    # Brain centres are removed beforehand; what is left is the size, 10 % between the two.
    sizes = [float(torch.linalg.det(head.matrix)) ** (1 / 3) for head in heads]
    assert sizes[1] / sizes[0] == pytest.approx(1.1, abs=0.04)
    assert losses[1] < losses[0]


def test_classes_share_a_block():
    head = reduce_map(ball_head((79.5, 79.5, 79.5), 50))
    assert head.shares.shape == (len(CLASSES), 40, 40, 40)
    torch.testing.assert_close(head.centre, torch.full((3,), 79.5), atol=0.01, rtol=0)
    assert head.shares[0, 20, 20, 20] == 1.0


def test_halves_are_left_halves():
    labels = ball_head((80.0, 80.0, 80.0), 50)
    labels[81:][labels[81:] == 3] = 42
    labels[81:][labels[81:] == 2] = 41
    left, right = half_maps(labels, reduce_map(labels), 0)
    assert left.shape == right.shape
    for half in (left, right):
        # The plane of the midline itself may show the other side.
        assert {2, 3, 24, 515} <= set(np.unique(half[2:]))
        assert not {41, 42} & set(np.unique(half))
    assert (left[2:] == right[2:]).mean() > 0.99


def test_other_side_is_marked():
    lookup = side_lookup("left")
    assert lookup[2] == 2
    assert lookup[41] == OTHER_SIDE + 2
    assert side_lookup("right")[41] == 2
    assert lookup[16] == 16


def test_atlas_grid_is_symmetric():
    positions = atlas_positions(4.0)
    torch.testing.assert_close(positions[0], -positions[0].flip(0))
    assert positions[0].max() == 92.0


def test_mirroring_twice_is_nothing():
    velocity = torch.randn(3, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(mirrored(mirrored(velocity)), velocity)
    assert mirrored(velocity)[0, 0, 0, 0] == -velocity[0, 4, 0, 0]


def test_signed_distance_of_a_slab():
    mask = np.zeros((9, 3, 3), bool)
    mask[3:6] = True
    np.testing.assert_allclose(
        signed_distance(mask)[:, 1, 1], [2.5, 1.5, 0.5, -0.5, -1.5, -0.5, 0.5, 1.5, 2.5]
    )


def test_cut_keeps_the_volume():
    share = np.random.default_rng(0).random((10, 10, 10)).astype(np.float32)
    assert cut_at_volume(share, 250).sum() == 250


def test_across_the_midline():
    assert across_midline(np.array([0, 1, 2])).tolist() == [2, 1, 0, 1, 2]


def test_depth_rises_from_white_matter_to_fluid():
    half = np.full((3, 3, 16), 24, np.int16)
    half[..., :6], half[..., 6:9] = 2, 3
    depth = cortical_depth(half)[1, 1]
    assert (np.diff(depth[1:]) >= 0).all()
    assert depth[5] < 0 < depth[6] < depth[8] < 2.5 < depth[9]


def test_a_sulcus_between_touching_banks_is_highest_in_the_middle():
    half = np.full((3, 3, 13), 3, np.int16)
    half[..., :4], half[..., -4:] = 2, 2
    depth = cortical_depth(half)[1, 1]
    assert depth.argmax() == 6


def test_a_patchwork_takes_every_hemisphere_somewhere():
    depths = [np.full((60, 60, 60), value, np.float16) for value in (0, 1, 2, 3)]
    blend = patchwork_of(depths, np.random.default_rng(1))
    near = [(np.abs(blend - value) < 0.2).mean() for value in range(4)]
    assert min(near) > 0.02
    assert sum(near) > 0.5


def test_stored_fields_fit_in_a_byte():
    arrays = stored("x", np.array([-40.0, 0.5, 3.0]), 0.25, [0, 0, 0], 1.0)
    assert arrays["x"].dtype == np.int8
    np.testing.assert_allclose(arrays["x"] * arrays["x_scale"], [-31.75, 0.5, 3.0])


def test_too_few_maps(tmp_path):
    with pytest.raises(DataError, match="at least two label maps"):
        estimate_anatomy(tmp_path, tmp_path / "model.npz")
