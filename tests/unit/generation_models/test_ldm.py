"""Sample i depends on checkpoint, row i and seed i alone; the samplers are MONAI's to the last bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.networks.nets import AutoencoderKL
from monai.networks.schedulers import DDIMScheduler, DDPMScheduler

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.ldm.decoding import decode_in_slabs, decoder_for
from plausibrain.generation.ldm.detail import REACH, DetailLayers
from plausibrain.generation.ldm.folding import unfold, without_block_pattern
from plausibrain.generation.ldm.losses import PatchAdversary, RandomFeatures, kl_divergence
from plausibrain.generation.ldm.networks import FoldedAutoencoder, LatentScale
from plausibrain.generation.ldm.presets import PUBLISHED, SMALL, TINY, architecture_of
from plausibrain.generation.ldm.schedule import Schedule, ddim_timesteps, timestep_pairs
from plausibrain.generation.ldm.training import LatentDiffusionRecipe
from plausibrain.generation.ldm.upsampling import DoublingConv
from plausibrain.generation.models.ldm import ldm
from plausibrain.generation.noise import seeded
from plausibrain.generation.training.recompute import recompute_blocks
from plausibrain.generation.training.task import Request

STEPS = 4
SEEDS = [11, 12, 2**63 - 1]


@pytest.fixture(scope="module")
def rows(subjects):
    return subjects.iloc[:3].reset_index(drop=True)


@pytest.fixture(scope="module")
def images(tiny_checkpoint, rows):
    return list(ldm(tiny_checkpoint, steps=STEPS).sample(rows, SEEDS))


def test_images_have_the_grid_and_differ(images, tiny_checkpoint):
    assert all(image.shape == (16, 16, 16) and image.dtype == np.float32 for image in images)
    assert not np.array_equal(images[0], images[1])


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_the_batch_does_not_matter(batch_size, images, tiny_checkpoint, rows):
    model = ldm(tiny_checkpoint, steps=STEPS, batch_size=batch_size)
    assert all(np.array_equal(a, b) for a, b in zip(images, model.sample(rows, SEEDS), strict=True))


def test_the_order_does_not_matter(images, tiny_checkpoint, rows):
    turned = ldm(tiny_checkpoint, steps=STEPS).sample(rows.iloc[::-1], SEEDS[::-1])
    assert all(np.array_equal(a, b) for a, b in zip(images[::-1], turned, strict=True))


def test_the_company_and_the_threads_do_not_matter(images, tiny_checkpoint, rows):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3 - min(2, threads))  # one where there are several, two where there is one
        alone = next(ldm(tiny_checkpoint, steps=STEPS).sample(rows.iloc[[2]], SEEDS[2:]))
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(images[2], alone)


def test_the_number_of_threads_is_part_of_the_settings(tiny_checkpoint):
    before = torch.get_num_threads()
    model = ldm(tiny_checkpoint, threads=before + 1)
    seen = []
    object.__setattr__(model, "decode", lambda z: (seen.append(torch.get_num_threads()), z[:, :1])[1])
    model.image(torch.zeros(1, *model.latent_shape))
    assert seen == [before + 1]
    assert torch.get_num_threads() == before
    assert model.description["threads"] == before + 1
    assert "threads" not in ldm(tiny_checkpoint, precision="bf16").description


def test_the_state_of_global_generators_does_not_matter(images, tiny_checkpoint, rows):
    torch.manual_seed(99)
    assert np.array_equal(images[0], next(ldm(tiny_checkpoint, steps=STEPS).sample(rows[:1], SEEDS[:1])))


def test_ddpm_draws_its_noise_per_sample(tiny_checkpoint, rows, monkeypatch):
    short = Schedule(n_steps=6, prediction="v_prediction")
    model = ldm(tiny_checkpoint, sampler="ddpm")
    object.__setattr__(model, "schedule", short)
    together = list(model.sample(rows, SEEDS))
    assert np.array_equal(together[1], next(model.sample(rows.iloc[[1]], SEEDS[1:2])))
    assert model.description["steps"] == 6


def test_seed_and_condition_both_matter(images, tiny_checkpoint, rows):
    model = ldm(tiny_checkpoint, steps=STEPS)
    assert not np.array_equal(images[0], next(model.sample(rows[:1], [13])))
    older = rows[:1].assign(age=rows["age"][0] + 20)
    assert not np.array_equal(images[0], next(model.sample(older, SEEDS[:1])))


def test_bf16_runs_samples_together_and_comes_near(images, tiny_checkpoint, rows):
    near = list(ldm(tiny_checkpoint, steps=STEPS, precision="bf16", batch_size=2).sample(rows, SEEDS))
    for image, other in zip(images, near, strict=True):
        error = np.sqrt(np.mean((image - other) ** 2))
        assert 0 < error < 0.05 * np.ptp(image)


def test_a_missing_condition_is_named(tiny_checkpoint, rows):
    with pytest.raises(DataError, match="requested_brain_mm3 missing"):
        next(ldm(tiny_checkpoint).sample(rows.drop(columns="requested_brain_mm3"), SEEDS))
    with pytest.raises(DataError, match="2 seeds for 3 rows"):
        next(ldm(tiny_checkpoint).sample(rows, SEEDS[:2]))


@pytest.mark.parametrize("options", [{"sampler": "euler"}, {"precision": "fp64"}, {"steps": 0}])
def test_impossible_settings_are_refused(options, tiny_checkpoint, rows):
    with pytest.raises(DataError, match="expected"):
        next(ldm(tiny_checkpoint, **options).sample(rows, SEEDS))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("spacing", ["scaled_linear", "linear"])
def test_schedule_and_steps_are_monais_bit_for_bit(prediction, spacing):
    ours = Schedule(schedule=spacing, prediction=prediction)
    betas = {"beta_start": ours.beta_start, "beta_end": ours.beta_end, "schedule": f"{spacing}_beta"}
    generator = torch.Generator().manual_seed(0)
    latents, output = (torch.randn(2, 3, 2, 2, 2, generator=generator) for _ in range(2))
    ddim = DDIMScheduler(1000, clip_sample=False, prediction_type=prediction, **betas)
    ddim.set_timesteps(50)
    assert torch.equal(ours.kept, ddim.alphas_cumprod)
    for timestep, before in timestep_pairs(ddim_timesteps(1000, 50))[::7]:
        theirs, _ = ddim.step(output, timestep, latents)
        assert torch.equal(ours.ddim_step(output, latents, timestep, before), theirs)
    ddpm = DDPMScheduler(1000, clip_sample=False, prediction_type=prediction, **betas)
    for timestep in (999, 500, 1):
        theirs, _ = ddpm.step(output, timestep, latents, generator=torch.Generator().manual_seed(5))
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(5))
        assert torch.equal(ours.ddpm_step(output, latents, timestep, noise), theirs)
    last, _ = ddpm.step(output, 0, latents)
    assert torch.equal(ours.ddpm_step(output, latents, 0, None), last)


def test_noise_and_target_belong_together():
    schedule = Schedule(prediction="v_prediction")
    clean, noise = torch.randn(2, 3, 2, 2, 2), torch.randn(2, 3, 2, 2, 2)
    times = torch.tensor([700, 700])
    noisy = schedule.noisy(clean, noise, times)
    found, implied = schedule.clean_and_noise(schedule.target(clean, noise, times), noisy, 700)
    assert torch.allclose(found, clean, atol=1e-5)
    assert torch.allclose(implied, noise, atol=1e-5)


def test_the_published_spacing():
    steps = ddim_timesteps(1000, 50)
    assert (steps[0], steps[1], steps[-1], len(steps)) == (980, 960, 0, 50)
    with pytest.raises(DataError, match="1 to 1000"):
        ddim_timesteps(1000, 1001)


@pytest.mark.parametrize(("edge", "detail"), [(1, None), (2, None), (2, {"width": 6, "channels": 3})])
@pytest.mark.parametrize("slab_voxels", [1, 40, 10_000])
def test_decoding_in_slabs_is_decoding(edge, detail, slab_voxels):
    arguments = {
        "channels": (8, 8, 16), "latent_channels": 3, "num_res_blocks": 2, "norm_num_groups": 4,
        "attention_levels": (False, False, False),
    }  # fmt: skip
    with seeded(1):
        network = FoldedAutoencoder(arguments, edge, detail).eval()
        latents = torch.randn(1, 3, 3, 4, 2)
        if network.detail is not None:
            torch.nn.init.normal_(network.detail.last.weight)
    with torch.no_grad():
        whole = network.decode(latents.clone())
    # Group normalisation sums in another order: a few units in the last place, passed through ten layers.
    tiled = decode_in_slabs(network, latents, slab_voxels=slab_voxels)
    assert torch.allclose(tiled, whole, rtol=0, atol=2e-5 * whole.abs().max())


def test_fresh_layers_of_detail_leave_the_image_alone():
    with seeded(3):
        network = FoldedAutoencoder({**TINY.autoencoder}, TINY.fold, TINY.detail)
        latents = torch.randn(1, network.latent_channels, 2, 3, 2)
    network.eval()
    without = FoldedAutoencoder({**TINY.autoencoder}, TINY.fold).eval()
    without.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith("detail.")})
    with torch.no_grad():
        assert torch.equal(network.decode(latents), without.decode(latents))


def test_layers_of_detail_reach_as_far_as_slabs_overlap():
    with seeded(3):
        layers = DetailLayers(4, 2, width=6, channels=3)
        torch.nn.init.normal_(layers.last.weight)
        features, blocks = torch.randn(1, 4, 12, 2, 2), torch.zeros(1, 8, 12, 2, 2)
    moved = features.clone()
    moved[:, :, 0] += 1
    with torch.no_grad():
        change = (layers(moved, blocks) - layers(features, blocks)).abs().amax(dim=(0, 1, 3, 4))
    touched = change.nonzero().flatten()
    assert 2 * REACH - 2 <= touched.max() < 2 * (REACH + 1)


def test_what_repeats_from_block_to_block_is_taken_off_and_anatomy_stays():
    with seeded(6):
        smooth = torch.randn(1, 1, 40, 40, 40)
        for _ in range(2):
            smooth = torch.nn.functional.avg_pool3d(smooth, 5, stride=1)
        pattern = 0.02 * torch.randn(1, 8, 1, 1, 1)
    image = torch.zeros(1, 1, 40, 40, 40)
    image[..., 4:36, 4:36, 4:36] = 0.5 + smooth
    head = (image > 0).float()
    pattern -= pattern.mean()
    patterned = image + head * unfold(pattern.expand(-1, -1, 20, 20, 20), 2)
    cleaned = without_block_pattern(patterned, 2)
    assert (cleaned - image).pow(2).mean() < 0.01 * (patterned - image).pow(2).mean()
    assert (without_block_pattern(image, 2) - image).abs().max() < 0.05 * pattern.abs().max()
    assert torch.equal(cleaned * (1 - head), image * (1 - head))
    assert torch.equal(without_block_pattern(patterned, 1), patterned)


def test_doubling_is_folded_into_the_convolution():
    with seeded(4):
        conv, data = torch.nn.Conv3d(3, 5, 3, padding=1), torch.randn(2, 3, 3, 4, 2)
    doubled = torch.nn.functional.interpolate(data, scale_factor=2.0, mode="nearest")
    with torch.no_grad():
        assert torch.allclose(DoublingConv(conv)(data), conv(doubled), atol=1e-5)


def test_large_images_are_decoded_in_slabs_and_small_ones_whole(monkeypatch):
    from plausibrain.generation.ldm import decoding

    used = []
    monkeypatch.setattr(decoding, "decode_in_slabs", lambda *args: used.append("slabs"))
    network = FoldedAutoencoder({**SMALL.autoencoder}, SMALL.fold)
    decoder_for(network, (80, 96, 80))(torch.zeros(1, network.latent_channels, 2, 2, 2))
    assert not used
    decoder_for(network, (320, 448, 320))(torch.zeros(1, network.latent_channels, 2, 2, 2))
    assert used == ["slabs"]


def test_latents_are_scaled_to_unit_variance():
    scale = LatentScale(2)
    means = torch.randn(50, 2, 4, 4, 4) * torch.tensor([3.0, 0.1])[:, None, None, None] + 5
    spreads = torch.full_like(means, 0.5)
    scale.fit(means, spreads)
    scaled = scale.normalise(means + spreads * torch.randn_like(means))
    assert scaled.std(dim=(0, 2, 3, 4)) == pytest.approx(torch.ones(2), abs=0.05)
    assert torch.allclose(scale.restore(scale.normalise(means)), means, atol=1e-5)


def test_kl_divergence_of_a_standard_normal_is_zero():
    zeros, ones = torch.zeros(2, 3, 2, 2, 2), torch.ones(2, 3, 2, 2, 2)
    assert kl_divergence(zeros, ones).item() == pytest.approx(0, abs=1e-6)
    # KL(N(1, 1) || N(0, 1)) = 1/2 per latent, 24 latents.
    assert kl_divergence(ones, ones).item() == pytest.approx(12)


def test_the_perceptual_loss_sees_blur_that_l1_forgives():
    with seeded(2):
        image = torch.rand(1, 1, 16, 16, 16)
    loss = RandomFeatures()
    blurred = torch.nn.functional.avg_pool3d(image, 3, stride=1, padding=1, count_include_pad=False)
    brighter = image + (blurred - image).abs().mean()
    assert (blurred - image).abs().mean() == pytest.approx((brighter - image).abs().mean().item())
    assert loss(blurred, image) > 3 * loss(brighter, image)
    assert loss(image, image) == 0


def test_the_adversary_learns_to_see_slight_blur():
    """Grey values alone teach it nothing in so few steps: its loss stays at that of chance, .25."""

    def pieces():
        smooth = torch.nn.functional.avg_pool3d(torch.randn(2, 1, 26, 26, 26), 5, stride=1)
        sharp = 0.5 + 0.3 * (smooth > 0).float()
        blurred = torch.nn.functional.avg_pool3d(sharp, 3, stride=1, padding=1, count_include_pad=False)
        return sharp, 0.7 * sharp + 0.3 * blurred

    with seeded(4):
        adversary = PatchAdversary(8)
        optimizer = torch.optim.AdamW(adversary.parameters(), lr=5e-4, betas=(0.5, 0.99), weight_decay=0.0)
        losses = []
        for _ in range(60):
            real, generated = pieces()
            loss = ((adversary(real) - 1).pow(2).mean() + adversary(generated).pow(2).mean()) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.15


def test_the_published_preset_has_the_published_latents():
    architecture = architecture_of(PUBLISHED, 4, (160, 224, 160))
    assert architecture["unet"]["in_channels"] == 7
    assert architecture["unet"]["cross_attention_dim"] == 4
    with torch.device("meta"):
        autoencoder = FoldedAutoencoder(architecture["autoencoder"], architecture["fold"])
    assert autoencoder.latent_shape((160, 224, 160)) == (3, 20, 28, 20)
    assert isinstance(autoencoder.network, AutoencoderKL)


def test_with_zero_terminal_nothing_of_the_signal_is_left_at_the_end():
    plain = Schedule(prediction="v_prediction")
    zero = replace(plain, zero_terminal=True)
    assert plain.kept[-1] > 1e-5
    assert zero.kept[-1].item() == 0
    # Lin2024, algorithm 1: the first root stays, all are shifted and stretched alike.
    roots, own = plain.kept.double().sqrt(), zero.kept.double().sqrt()
    expected = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
    assert torch.allclose(own, expected, atol=2e-5)
    with pytest.raises(DataError, match="expected prediction v_prediction"):
        Schedule(zero_terminal=True)


def test_from_pure_noise_a_perfect_velocity_leads_to_the_image():
    schedule = Schedule(prediction="v_prediction", zero_terminal=True, spacing="trailing")
    with seeded(5):
        clean, noise = torch.randn(1, 2, 3, 3, 3), torch.randn(1, 2, 3, 3, 3)
    latents = noise  # at the last step the image is gone
    for at, before in timestep_pairs(schedule.ddim_timesteps(4)):
        times = torch.tensor([at])
        latents = schedule.ddim_step(schedule.target(clean, noise, times), latents, at, before)
    assert torch.allclose(latents, clean, atol=1e-5)
    latents = noise
    for at in reversed(range(schedule.n_steps)):
        signal, spread = schedule.scales(clean, torch.tensor([at]))
        implied = (latents - signal * clean) / spread
        output = schedule.target(clean, implied, torch.tensor([at]))
        latents = schedule.ddpm_step(output, latents, at, None)
    assert torch.allclose(latents, clean, atol=1e-4)


def test_recomputed_blocks_give_the_same_gradients():
    with seeded(7):
        network = FoldedAutoencoder({**TINY.autoencoder}, TINY.fold)
        images = torch.rand(1, 1, 16, 16, 16)

    def gradients():
        mean, _ = network.encode(images)
        loss = (network.decode(mean) - images).pow(2).mean()
        return torch.autograd.grad(loss, list(network.network.decoder.parameters()))

    plain = gradients()
    recompute_blocks((*network.network.encoder.blocks, *network.network.decoder.blocks))
    assert all(torch.equal(a, b) for a, b in zip(plain, gradients(), strict=True))


def test_the_adversary_pulls_as_hard_as_its_share():
    """Its loss is scaled so that at the last layer its gradient is as long as that of the other terms."""
    preset = replace(TINY, weighting=replace(TINY.weighting, balanced=True))
    request = Request("tiny", (16, 16, 16), 4)
    task = LatentDiffusionRecipe(request).task("autoencoder", {})
    task.weights = preset.weighting
    with seeded(9):
        images = torch.rand(1, 1, 16, 16, 16)
    made = task.autoencoder.decode(task.autoencoder.encode(images)[0])
    l1, fooled = (made - images).abs().mean(), 1e-3 * (task.adversary(made) - 1).pow(2).mean()
    perceptual = task.perceptual(made, images)
    factor = task._balance(l1, perceptual, fooled)
    last = task.autoencoder.last_weight
    rebuilt = l1 + task.weights.perceptual * perceptual
    (one,) = torch.autograd.grad(rebuilt, last, retain_graph=True)
    (other,) = torch.autograd.grad(factor * fooled, last)
    assert factor < 100 or other.norm() <= one.norm()
    assert other.norm().item() <= 1.01 * one.norm().item()
    assert factor > 1
