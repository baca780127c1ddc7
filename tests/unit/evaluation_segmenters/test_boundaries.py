"""Shifts of logits bring volumes to their norms, leave what is near them, and do nothing when zero."""

import doctest
import json

import numpy as np
import pytest
import torch

from makers import calibrate_boundaries
from makers.calibrate_boundaries import FAMILIES, channels_of, find_shifts, volumes_with
from plausibrain.cohorts.errors import ToolError
from plausibrain.evaluation.channels import CHANNELS, N_STRUCTURES
from plausibrain.evaluation.inference import predict
from plausibrain.evaluation.networks.half_resolution_unet import HalfResolutionUNet
from plausibrain.evaluation.segmenters import synthseg_style


def scan(seed: int) -> torch.Tensor:
    """Return posteriors, (2, 4000, 19), of a network that is unsure between structures and white matter."""
    logits = torch.randn(2, 4000, N_STRUCTURES, generator=torch.Generator().manual_seed(seed)) * 3
    return torch.softmax(logits, dim=2)


def test_volumes_that_are_off_reach_their_norm_and_others_stay():
    scans = [(scan(k), 1.0) for k in range(3)]
    as_found = np.stack([volumes_with(*s, torch.zeros(N_STRUCTURES)) for s in scans])
    wrong = np.where(
        np.array(FAMILIES) == "Putamen", 1.3, np.where(np.array(FAMILIES) == "Pallidum", 0.8, 1.03)
    )
    shifts, before, after = find_shifts(scans, as_found / wrong)
    assert before == pytest.approx(wrong)
    moved = np.abs(wrong - 1) > 0.1
    assert after[moved] == pytest.approx(1, abs=1e-3)
    own = shifts[channels_of(FAMILIES)].numpy()
    assert (np.sign(own[moved]) == np.sign(1 - wrong[moved])).all()
    assert (own[~moved] == 0).all()
    assert set(np.flatnonzero(shifts.numpy())) <= set(channels_of(FAMILIES))


def test_what_a_neighbour_gives_up_pushes_no_structure_off_its_norm():
    """Caudate, accumbens and white matter share every voxel; only the caudate is off at first."""
    logits = torch.full((2, 4000, N_STRUCTURES), -2.0)
    shared = [1, *channels_of(("Caudate", "Accumbens-area"))]
    logits[..., shared] = 2 * torch.randn(2, 4000, 3, generator=torch.Generator().manual_seed(5))
    scans = [(torch.softmax(logits, dim=2), 1.0)]
    as_found = volumes_with(*scans[0], torch.zeros(N_STRUCTURES))
    place = {family: FAMILIES.index(family) for family in ("Caudate", "Accumbens-area")}
    wrong = np.ones(len(FAMILIES))
    wrong[place["Caudate"]] = 2.0
    norms = np.where(as_found > 0, as_found / wrong, 1.0)[None]
    _, before, after = find_shifts(scans, norms)
    own = list(place.values())
    assert before[own] == pytest.approx([2.0, 1.0])
    assert after[own] == pytest.approx(1, abs=1e-3)


def test_the_example_holds():
    assert doctest.testmod(calibrate_boundaries).failed == 0


@pytest.mark.parametrize("answer_mm", [1, 2])
def test_the_shipped_shifts_are_small_and_only_of_deep_structures(answer_mm):
    shifts = synthseg_style.boundary_shifts(answer_mm)
    assert shifts.shape == (len(CHANNELS),)
    assert shifts.abs().max() < 4  # a factor of 50 in odds; more would hide a broken network
    assert set(np.flatnonzero(shifts.numpy())) <= set(channels_of(FAMILIES))


def test_a_shift_of_a_structure_the_network_does_not_know_is_refused(monkeypatch, tmp_path):
    file = tmp_path / "shifts.json"
    file.write_text(json.dumps({"shifts": {"1": {"Claustrum": 0.5}}}))
    monkeypatch.setattr(synthseg_style, "_resource", lambda name: file)
    synthseg_style.boundary_shifts.cache_clear()
    with pytest.raises(ToolError, match="Claustrum"):
        synthseg_style.boundary_shifts(1)
    synthseg_style.boundary_shifts.cache_clear()


def test_a_shift_moves_a_structure_and_no_shift_nothing():
    torch.manual_seed(0)
    network, data = HalfResolutionUNet((8, 8, 8, 8), n_fine=4).eval(), torch.rand(48, 48, 48)
    plain = predict(network, data)[0]
    assert torch.equal(plain, predict(network, data, shifts=torch.zeros(N_STRUCTURES))[0])
    shifts = torch.zeros(N_STRUCTURES)
    shifts[10] = 1.0
    moved = predict(network, data, shifts=shifts)[0]
    # The odds of the structure against all others grow by e, everywhere.
    odds = [p[10] / (1 - p[10]) for p in (plain, moved)]
    assert torch.allclose(odds[1] / odds[0], torch.tensor(np.e, dtype=torch.float32), rtol=1e-3)
