"""The linear guess is the posterior mean of a Gaussian, and a U-Net beside it predicts what it lacks."""

import numpy as np
import pytest
import torch
from torch import nn

from plausibrain.generation.ldm.build import build_networks, informed
from plausibrain.generation.ldm.linear_denoiser import InformedUNet, LinearDenoiser
from plausibrain.generation.ldm.networks import LatentScale, predict
from plausibrain.generation.ldm.presets import TINY, architecture_of
from plausibrain.generation.ldm.schedule import Schedule
from plausibrain.generation.noise import seeded

CELLS = (2, 3, 2)


def subjects(n=400, n_modes=3):
    """Return latents of mean 0 whose covariance is three modes and a rest."""
    rng = np.random.default_rng(7)
    size = 2 * int(np.prod(CELLS))
    modes = np.linalg.qr(rng.standard_normal((size, n_modes)))[0]
    drawn = rng.standard_normal((n, n_modes)) * [9.0, 5.0, 3.0] @ modes.T + 0.3 * rng.standard_normal(
        (n, size)
    )
    drawn -= drawn.mean(axis=0)
    return torch.tensor(drawn, dtype=torch.float32).view(n, 2, *CELLS)


def test_the_guess_is_the_posterior_mean_of_a_gaussian():
    latents = subjects()
    # All 24 modes are kept, so the covariance is that of the data.
    denoiser = LinearDenoiser(24, 2, CELLS)
    denoiser.fit(latents)
    flat = latents.flatten(1).double().numpy()
    covariance = flat.T @ flat / len(flat)
    noisy = torch.randn(2, 2, *CELLS, generator=torch.Generator().manual_seed(1))
    signal, noise = (
        torch.tensor([0.8, 0.3]).view(2, 1, 1, 1, 1),
        torch.tensor([0.6, 0.954]).view(2, 1, 1, 1, 1),
    )
    found = denoiser(noisy, signal, noise).flatten(1).numpy()
    for row, a, s in zip(range(2), (0.8, 0.3), (0.6, 0.954), strict=True):
        gain = a * covariance @ np.linalg.inv(a * a * covariance + s * s * np.eye(24))
        assert found[row] == pytest.approx(gain @ noisy[row].flatten().double().numpy(), abs=1e-4)


def test_few_modes_are_the_largest_and_the_rest_has_what_is_left():
    latents = subjects()
    denoiser = LinearDenoiser(3, 2, CELLS)
    denoiser.fit(latents)
    # Population variances 81, 25 and 9; their standard error is sqrt(2 / 400) of them: 7 %.
    assert denoiser.variances.numpy() == pytest.approx([81, 25, 9], rel=0.2)
    # 21 of 24 directions keep 0.09 beside the modes.
    assert denoiser.rest.flatten().numpy() == pytest.approx([0.09 * 21 / 24] * 2, rel=0.35)
    kept = denoiser.modes.flatten(1)
    assert torch.allclose(kept @ kept.T, torch.eye(3), atol=1e-5)


def test_modes_that_few_subjects_cannot_show_have_no_variance():
    denoiser = LinearDenoiser(5, 2, CELLS)
    denoiser.fit(subjects(n=3))
    assert (denoiser.variances > 0).tolist() == [True, True, False, False, False]
    guess = denoiser(
        subjects(n=3), torch.tensor(0.5).view(1, 1, 1, 1, 1), torch.tensor(0.8).view(1, 1, 1, 1, 1)
    )
    assert guess.isfinite().all()


class Silent(nn.Module):
    """A U-Net that adds nothing, and keeps what it was given."""

    def forward(self, x, timesteps, context):
        self.given = x
        return torch.zeros_like(x[:, :2])


def informed_by_subjects(prediction):
    with seeded(5):
        conditions = torch.rand(40, 2)
        means = subjects(40) + 4 * conditions[:, :1, None, None, None]
    latents = LatentScale(2, CELLS, n_conditions=2, n_modes=3)
    latents.fit(means, torch.zeros_like(means), conditions)
    return (
        InformedUNet(Silent(), latents.linear, latents.head, Schedule(prediction=prediction)),
        latents,
        means,
        conditions,
    )


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_alone_the_start_of_an_informed_network_is_the_guess(prediction):
    network, latents, means, conditions = informed_by_subjects(prediction)
    schedule, time = network.schedule, 600
    clean = latents.normalise(means, conditions)[:4]
    noisy = schedule.noisy(clean, torch.randn_like(clean), torch.full((4,), time))
    output = predict(network, noisy, torch.tensor([time]), conditions[:4])
    implied, _ = schedule.clean_and_noise(output, noisy, time)
    signal, noise = schedule.scales(noisy, torch.tensor([time]))
    assert torch.allclose(implied, latents.linear(noisy, signal, noise), atol=1e-4)
    # The network saw the head of that guess: latents, conditions, and as many channels of the head.
    assert network.unet.given.shape == (4, 2 + 2 + 2, *CELLS)
    head = network.unet.given[:, 4:] * latents.typical + latents.centre
    assert torch.allclose(head, latents.restore(implied, conditions[:4]), atol=1e-3)


def test_without_modes_a_network_is_called_as_it_is():
    architecture = architecture_of(TINY, 2, (16, 16, 16))
    networks = build_networks({**architecture, "modes": 0})
    assert informed(networks["unet"], networks["latents"], Schedule()) is networks["unet"]
    assert isinstance(informed(*list(build_networks(architecture).values())[1:], Schedule()), InformedUNet)
