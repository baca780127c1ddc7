"""Codebooks by hand, the diffusion's way back by brute force, and what each part promises."""

import numpy as np
import pytest
import torch

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.brainsynth.autoencoder import CodeAutoencoder
from plausibrain.generation.brainsynth.codebook import Codebook, CodebookAverages, straight_through
from plausibrain.generation.brainsynth.convolutions import Decoder
from plausibrain.generation.brainsynth.masking import AbsorbingDiffusion, times_of_sampling
from plausibrain.generation.brainsynth.presets import PUBLISHED, SMALL, architecture_of
from plausibrain.generation.brainsynth.sampling import draw_codes
from plausibrain.generation.brainsynth.training import masked_cross_entropy
from plausibrain.generation.brainsynth.transformer import CodeTransformer
from plausibrain.generation.ldm.networks import fold
from plausibrain.generation.networks.metadata_effect import EffectStatistics, MetadataEffect
from plausibrain.generation.noise import generator_of, seeded

CELLS = (2, 2, 2)


def line(values):
    """One image whose cells, in a row, hold one number each: (1, 1, n, 1, 1)."""
    return torch.tensor(values, dtype=torch.float32).view(1, 1, -1, 1, 1)


def one_book(codes):
    book = Codebook(1, len(codes), 1)
    book.codes.copy_(torch.tensor(codes, dtype=torch.float32).view(1, -1, 1))
    return book


def test_codes_follow_moving_averages():
    book = one_book([1.0, 10.0])
    averages = CodebookAverages(book, decay=0.5, dead_share=0.0)
    averages.counts.copy_(torch.tensor([[2.0, 2.0]]))
    averages.sums.copy_(torch.tensor([[[2.0], [20.0]]]))
    vectors = line([0.0, 2.0, 9.0])
    indices = book.nearest(vectors)
    assert indices.flatten().tolist() == [0, 0, 1]
    assert averages.update(book, vectors, indices, generator_of(0)) == 0
    # Counts 0.5 * 2 + 0.5 * (2, 1); sums 0.5 * (2, 20) + 0.5 * (0 + 2, 9).
    assert averages.counts.tolist() == [[2.0, 1.5]]
    assert book.codes.flatten().tolist() == pytest.approx([2.0 / 2.0, 14.5 / 1.5])


def test_a_dead_code_goes_to_a_vector_that_is_badly_represented():
    book = one_book([1.0, 50.0])
    averages = CodebookAverages(book, decay=0.9, dead_share=0.1)
    averages.counts.copy_(torch.tensor([[4.0, 0.1]]))
    averages.sums.copy_(torch.tensor([[[4.0], [5.0]]]))
    vectors = line([1.0, 1.0, 1.0, 7.0])
    assert averages.update(book, vectors, book.nearest(vectors), generator_of(0)) == 1
    assert book.codes[0, 1].item() == pytest.approx(7.0)  # the others lie on their code
    assert averages.counts[0, 1].item() == pytest.approx(2.0)  # four vectors, two codes
    assert book.codes[0, 0].item() == pytest.approx((0.9 * 4 + 0.1 * 10) / (0.9 * 4 + 0.1 * 4))


def test_restarts_follow_the_generator():
    vectors = torch.randn(1, 4, 3, 3, 3, generator=generator_of(3))
    found = []
    for _ in range(2):
        with seeded(4):
            book = Codebook(2, 5, 2)
        CodebookAverages(book).update(book, vectors, book.nearest(vectors), generator_of(5))
        found.append(book.codes)
    assert torch.equal(*found)
    every = book.parts(vectors)
    assert all((code == parts).all(dim=1).any() for codes, parts in zip(found[0], every, strict=True)
               for code in codes[1:2])  # fmt: skip


def test_nearest_is_nearest_in_every_book():
    with seeded(1):
        book, vectors = Codebook(3, 7, 2), torch.randn(2, 6, 2, 3, 2)
    indices = book.nearest(vectors)
    for n, (i, j, k) in ((0, (1, 2, 0)), (1, (0, 1, 1))):
        for part in range(3):
            distances = (book.codes[part] - vectors[n, 2 * part : 2 * part + 2, i, j, k]).norm(dim=1)
            assert indices[n, part, i, j, k] == distances.argmin()
    assert torch.equal(book.nearest(book.look_up(indices)), indices)


def test_straight_through_gives_the_codes_themselves():
    vectors = torch.tensor([0.1, 1e8], requires_grad=True)
    codes = torch.tensor([0.3, 1.0])
    result = straight_through(vectors, codes)
    assert torch.equal(result, codes)
    assert not torch.equal(vectors + (codes - vectors).detach(), codes)
    (result * torch.tensor([2.0, 3.0])).sum().backward()
    assert vectors.grad.tolist() == [2.0, 3.0]


