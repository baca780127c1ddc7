import numpy as np
import pytest
import torch

from plausibrain.cohorts.structures import TIV
from plausibrain.evaluation.channels import CHANNELS, N_STRUCTURES
from plausibrain.evaluation.posteriors import (
    Posteriors,
    count_pieces,
    keep_largest,
    label_ids,
    soft_volumes,
)

WHITE, HIPPOCAMPUS, FLUID = 1, 14, 16
SIDE = 40


def make_posteriors(boxes: dict[int, list[tuple[slice, slice, slice]]], certainty: float = 1.0) -> Posteriors:
    """Return posteriors that are ``certainty`` inside boxes; the left half of the grid is left."""
    p = torch.zeros(N_STRUCTURES, SIDE, SIDE, SIDE)
    p[0] = 1
    for channel, places in boxes.items():
        for place in places:
            p[(slice(None), *place)] = 0
            p[(channel, *place)] = certainty
            p[(0, *place)] = 1 - certainty
    left = torch.zeros(SIDE, SIDE, SIDE)
    left[: SIDE // 2] = 1
    return Posteriors(p, left, 8.0)


def box(i: tuple[int, int], j: tuple[int, int], k: tuple[int, int]) -> tuple[slice, slice, slice]:
    return slice(*i), slice(*j), slice(*k)


def test_soft_volumes_are_sums_of_posteriors_by_side() -> None:
    whole = box((10, 30), (5, 15), (5, 15))
    volumes = soft_volumes(make_posteriors({WHITE: [whole]}, certainty=0.6))
    assert volumes["Left-Cerebral-White-Matter"] == pytest.approx(0.6 * 10 * 10 * 10 * 8, rel=1e-6)
    assert volumes["Right-Cerebral-White-Matter"] == pytest.approx(0.6 * 10 * 10 * 10 * 8, rel=1e-6)
    assert volumes[TIV] == pytest.approx(0.6 * 20 * 10 * 10 * 8, rel=1e-6)
    assert len(volumes) == 33


def test_tiny_posteriors_everywhere_are_no_volume() -> None:
    posteriors = make_posteriors({})
    posteriors.structures[HIPPOCAMPUS] = 0.005
    assert soft_volumes(posteriors)["Left-Hippocampus"] == 0


def test_a_stray_piece_is_removed_and_counted() -> None:
    brain = box((2, 38), (2, 38), (2, 38))
    main, stray = box((5, 12), (5, 12), (5, 12)), box((5, 7), (30, 32), (30, 32))
    posteriors = make_posteriors({WHITE: [brain]})
    for place in (main, stray):
        posteriors.structures[(slice(None), *place)] = 0
        posteriors.structures[(HIPPOCAMPUS, *place)] = 0.7
        posteriors.structures[(WHITE, *place)] = 0.3
    cleaned, facts = keep_largest(posteriors)
    assert facts["pieces_Left-Hippocampus"] == 2
    assert float(cleaned.structures[(HIPPOCAMPUS, *stray)].max()) == 0
    torch.testing.assert_close(cleaned.structures[(WHITE, *stray)], torch.ones(2, 2, 2))
    torch.testing.assert_close(cleaned.structures.sum(0), torch.ones(SIDE, SIDE, SIDE))
    assert facts["share_removed"] == pytest.approx(8 / 36**3)


def test_pieces_joined_by_weak_posteriors_stay() -> None:
    brain = box((2, 38), (2, 38), (2, 38))
    posteriors = make_posteriors({WHITE: [brain]})
    thread = box((5, 7), (5, 35), (5, 7))
    posteriors.structures[(slice(None), *thread)] = 0
    posteriors.structures[(WHITE, *thread)] = 0.6
    posteriors.structures[(HIPPOCAMPUS, *thread)] = 0.4
    for place in (box((4, 8), (4, 10), (4, 8)), box((4, 8), (30, 36), (4, 8))):
        posteriors.structures[(slice(None), *place)] = 0
        posteriors.structures[(HIPPOCAMPUS, *place)] = 1
    cleaned, facts = keep_largest(posteriors)
    assert facts["pieces_Left-Hippocampus"] == 2
    assert facts["share_removed"] == 0
    assert float(cleaned.structures[HIPPOCAMPUS, 5, 33, 5]) == 1


def test_a_piece_outside_the_brain_goes_whatever_it_is() -> None:
    posteriors = make_posteriors({FLUID: [box((2, 20), (2, 20), (2, 20)), box((30, 34), (30, 34), (30, 34))]})
    cleaned, _ = keep_largest(posteriors)
    assert float(cleaned.structures[FLUID, 32, 32, 32]) == 0
    assert float(cleaned.structures[0, 32, 32, 32]) == 1


def test_cavities_are_counted() -> None:
    posteriors = make_posteriors({WHITE: [box((2, 38), (2, 38), (2, 38))]})
    for k in (10, 20):
        posteriors.structures[:, 10, 10, k] = 0
        posteriors.structures[0, 10, 10, k] = 1
    assert keep_largest(posteriors)[1]["cavities"] == 2


def test_label_ids_have_sides_only_where_structures_do() -> None:
    channel = np.array([0, 1, 1, 11, 11], np.uint8).reshape(5, 1, 1)
    left = np.array([1, 1, 0, 1, 0], bool).reshape(5, 1, 1)
    assert label_ids(channel, left).ravel().tolist() == [0, 2, 41, 14, 14]


def test_pieces_of_a_label_map() -> None:
    labels = np.zeros((10, 10, 10), np.int32)
    labels[1:3, 1, 1] = labels[5, 5, 5] = 17
    labels[8, 8, 8] = -1
    assert count_pieces(labels, ["Left-Hippocampus", "Right-Hippocampus", TIV]) == {"Left-Hippocampus": 2}


def test_every_channel_but_background_names_structures() -> None:
    assert CHANNELS[0] == (0, None)
    assert len({index for pair in CHANNELS for index in pair if index is not None}) == 33
