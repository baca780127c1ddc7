"""Calibrate the quality score on renderings of label maps that were held out from training.

``python -m makers.calibrate_quality --labelmaps FOLDER --weights FILE --out FILE``. Each
rendering is segmented, its true Dice is known, and a line through two features (the Dice that the posteriors
expect, and the Dice between the prediction of the image and of its mirror image) is fitted for every group
of structures. Renderings are of every quality, from clean T1w to random contrast with thick slices and
strong noise, so that low scores occur.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from makers.synthesis.fields import Draws, normal, uniform
from makers.synthesis.labelmaps import read_training_maps
from makers.synthesis.losses import blocks
from makers.synthesis.rendering import Example, Recipe, render_example
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.evaluation.networks.half_resolution_unet import HalfResolutionUNet
from plausibrain.evaluation.posteriors import keep_largest
from plausibrain.evaluation.quality_score import group_map, group_overlap, quality_features
from plausibrain.evaluation.segmentation import QC_GROUPS
from plausibrain.evaluation.segmenters.synthseg_style import boundary_shifts, predict_both_ways, read_network
from plausibrain.evaluation.working_grid import winning_channel

_BLOCK = (144, 176, 144)
#: What the lines were fitted for; lines for something else do not fit the features of `quality_score`.
JUDGED = "structures of a group joined; fluid around the brain only where the head is not stripped"
#: Pull of the fit towards "score = the first feature", in renderings.
_RIDGE = 1.0


def measure_rendering(
    network: HalfResolutionUNet, example: Example, answer_mm: int = 1
) -> dict[str, tuple[float, float, float]]:
    """Return for every group both features and the true Dice of its structures, joined."""
    raw, both = predict_both_ways(
        network, example.image, float(answer_mm**3), fine=answer_mm == 1, shifts=boundary_shifts(answer_mm)
    )
    posteriors, _ = keep_largest(raw)
    features, stripped = quality_features(example.image, posteriors, both)
    channel = winning_channel(posteriors.structures)
    target = (
        example.target if answer_mm == 1 else blocks(example.target).mode(1).values.reshape(channel.shape)
    )
    truth = group_overlap(*(group_map(x, stripped=stripped) for x in (channel, target)))
    return {group: (*values, truth[group]) for group, values in features.items()}


def fit_line(rows: np.ndarray) -> list[float]:
    """Return intercept and two slopes of Dice on both features, drawn towards (0, 1, 0).

    Parameters
    ----------
    rows : ndarray, (n, 3)
        Both features and the Dice.
    """
    x = np.column_stack([np.ones(len(rows)), rows[:, :2]])
    prior = np.array([0.0, 1.0, 0.0])
    change = np.linalg.solve(x.T @ x + _RIDGE * np.eye(3), x.T @ (rows[:, 2] - x @ prior))
    return [float(value) for value in prior + change]


def judge_line(rows: np.ndarray) -> dict[str, float]:
    """Return how well the line predicts Dice, each row left out of its own fit."""
    predictions = []
    for k in range(len(rows)):
        line = fit_line(np.delete(rows, k, axis=0))
        predictions.append(np.clip(line[0] + rows[k, :2] @ line[1:], 0, 1))
    error = np.abs(np.array(predictions) - rows[:, 2]).mean()
    spread = np.std(predictions) > 0 and np.std(rows[:, 2]) > 0
    r = np.corrcoef(predictions, rows[:, 2])[0, 1] if spread else np.nan
    return {"r": float(r), "mean_absolute_error": float(error), "mean_dice": float(rows[:, 2].mean())}


def calibrate(
    labelmaps: Path,
    weights: Path,
    *,
    answer_mm: int = 1,
    n_renderings: int = 24,
    n_held_out: int = 2,
    seed: int = 1,
) -> dict[str, Any]:
    """Return the lines of all groups and how well they predict.

    Parameters
    ----------
    labelmaps, weights : Path
    answer_mm : {1, 2}
        Size of the voxels in which the network answers.
    n_renderings : int
    n_held_out : int
        The last maps of the folder, which training left out.
    """
    codebook, maps = read_training_maps(labelmaps)
    network = read_network(weights)
    rows: dict[str, list[tuple[float, float, float]]] = {group: [] for group in QC_GROUPS}
    for k in range(n_renderings):
        generator = Draws("cpu", seed * 1_000_003 + k)
        recipe = Recipe(t1_like=0.6, thick_slices=0.4)
        source = maps[len(maps) - 1 - k % n_held_out]
        centre = source.brain.float().mean(0)
        example = render_example(source, codebook, _BLOCK, recipe, generator, centre=centre)
        noise = uniform(0, 0.15, generator) * normal(_BLOCK, generator) * (example.image > 0)
        noisy = Example((example.image + noise).clamp_min(0), example.target, example.side)
        for group, values in measure_rendering(network, noisy, answer_mm).items():
            rows[group].append(values)
    arrays = {group: np.array(values) for group, values in rows.items()}
    return {
        "n_renderings": n_renderings,
        "judged": JUDGED,
        "features": ["expected Dice of the posteriors", "Dice with the mirrored prediction"],
        "lines": {group: fit_line(values) for group, values in arrays.items()},
        "left_one_out": {group: judge_line(values) for group, values in arrays.items()},
    }


def main(arguments: list[str] | None = None) -> None:
    """Calibrate as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m makers.calibrate_quality", description=__doc__)
    parser.add_argument("--labelmaps", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--answer-mm", type=int, default=1, choices=(1, 2))
    parser.add_argument("--renderings", type=int, default=24)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    result = calibrate(args.labelmaps, args.weights, answer_mm=args.answer_mm, n_renderings=args.renderings)
    write_text_atomic(args.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
