"""The quality score: groups are joined, fluid of a stripped head is not judged, a stripped head is known."""

import json
from importlib.resources import files

import numpy as np
import pytest
import torch

from makers.calibrate_quality import JUDGED
from plausibrain.evaluation.channels import N_STRUCTURES
from plausibrain.evaluation.posteriors import Posteriors
from plausibrain.evaluation.quality_score import (
    expected_group_dice,
    group_map,
    group_overlap,
    is_stripped,
    quality_features,
)
from plausibrain.evaluation.segmentation import QC_GROUPS
from plausibrain.evaluation.segmenters.synthseg_style import QUALITY_FILES

WHITE, LATERAL, HORN, CAUDATE, FLUID = 1, 3, 4, 8, 16
SIDE = 64


def ball(radius: float, side: int = SIDE) -> torch.Tensor:
    axis = torch.arange(side) - (side - 1) / 2
    return (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2) < radius**2


def posteriors_of(channel: torch.Tensor, certainty: float) -> Posteriors:
    p = torch.full((N_STRUCTURES, *channel.shape), 0.0)
    p[0] = 1 - certainty
    p.scatter_(0, channel[None].to(torch.int64), certainty)
    p[0][channel == 0] = 1.0
    return Posteriors(p, torch.ones(channel.shape), 1.0)


def test_every_group_has_its_channels_and_no_other() -> None:
    groups = group_map(torch.arange(N_STRUCTURES), stripped=False)
    members = {k: (groups == k).nonzero().flatten().tolist() for k in range(len(QC_GROUPS) + 1)}
    assert members[3] == [LATERAL, HORN, 11, 12, FLUID]
    assert members[7] == [9, 10]
    assert CAUDATE in members[0]
    assert int(group_map(torch.tensor([FLUID]), stripped=True)) == 0


def test_parts_of_a_group_count_by_their_size() -> None:
    """A horn that is missed altogether costs its share of the ventricles, not half of the score."""
    truth = torch.zeros(1000, dtype=torch.uint8)
    truth[:190], truth[190:200] = LATERAL, HORN
    found = truth.clone()
    found[190:200] = 0
    dice = group_overlap(group_map(truth, stripped=True), group_map(found, stripped=True))
    assert dice["general csf"] == pytest.approx(2 * 190 / 390)
    assert dice["thalamus"] == 0


def test_expected_dice_is_that_of_calibrated_posteriors() -> None:
    """With posteriors q in n voxels, truth drawn from them has Dice 2 q n / (n + q n) on average."""
    channel = torch.zeros(20, 20, 20, dtype=torch.uint8)
    channel[5:15, 5:15, 5:15] = WHITE
    groups = group_map(channel, stripped=False)
    dice = expected_group_dice(posteriors_of(channel, 0.8), groups, stripped=False)
    assert dice["general white matter"] == pytest.approx(2 * 0.8 / 1.8, rel=1e-5)
    assert dice["cerebellum"] == 0


@pytest.mark.parametrize("coarse", [False, True])
def test_a_head_with_scalp_is_not_stripped(coarse: bool) -> None:
    channel = ball(16).to(torch.uint8)
    brain = ball(16).float()
    head = brain + 0.7 * (ball(30) & ~ball(22))
    noise = 0.02 * torch.rand((SIDE,) * 3, generator=torch.Generator().manual_seed(0))
    seen = channel[::2, ::2, ::2] if coarse else channel
    assert is_stripped(brain + noise, seen)
    assert not is_stripped(head + noise, seen)


def test_fluid_around_a_stripped_brain_does_not_move_the_score() -> None:
    """The same ventricles with fluid of which half is doubtful: judged in a head, left out when stripped."""
    channel = torch.zeros((SIDE,) * 3, dtype=torch.uint8)
    channel[ball(18)], channel[ball(15)], channel[ball(6)] = FLUID, WHITE, LATERAL
    posteriors = posteriors_of(channel, 0.95)
    rim = channel == FLUID
    posteriors.structures[FLUID][rim], posteriors.structures[0][rim] = 0.55, 0.45
    image = (channel > 0).float()
    head = image + 0.7 * (ball(30) & ~ball(24))
    alone, stripped = quality_features(image, posteriors, (channel, channel))
    within, in_head = quality_features(head, posteriors, (channel, channel))
    assert (stripped, in_head) == (True, False)
    assert alone["general csf"][0] == pytest.approx(2 * 0.95 / 1.95, rel=1e-4)
    assert within["general csf"][0] < 0.75
    assert alone["general white matter"] == within["general white matter"]
    assert np.isfinite(list(alone.values())).all()


@pytest.mark.parametrize("answer_mm", QUALITY_FILES)
def test_shipped_lines_were_fitted_for_this_score(answer_mm: int) -> None:
    said = json.loads(files("plausibrain.evaluation.weights").joinpath(QUALITY_FILES[answer_mm]).read_text())
    assert said["judged"] == JUDGED
    assert set(said["lines"]) == set(QC_GROUPS)
