from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from makers.synthesis.anatomy import make_codebook
from makers.synthesis.deformation import draw_codes
from makers.synthesis.fields import Draws, blur, gaussian_kernel, smooth_field
from makers.synthesis.labelmaps import read_training_maps
from makers.synthesis.rendering import Recipe, render_example
from plausibrain.evaluation.channels import CHANNELS
from tests.unit.evaluation_segmenters.phantoms import write_label_folder

PLAIN = Recipe(
    t1_like=1,
    stripped=0,
    thick_slices=0,
    enlarged_ventricles=0,
    narrowed_ventricles=0,
    narrow_sulci=0,
    bright_centre=0,
    layered_head=0,
    atrophy=0,
    saturation=0,
)
LATERAL, FLUID = 3, 16
SHAPE = (48, 48, 48)


def seeded(seed: int) -> Draws:
    return Draws("cpu", seed)


def test_codebook_knows_tissue_target_and_side() -> None:
    book = make_codebook(np.array([0, 14, 25, 17, 53, 57, 62, 163, 507]))
    channel = {pair[0]: k for k, pair in enumerate(CHANNELS)}
    assert book.target.tolist() == [
        0,
        channel[14],
        channel[2],
        channel[17],
        channel[17],
        channel[2],
        0,
        channel[4],
        0,
    ]
    assert book.side.tolist() == [0, 0, 1, 1, 2, 2, 2, 2, 0]
    assert book.tissues[book.tissue].tolist() == [0, 14, 25, 17, 17, 25, 30, 136, 507]


def test_channels_are_the_structures_of_synthseg() -> None:
    ids = sorted(index for pair in CHANNELS for index in pair if index)
    assert len(ids) == 32
    left_or_middle = [2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 24, 26, 28]
    right = [41, 42, 43, 44, 46, 47, 49, 50, 51, 52, 53, 54, 58, 60]
    assert ids == left_or_middle + right


def test_gaussian_kernel_sums_to_one_and_blur_keeps_the_mean() -> None:
    assert float(gaussian_kernel(1.3).sum()) == pytest.approx(1, abs=1e-6)
    image = torch.zeros(15, 15, 15)
    image[7, 7, 7] = 1
    soft = blur(image, (1.0, 0.5, 0.0))
    assert float(soft.sum()) == pytest.approx(1, abs=1e-5)
    assert float(soft[:, :, 6].abs().max()) == 0
    variance = ((torch.arange(15) - 7.0) ** 2 * soft.sum((1, 2))).sum()
    # a kernel cut at 2.5 SD (here 3 voxels, rounded up or down) has at most its nominal variance
    assert 0.7 < float(variance) <= 1.0


def test_smooth_field_is_smooth_at_its_scale() -> None:
    field = smooth_field((64, 64, 64), 16, seeded(0))[0]
    steps = (field[1:] - field[:-1]).abs()
    # linear between nodes about 16 mm apart: a step is at most the difference of two normal draws over 63 / 4
    assert float(steps.max()) < 9 / (63 / 4)
    assert 0.3 < float(field.std()) < 1.1


def test_deformation_draws_labels_and_nothing_between() -> None:
    codes = torch.zeros(40, 40, 40, dtype=torch.uint8)
    codes[10:30, 10:30, 10:30] = 7
    block, _ = draw_codes(codes, torch.tensor([20.0, 20.0, 20.0]), SHAPE, seeded(3))
    assert set(block.unique().tolist()) == {0, 7}
    # scales of 0.86 to 1.14 times 1 +- 0.1 per axis, shears: the volume moves by less than a factor of two
    assert 0.5 < float((block == 7).sum()) / 8000 < 2


def test_same_seed_same_example_other_seed_another(tmp_path: Path) -> None:
    book, (source, *_) = read_training_maps(write_label_folder(tmp_path))
    first, again, other = (render_example(source, book, SHAPE, Recipe(), seeded(seed)) for seed in (5, 5, 6))
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.target, again.target)
    assert not torch.equal(first.image, other.image)


