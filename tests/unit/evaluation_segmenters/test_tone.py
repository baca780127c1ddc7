"""A bent grey scale is undone before the network measures, and what sound scans show is left alone."""

import doctest
from dataclasses import replace

import numpy as np
import pytest
import torch

from makers import measure_tone
from plausibrain.cohorts.volumes import Volume
from plausibrain.evaluation import tone
from plausibrain.evaluation.channels import CHANNELS
from plausibrain.evaluation.segmenters import synthseg_style
from plausibrain.evaluation.tone import power_for, with_usual_tone
from plausibrain.evaluation.working_grid import WorkingImage

#: Ventricles and cortex over white matter at the edges and in the middle of 16 scans of ds002748.
SOUND = [(fluid, cortex) for fluid in (0.137, 0.238, 0.32) for cortex in (0.553, 0.593, 0.626)]


@pytest.mark.parametrize(("fluid", "cortex"), SOUND)
def test_sound_scans_are_left_alone(fluid, cortex):
    assert power_for(fluid, cortex) == 1.0


@pytest.mark.parametrize("gamma", [0.67, 0.75, 1.35, 1.5])
@pytest.mark.parametrize(("fluid", "cortex"), [(0.238, 0.593), (0.27, 0.58), (0.25, 0.61)])
def test_a_bent_scale_comes_back_to_where_it_was(fluid, cortex, gamma):
    """The outside witness is the power that was applied: what is left of it is within what scans show."""
    left = np.log(power_for(fluid**gamma, cortex**gamma) * gamma)
    assert abs(left) <= tone.LEAST
    assert abs(left) < abs(np.log(gamma)) / 2


@pytest.mark.parametrize(
    ("fluid", "cortex"),
    [
        (0.22, 0.72),  # old age: cortex bright, fluid dark
        (0.5, 0.82),  # a scanner of low contrast, or voxels of 2 mm
        (0.35, 0.45),  # tissues that contradict each other
        (float("nan"), 0.75),
        (0.4, float("nan")),
        (0.5, 1.1),  # white matter is not the brightest
        (0.0, 0.5),
    ],
)
def test_what_is_no_tone_is_left_alone(fluid, cortex):
    assert power_for(fluid, cortex) == 1.0


def test_powers_are_bounded_and_follow_the_scale_without_jumps():
    gammas = np.exp(np.linspace(-0.9, 0.9, 721))
    powers = np.array([power_for(0.238**g, 0.593**g) for g in gammas])
    assert np.abs(np.log(powers)).max() <= tone.FADES + 1e-9
    assert np.abs(np.diff(np.log(powers))).max() < 0.01


def test_white_matter_keeps_its_value_and_others_are_raised(monkeypatch):
    monkeypatch.setattr(tone, "tissue_levels", lambda data, network, **rest: (0.36, 0.63, 0.9))
    working = WorkingImage(np.array([[[0.0, 0.63, 0.9, 1.5]]], np.float32), np.eye(4))
    bent, power = with_usual_tone(working, None, voxel_size_mm=(1.0, 1.0, 1.2))
    assert 1.3 < power < 1.6
    np.testing.assert_allclose(bent.data[0, 0], [0, 0.9 * 0.7**power, 0.9, 1.5], rtol=1e-5)
    same, power = with_usual_tone(working, None, voxel_size_mm=(1.0, 1.0, 2.0))
    assert same is working
    assert power == 1


def test_a_bent_scan_is_seen_by_the_network_as_the_scan(monkeypatch):
    """The first look finds the tissues of the working image; a bent copy is brought back to the image."""
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 4, (16, 16, 16))
    levels = np.array([0.0, 0.9, 0.54, 0.22])
    coarse = torch.zeros(len(CHANNELS), 16, 16, 16)
    for channel in (1, 2, 3):
        coarse[channel] = torch.from_numpy((labels == channel).astype(np.float32))
    monkeypatch.setattr(tone, "predict", lambda *args, **rest: (coarse, None))
    data = np.repeat(np.repeat(np.repeat(levels[labels], 2, 0), 2, 1), 2, 2).astype(np.float32)
    image = WorkingImage(data, np.eye(4))
    plain, power = with_usual_tone(image, None, voxel_size_mm=(1, 1, 1))
    assert plain is image
    assert power == 1
    for gamma in (0.7, 1.45):
        bent = replace(image, data=(0.9 * (data / 0.9) ** np.float32(gamma)).astype(np.float32))
        back, _ = with_usual_tone(bent, None, voxel_size_mm=(1, 1, 1))
        assert np.abs(back.data - data).max() < 0.35 * np.abs(bent.data - data).max()


def test_only_the_answer_at_1_mm_has_a_tone(monkeypatch):
    working, image = (
        WorkingImage(np.zeros((4, 4, 4), np.float32), np.eye(4)),
        Volume(np.zeros((4, 4, 4)), np.eye(4)),
    )
    assert synthseg_style._toned(working, image, 2, "cpu") == (working, {})
    monkeypatch.setattr(synthseg_style, "with_usual_tone", lambda *args, **rest: (working, 1.2))
    assert synthseg_style._toned(working, image, 1, "cpu") == (working, {"tone_power": 1.2})


def test_the_rule_is_in_the_version_at_1_mm_alone(monkeypatch):
    before = {mm: synthseg_style._network_content(mm) for mm in (1, 2)}
    monkeypatch.setattr(tone, "RULE", tone.RULE + 1)
    assert synthseg_style._network_content(1) != before[1]
    assert synthseg_style._network_content(2) == before[2]


def test_examples_of_the_maker():
    assert doctest.testmod(measure_tone).failed == 0
    assert doctest.testmod(tone).failed == 0
