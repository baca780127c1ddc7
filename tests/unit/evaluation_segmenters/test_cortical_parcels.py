"""Parcels divide the cortex of their own hemisphere, wherever the head lies."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from plausibrain.cohorts.structures import names
from plausibrain.evaluation.cortical_parcels import (
    PARCELS,
    divide_cortex,
    load_parcellation,
    parcel_volumes,
    read_parcellation,
)
from plausibrain.evaluation.posteriors import Posteriors, soft_volumes
from plausibrain.evaluation.standard_hemisphere import block_places, blurred, fit_affine, inverse, sample
from tests.unit.evaluation_segmenters.hemispheres import (
    hemisphere_shares,
    make_parcellation,
    make_posteriors,
    make_template,
    write_parcellation,
)

SIDES = {"lh": "Left-Cerebral-Cortex", "rh": "Right-Cerebral-Cortex"}


def sums(volumes: dict[str, float]) -> dict[str, float]:
    return {side: sum(v for name, v in volumes.items() if name.startswith(f"ctx-{side}-")) for side in SIDES}


@pytest.mark.parametrize(("answer_mm", "shares_of_left"), [(1, 0.5), (2, 0.5), (2, 1.0)])
def test_parcels_of_a_hemisphere_sum_to_its_cortex(answer_mm: int, shares_of_left: float) -> None:
    """Also where the posteriors are fractions and the left side has less of everything."""
    p = make_posteriors(answer_mm)
    soft = functional.avg_pool3d(p.structures[None], 3, 1, 1)[0]
    soft[1:] *= 1 - (1 - shares_of_left) * p.left
    soft[0] = 1 - soft[1:].sum(0)
    posteriors = Posteriors(soft, p.left.clamp(0.02, 0.98), p.voxel_mm3)
    volumes = parcel_volumes(divide_cortex(posteriors, answer_mm, make_parcellation()), posteriors.voxel_mm3)
    assert set(volumes) == set(names("dk"))
    whole = soft_volumes(posteriors)
    for side, total in sums(volumes).items():
        assert total == pytest.approx(whole[SIDES[side]], rel=1e-5)


@pytest.mark.parametrize(("answer_mm", "shift"), [(1, (0, 0, 0)), (2, (0, 0, 0)), (2, (1, -3, 2))])
def test_an_untrained_network_leaves_the_atlas(answer_mm: int, shift: tuple[int, int, int]) -> None:
    """The border lies in the middle of the block; 2 % is a slab of less than 3 mm of the ellipsoid."""
    p = make_posteriors(answer_mm, shift=shift)
    volumes = parcel_volumes(divide_cortex(p, answer_mm, make_parcellation()), p.voxel_mm3)
    whole, template = soft_volumes(p), make_template()[0]
    expected = float(template[:, template.shape[1] // 2 :].sum() / template.sum())
    for side, cortex in SIDES.items():
        front, back = (volumes[name] / whole[cortex] for name in first_two(side))
        assert front == pytest.approx(expected, abs=0.02)
        assert back == pytest.approx(1 - expected, abs=0.02)


def first_two(side: str) -> list[str]:
    return [name for name in names("dk") if name.startswith(f"ctx-{side}-")][:2]


def test_a_mirror_image_exchanges_the_sides() -> None:
    p = make_posteriors(2)
    p.structures[:, :20] *= 0.7  # one side differs from the other
    parcellation = make_parcellation()
    volumes = parcel_volumes(divide_cortex(p, 2, parcellation), 8.0)
    mirrored = Posteriors(p.structures.flip(1), 1 - p.left.flip(0), 8.0)
    again = parcel_volumes(divide_cortex(mirrored, 2, parcellation), 8.0)
    assert sums(volumes)["lh"] < 0.95 * sums(volumes)["rh"]
    for name, volume in volumes.items():
        other = name.replace("-lh-", "-xh-").replace("-rh-", "-lh-").replace("-xh-", "-rh-")
        assert again[other] == pytest.approx(volume, rel=1e-4, abs=0.1)


def test_a_hemisphere_without_cortex_has_empty_parcels_and_the_other_stays_whole() -> None:
    p = make_posteriors(2, n_left=0)
    found = sums(parcel_volumes(divide_cortex(p, 2, make_parcellation()), 8.0))
    assert found["lh"] == 0
    assert found["rh"] == pytest.approx(soft_volumes(p)[SIDES["rh"]], rel=1e-5)


def test_the_affine_fit_finds_the_transform_of_an_ellipsoid_with_its_inner_parts() -> None:
    """Turned by up to 10 degrees, 8 % longer, 5 % narrower, moved by centimetres: within 1 mm everywhere."""
    template = make_template()
    turn = torch.tensor([[0.0, -0.12, 0.1], [0.12, 0.0, -0.17], [-0.1, 0.17, 0.0]])
    linear = torch.matrix_exp(turn) @ torch.diag(torch.tensor([0.95, 1.08, 1.0]))
    away = torch.tensor([40.0, 52.0, 45.0])
    axes = [torch.arange(n, dtype=torch.float32) for n in (84, 108, 88)]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    seen = torch.linalg.inv(linear) @ (grid - away.view(3, 1, 1, 1)).reshape(3, -1)
    shares = hemisphere_shares(2 * seen.reshape(grid.shape))
    found = fit_affine(shares, template)
    inside = (hemisphere_shares(2 * centred())[0] > 0).nonzero().T.float()
    expected = linear @ (inside - middle()[:, None]) + away[:, None]
    error = 2 * (found[:, :3] @ inside + found[:, 3:] - expected).norm(dim=0)
    assert float(error.quantile(0.95)) < 1.0


def middle() -> torch.Tensor:
    return (torch.tensor(block_places().shape[1:]) - 1) / 2


def centred() -> torch.Tensor:
    return block_places() - middle().view(3, 1, 1, 1)


def test_sampling_by_an_affine_and_back_is_the_identity_inside() -> None:
    affine = torch.tensor([[1.1, 0.05, 0.0, 2.0], [0.0, 0.9, 0.1, 3.0], [0.02, 0.0, 1.0, -1.0]])
    smooth = blurred(make_template(), 1.5)
    places = torch.rand(3, 500, generator=torch.Generator().manual_seed(0)) * 10 + 5
    once = inverse(affine)[:, :3] @ places + inverse(affine)[:, 3:]
    there = sample(smooth, affine, once[:, :, None, None])
    assert torch.allclose(there, sample(smooth, torch.eye(3, 4), places[:, :, None, None]), atol=1e-4)


def test_a_stored_parcellation_is_read_back(tmp_path: Path) -> None:
    made, read = make_parcellation(), read_parcellation(write_parcellation(tmp_path / "p.safetensors"))
    assert torch.allclose(read.network.atlas, made.network.atlas, atol=0.01)
    assert torch.allclose(read.template, made.template, atol=0.01)
    p = make_posteriors(2)
    volumes = [parcel_volumes(divide_cortex(p, 2, each), 8.0) for each in (made, read)]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.02, abs=50.0)


def test_the_shipped_parcellation_knows_34_parcels_a_side() -> None:
    shipped = load_parcellation()
    assert [len(labels) for labels in PARCELS.values()] == [34, 34]
    assert torch.allclose(shipped.network.atlas.sum(0).median(), torch.tensor(1.0), atol=0.02)
    largest = shipped.network.atlas.amax(dim=(1, 2, 3))
    assert float(largest.min()) > 0.3