def test_the_effect_of_metadata_is_least_squares():
    rng = np.random.default_rng(0)
    conditions = torch.tensor(rng.random((40, 2)), dtype=torch.float32)
    truth = torch.tensor(rng.standard_normal((3, 4, 1, 2, 1)), dtype=torch.float32)
    given = torch.cat((torch.ones(40, 1), 2 * conditions - 1), dim=1)
    features = torch.einsum("bm,mcijk->bcijk", given, truth)
    effect = MetadataEffect(2, 4, (1, 2, 1))
    statistics = EffectStatistics(effect, ridge=1e-7)
    for part in range(0, 40, 4):
        statistics.update(effect, conditions[part : part + 4], features[part : part + 4])
    assert torch.allclose(effect.weights, truth, atol=1e-3)
    assert torch.allclose(effect(conditions), features, atol=1e-3)


def brute_force(n_steps, n_codes):
    """Matrices of one step, q(x_t | x_{t-1}), rows from, with the mask as the last state."""
    steps = []
    for t in range(1, n_steps + 1):
        keep = (1 - t / n_steps) / (1 - (t - 1) / n_steps)
        matrix = np.diag([keep] * n_codes + [1.0])
        matrix[:n_codes, n_codes] = 1 - keep
        steps.append(matrix)
    return steps


@pytest.mark.parametrize(("time", "before"), [(5, 4), (5, 0), (3, 1), (4, 2), (1, 0)])
def test_the_way_back_is_bayes_theorem(time, before):
    n_steps, n_codes = 5, 3
    steps = brute_force(n_steps, n_codes)
    to_s = np.linalg.multi_dot([np.eye(4), np.eye(4), *steps[:before]])
    s_to_t = np.linalg.multi_dot([np.eye(4), np.eye(4), *steps[before:time]])
    to_t = to_s @ s_to_t
    guess = np.array([0.2, 0.5, 0.3])
    diffusion = AbsorbingDiffusion(n_steps, n_codes)
    for x_t in range(n_codes + 1):
        if x_t < n_codes and time == n_steps:
            continue  # nothing is visible at the end
        p_x0 = guess if x_t == n_codes else np.eye(3)[x_t]
        expected = sum(p_x0[x0] * to_s[x0] * s_to_t[:, x_t] / to_t[x0, x_t] for x0 in range(3) if p_x0[x0])
        found = diffusion.posterior(torch.tensor([x_t]), torch.tensor(guess)[None], time, before)
        assert found[0].numpy() == pytest.approx(expected, abs=1e-12)


def test_steps_draw_from_the_posterior():
    diffusion, n = AbsorbingDiffusion(10, 3), 20_000
    codes = torch.full((n,), 3)
    chances = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).expand(n, -1)
    drawn = diffusion.step(codes, chances, 8, 6, generator_of(1))
    expected = diffusion.posterior(codes[:1], chances[:1], 8, 6)[0].numpy()
    shares = np.bincount(drawn.numpy(), minlength=4) / n
    assert np.abs(shares - expected).max() < 4 * np.sqrt(0.25 / n)
    visible = torch.arange(3)
    assert torch.equal(diffusion.step(visible, chances[:3], 8, 6, generator_of(1)), visible)


def test_hiding_masks_the_right_share():
    codes = torch.zeros(3, 1, 20, 20, 20, dtype=torch.int64)
    hidden = AbsorbingDiffusion(10, 5).hide(codes, torch.tensor([1, 5, 10]), generator_of(0))
    shares = (hidden == 5).float().mean(dim=(1, 2, 3, 4))
    assert shares.numpy() == pytest.approx([0.1, 0.5, 1.0], abs=4 * np.sqrt(0.25 / 8000))


def test_times_end_at_nothing_masked():
    assert times_of_sampling(100, 4) == [(100, 75), (75, 50), (50, 25), (25, 0)]
    with pytest.raises(DataError, match="1 to 10 steps"):
        times_of_sampling(10, 11)


@pytest.fixture(scope="module")
def transformer():
    with seeded(2):
        return CodeTransformer(
            CELLS, n_books=2, n_codes=3, n_conditions=2, width=8, depth=1, n_heads=2
        ).eval()


@pytest.mark.parametrize("n_steps", [1, 3, 10])
def test_sampling_leaves_no_mask(n_steps, transformer):
    diffusion = AbsorbingDiffusion(10, 3)
    with torch.no_grad():
        codes = draw_codes(
            transformer, diffusion, torch.zeros(4, 2), [generator_of(n) for n in range(4)],
            n_steps=n_steps,
        )  # fmt: skip
    assert codes.shape == (4, 2, *CELLS)
    assert codes.max() < 3
    assert codes.min() >= 0


