"""Template, atlas and training of the parcels, on hemispheres made of ellipsoids."""

from pathlib import Path

import pytest
import torch

from makers.labelled_hemispheres import Hemisphere
from makers.synthesis.fields import Draws
from makers.train_parcellation import (
    Plan,
    draw_example,
    estimate_atlas,
    estimate_template,
    parcel_loss,
    place,
    train,
)
from plausibrain.evaluation.cortical_parcels import read_parcellation
from plausibrain.evaluation.networks.parcellation_unet import N_PARCELS, ParcellationUNet
from plausibrain.evaluation.standard_hemisphere import BLOCK, VOXEL_MM, halved, moments
from tests.unit.evaluation_segmenters.hemispheres import hemisphere_shares, make_template


def make_hemisphere(length: float = 1.0) -> Hemisphere:
    """Return a hemisphere at 1 mm whose parcels are its front (0) and its back (1)."""
    axes = [torch.arange(n, dtype=torch.float32) - (n - 1) / 2 for n in (90, 190, 116)]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    places[1] /= length
    masks = hemisphere_shares(places) > 0.5
    parcels = torch.where(masks[0], (places[1] < 0).to(torch.int8), torch.tensor(-1, dtype=torch.int8))
    return Hemisphere(masks, parcels)


@pytest.fixture(scope="module")
def hemispheres() -> list[Hemisphere]:
    return [make_hemisphere(0.94), make_hemisphere(1.06)]


def test_the_template_has_the_mean_size_and_the_middle_of_the_block(hemispheres: list[Hemisphere]) -> None:
    template = estimate_template(hemispheres)
    centre, spread = moments(template[0])
    expected = torch.stack([moments(h.shares[0])[1] for h in hemispheres]).mean(0)
    assert torch.allclose(spread, expected, rtol=0.03)
    assert torch.allclose(centre, (torch.tensor(BLOCK) - 1) / 2, atol=1.0)


def test_the_atlas_has_the_border_where_the_hemispheres_have_it(hemispheres: list[Hemisphere]) -> None:
    """Front and back meet in the middle of the block; 8 mm away the atlas is sure."""
    atlas = estimate_atlas(place(hemispheres, make_template()))
    assert torch.allclose(atlas.sum(0), torch.ones(atlas.shape[1:]), atol=1e-4)
    cortex = make_template()[0] > 0.5
    front = cortex.clone()
    front[:, : cortex.shape[1] // 2 + 2] = False
    back = cortex & ~front
    back[:, cortex.shape[1] // 2 - 2 :] = False
    assert float(atlas[0][front].min()) > 0.9
    assert float(atlas[1][back].min()) > 0.9


def test_examples_keep_parcels_on_their_tissue(hemispheres: list[Hemisphere]) -> None:
    (each,) = place(hemispheres[:1], make_template())
    shares, parcels = draw_example(each, Draws("cpu", 3))
    assert shares.shape == (1, 4, *BLOCK)
    assert set(parcels.unique().tolist()) == {-1, 0, 1}
    labelled = float((parcels >= 0).sum()) * VOXEL_MM**3
    assert 0.4 < labelled / float(each.hemisphere.masks[0].sum()) < 2.5
    assert float(shares[0, 0][parcels >= 0].mean()) > 5 * float(shares[0, 0][parcels < 0].mean())


def test_two_seeds_give_two_examples_and_one_seed_one(hemispheres: list[Hemisphere]) -> None:
    (each,) = place(hemispheres[:1], make_template())
    first, again, other = (draw_example(each, Draws("cpu", seed))[1] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_loss_of_a_sure_and_right_answer_is_nothing_and_of_a_wrong_one_large() -> None:
    parcels = torch.arange(N_PARCELS).repeat(10)
    right = torch.full((len(parcels), N_PARCELS), -30.0)
    right[torch.arange(len(parcels)), parcels] = 30.0
    loss, dice = parcel_loss(right, parcels)
    assert float(loss) == pytest.approx(0.0, abs=1e-3)
    assert float(dice) == pytest.approx(1.0, abs=1e-3)
    assert float(parcel_loss(right.roll(1, 1), parcels)[0]) > 30


def test_the_rate_rises_and_falls() -> None:
    plan = Plan(rate=1e-3)
    rates = [plan.rate_at(step, share) for step, share in ((0, 0.0), (30, 0.0), (500, 0.5), (900, 1.0))]
    assert rates == pytest.approx([1e-3 / 30, 1e-3, 5e-4, 1e-5])


def test_a_training_ends_with_its_steps_and_writes_what_is_read_back(
    hemispheres: list[Hemisphere], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    template = make_template()
    placed = place(hemispheres, template)
    network = ParcellationUNet((8, 8, 8))
    network.atlas.copy_(estimate_atlas(placed))
    train(placed, network, template, tmp_path / "p.safetensors", Plan(steps=2, rate=1e-2))
    read = read_parcellation(tmp_path / "p.safetensors")
    assert torch.allclose(read.template, template, atol=0.01)
    assert torch.allclose(read.network.atlas, network.atlas, atol=0.01)
    assert float(read.network.head.weight.detach().abs().max()) > 0


def test_a_template_is_stored_at_the_resolution_of_the_fit() -> None:
    assert make_template().shape == halved(torch.zeros(4, *BLOCK)).shape