def test_a_flip_exchanges_the_sides(tmp_path: Path) -> None:
    """Whatever the flip, left structures lie to the left: the side always agrees with the place."""
    book, (source, *_) = read_training_maps(write_label_folder(tmp_path))
    centre = torch.tensor([(n - 1) / 2 for n in source.codes.shape])
    for seed in range(6):
        example = render_example(source, book, (64, 64, 64), PLAIN, seeded(seed), centre=centre)
        i = torch.arange(64.0)[:, None, None].expand(64, 64, 64)
        left, right = (float(i[example.side == s].mean()) for s in (1, 2))
        assert left < right


def test_plain_rendering_has_the_order_of_t1_intensities(tmp_path: Path) -> None:
    book, (source, *_) = read_training_maps(write_label_folder(tmp_path))
    example = render_example(source, book, (64, 64, 64), PLAIN, seeded(1))
    white, grey, fluid = (float(example.image[example.target == c].mean()) for c in (1, 2, 3))
    assert white > grey > fluid


def test_stripping_removes_image_and_target_together(tmp_path: Path) -> None:
    book, (source, *_) = read_training_maps(write_label_folder(tmp_path))
    recipe = replace(PLAIN, stripped=1)
    example = render_example(source, book, (96, 96, 96), recipe, seeded(2))
    assert float(example.image[example.target > 0].mean()) > 0.2
    gone = example.image == 0
    assert gone.any()
    assert float((example.target[gone] > 0).float().mean()) < 0.02


def test_narrowed_ventricles_give_way_to_their_neighbours(tmp_path: Path) -> None:
    """Same seed with and without: the ventricle only loses; its neighbours take that, with their side."""
    book, (source, *_) = read_training_maps(write_label_folder(tmp_path))
    centre = torch.tensor([(n - 1) / 2 for n in source.codes.shape])
    lost = 0
    for seed in range(4):
        plain, narrow = (
            render_example(
                source,
                book,
                (64, 64, 64),
                replace(PLAIN, narrowed_ventricles=share),
                seeded(seed),
                centre=centre,
            )
            for share in (0, 1)
        )
        gone = (plain.target == LATERAL) & (narrow.target != LATERAL)
        assert torch.equal(narrow.target[~gone], plain.target[~gone])
        assert (narrow.target[gone] > 0).all()
        assert not (narrow.target[gone] == FLUID).any()
        i = torch.arange(64.0)[:, None, None].expand(64, 64, 64)
        if gone.any():
            assert float(i[gone & (narrow.side == 1)].mean()) < float(i[gone & (narrow.side == 2)].mean())
        lost += int(gone.sum())
    assert lost > 500


def test_a_layered_head_has_tissue_near_the_brain_that_is_background(tmp_path: Path) -> None:
    book, (source, *_) = read_training_maps(write_label_folder(tmp_path))
    centre = torch.tensor([(n - 1) / 2 for n in source.codes.shape])
    shape = (48, 48, 176)
    bare, layered = (
        render_example(source, book, shape, replace(PLAIN, layered_head=share), seeded(3), centre=centre)
        for share in (0, 1)
    )
    outside = layered.target == 0
    assert float(layered.image[outside].mean()) > 1.2 * float(bare.image[bare.target == 0].mean())
    taken = (bare.target > 0) & outside
    assert set(bare.target[taken].unique().tolist()) <= {FLUID}
    assert torch.equal(layered.target[~taken], bare.target[~taken])


@pytest.mark.parametrize("seed", range(4))
def test_every_rendering_is_finite_and_in_range(tmp_path: Path, seed: int) -> None:
    book, maps = read_training_maps(write_label_folder(tmp_path))
    recipe = Recipe(t1_like=0.5, stripped=0.5, thick_slices=0.5)
    example = render_example(maps[seed % 3], book, SHAPE, recipe, seeded(seed))
    assert torch.isfinite(example.image).all()
    assert float(example.image.min()) >= 0
    assert float(example.image.max()) <= 1.5**1.9  # gamma of three standard deviations
    assert int(example.target.max()) <= 18