def test_cells_not_in_use_keep_the_usual_code():
    with seeded(3):
        model = CodeTransformer((1, 2, 2), n_books=2, n_codes=3, n_conditions=1, width=4, depth=1, n_heads=1)
        grid = torch.randint(3, (2, 2, 1, 2, 2))
    usual = torch.tensor([[[[0, 1], [2, 0]]], [[[1, 1], [0, 2]]]])
    model.use(torch.tensor([[[True, False], [True, False]]]), usual)
    wide = model.widen(model.narrow(grid))
    assert torch.equal(wide[..., 0], grid[..., 0])
    assert torch.equal(wide[..., 1], usual[..., 1].expand(2, -1, -1, -1))
    drawn = draw_codes(model, AbsorbingDiffusion(10, 3), torch.zeros(1, 1), [generator_of(0)], n_steps=2)
    assert torch.equal(drawn[0, ..., 1], usual[..., 1])


def test_untold_metadata_play_no_part(transformer):
    codes = torch.full((1, 2, 8), transformer.mask)
    told, untold = torch.tensor([[True, True]]), torch.tensor([[False, False]])
    one, other = torch.tensor([[0.0, 0.3]]), torch.tensor([[1.0, 0.9]])
    assert torch.equal(transformer(codes, one, untold), transformer(codes, other, untold))
    assert not torch.equal(transformer(codes, one, told), transformer(codes, other, told))
    assert torch.equal(transformer(codes, one, told), transformer(codes, one))


def test_guidance_magnifies_what_metadata_do(transformer):
    from plausibrain.generation.brainsynth.sampling import _guided_scores

    codes, conditions = torch.full((1, 2, 8), transformer.mask), torch.tensor([[0.0, 1.0]])
    told = transformer(codes, conditions)
    untold = transformer(codes, conditions, torch.zeros(1, 2, dtype=torch.bool))
    assert torch.allclose(_guided_scores(transformer, codes, conditions, 2.0), 2 * told - untold)


def test_the_loss_counts_masked_codes_alone():
    scores = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]], [[1.0, 1.0, 2.0], [1.0, 1, 1]]]))
    codes = torch.tensor([[0, 2], [2, 1]])
    masked = torch.tensor([[True, False], [True, True]])
    loss, found = masked_cross_entropy(scores, codes, masked)
    # First example: -log 1/2. Second: the mean of -log 2/4 and -log 1/3.
    assert loss.item() == pytest.approx((np.log(2) + (np.log(2) + np.log(3)) / 2) / 2)
    assert found.item() == pytest.approx((1 + 0.5) / 2)
    assert masked_cross_entropy(scores, codes, torch.zeros_like(masked))[0] == 0


def test_codes_and_metadata_are_all_that_an_image_needs():
    with seeded(6):
        autoencoder = CodeAutoencoder(
            (2, 3, 2), n_conditions=2, channels=[4, 8], n_books=2, n_codes=5, code_width=2, edge=2, groups=2
        )
        autoencoder.effect.weights.normal_()
        images, conditions = torch.rand(1, 1, 8, 12, 8), torch.rand(1, 2)
    assert autoencoder.shape == (8, 12, 8)
    with torch.no_grad():
        coded = autoencoder.encode(images, conditions)
        assert torch.equal(autoencoder.rebuild(coded), autoencoder.decode(coded.indices, conditions))


def test_decoding_starts_without_a_checkerboard():
    with seeded(6):
        decoder = Decoder([4], width=3, edge=2, groups=2)
        blocks = fold(decoder(torch.randn(1, 3, 2, 3, 2)), 2) - decoder.layers[-1].bias.view(1, -1, 1, 1, 1)
    assert torch.allclose(blocks, blocks[:, :1].expand_as(blocks), atol=1e-6)
    assert blocks.std() > 0


@pytest.mark.parametrize(
    ("preset", "shape", "cells"),
    [(PUBLISHED, (160, 224, 160), [10, 14, 10]), (SMALL, (80, 96, 80), [20, 24, 20])],
)
def test_cells_have_16_mm_as_published_and_8_mm_where_small(preset, shape, cells):
    assert architecture_of(preset, shape, 4)["transformer"]["cells"] == cells


def test_fine_cells_share_tokens_and_come_back():
    with seeded(2):
        network = CodeTransformer(
            (4, 2, 6), n_books=3, n_codes=5, n_conditions=1, width=8, depth=1, n_heads=2, patch=2
        )
        codes, usual = (torch.randint(5, (2, 3, 4, 2, 6)) for _ in range(2))
        lit = torch.zeros(4, 2, 6, dtype=torch.bool)
        lit[3, 1, 0] = True  # one fine cell puts its whole token in use
        network.use(lit, usual[0])
    assert network.n_in_use == 1
    narrow = network.narrow(codes)
    assert narrow.shape == (2, 3 * 8, 1)
    wide = network.widen(narrow)
    assert torch.equal(wide[:, :, 2:, :, :2], codes[:, :, 2:, :, :2])
    assert torch.equal(wide[:, :, :2], usual[:1, :, :2].expand(2, -1, -1, -1, -1))
    assert network(narrow, torch.zeros(2, 1)).shape == (2, 24, 1, 5)


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="stride 4; choose another grid"):
        architecture_of(SMALL, (80, 90, 80), 4)
