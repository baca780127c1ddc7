"""Estimate the population model of anatomy from label maps of whole heads.

    python -m makers.anatomy.estimation LABELMAPS --out anatomy.npz [--heads 20] [--steps
    1.0]

What is kept of the maps: the share of coarse classes at 4 mm, mean shapes of deep structures and envelopes,
modes of shape, and folding patterns. A folding pattern is a patchwork: at every place of about 3 cm it
follows another of the 2 n hemispheres, so none of them is the fold of one subject; a simulated subject mixes
patterns once more.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from makers.anatomy.half_space import (
    OTHER_SIDE,
    OUTSIDE_IMAGE,
    Depth,
    Labels,
    across_midline,
    box_around,
    cut_at_volume,
    half_maps,
    largest_part,
    mean_count,
    share_of,
    signed_distance,
    smooth_half,
    to_tensor,
)
from makers.anatomy.registration import (
    SCHEDULE,
    Head,
    Round,
    mirrored,
    reduce_map,
    register,
    smoothed,
)
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import structure
from plausibrain.cohorts.volumes import LabelMap, read_label_map, to_canonical
from plausibrain.generation.simulator.anatomy import CENTRE, STEP_MM
from plausibrain.generation.simulator.spatial import resize, smooth

SOFT_CLASSES: dict[str, tuple[int, ...]] = {
    "LV": (4,),
    "ILV": (5,),
    "TH": (10,),
    "CA": (11, 26),
    "PU": (12,),
    "PA": (13,),
    "HI": (17,),
    "AM": (18,),
    "VD": (28,),
    "V3": (14,),
    "V4": (15,),
    "BS": (16,),
    "CB": (7, 8),
    "CE": (2, 3),
    "CSF": (24,),
}
DEEP = (4, 5, 10, 11, 12, 13, 17, 18, 26, 28, 14, 15, 16)
PAIRED = (2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 17, 18, 26, 28)
INTRACRANIAL = (*PAIRED, 14, 15, 16, 24, *(OTHER_SIDE + label for label in PAIRED))
# Labels of each envelope, and whether it is cut where half of the heads have it or at its mean volume.
ENVELOPES: dict[str, tuple[tuple[int, ...], bool]] = {
    "intracranial": (INTRACRANIAL, True),
    "skull": ((*INTRACRANIAL, 515, 516), True),
    "head": (tuple(range(1, OUTSIDE_IMAGE)), True),
    "cerebellum": ((7, 8), True),
    "cerebrum": ((2, 3, 4, 5, 10, 11, 12, 13, 17, 18, 26, 28), True),
    "eyes": ((506,), False),
    "marrow": ((516,), False),
    "mucosa": ((509,), False),
    "sinus": ((514,), False),
    "muscle": ((508,), False),
    "spine": ((512,), False),
}
WITHIN_CORTEX = (2, 4, 5, 10, 11, 12, 13, 17, 18, 26, 28)
THICKNESS_MM = 2.5
N_PATTERNS, N_MODES = 10, 15
PATCH_WIDTH, PATCH_CONTRAST, PATTERN_SMOOTHING = 3.5, 14.0, 0.45
PATTERN_SEED = 20
DEPTH_STEP_MM = 0.25

Arrays = dict[str, NDArray[np.generic]]
Report = Callable[[str], None]


def estimate_anatomy(
    folder: Path,
    out: Path,
    *,
    n_heads: int | None = None,
    schedule: Sequence[Round] = SCHEDULE,
    report: Report | None = None,
) -> Path:
    """Estimate the model from all ``seg_*.nii.gz`` of a folder and write it.

    Parameters
    ----------
    folder : Path
        Label maps of heads at 1 mm with FreeSurfer ids and extra-cerebral labels 501 to 530, as SynthSeg
        distributes them (https://github.com/BBillot/SynthSeg, Apache-2.0).
    out : Path
        The model, ``.npz``.
    n_heads : int, optional
        Only so many of the label maps, the first by name, for a look at less cost.
    schedule : sequence of Round
        Of the registration. The default takes about 15 minutes on one core for 20 heads.
    report : callable, optional
        Called with one line per finished step.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    DataError
        If the folder holds fewer than two label maps.
    """
    say = report or (lambda line: None)
    paths = sorted(folder.glob("seg_*.nii.gz"))[:n_heads]
    if len(paths) < 2:
        raise DataError(f"expected at least two label maps seg_*.nii.gz in {folder}, found {len(paths)}")
    heads = [reduce_map(read_whole_map(path)) for path in paths]
    say(f"{len(heads)} label maps read")
    n_filters = register(heads, schedule, lambda number, loss: say(f"round {number}: difference {loss:.5f}"))
    halves = [
        half
        for path, head in zip(paths, heads, strict=True)
        for half in half_maps(read_whole_map(path), head, n_filters)
    ]
    say("moved into atlas space")
    arrays = (
        soft_arrays(halves) | deep_arrays(halves) | envelope_arrays(halves) | mode_arrays(heads, n_filters)
    )
    say("mean shapes and modes done")
    rng = np.random.default_rng(PATTERN_SEED)
    arrays |= pattern_arrays("cortex", halves, (*WITHIN_CORTEX, 3), cortical_depth, rng)
    arrays |= pattern_arrays("cerebellum", halves, (7, 8), cerebellar_depth, rng)
    np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
    say(f"{out} written, {out.stat().st_size / 1e6:.1f} MB")
    return out


def read_whole_map(path: Path) -> NDArray[np.int32]:
    """Return a label map in RAS order, cut or filled with 0 so that its sides are divisible by 4."""
    labels: LabelMap = to_canonical(read_label_map(path))
    return np.asarray(np.pad(labels.data, [(0, -size % 4) for size in labels.shape]), np.int32)


def stored(
    name: str, values: NDArray[np.floating], scale: float, low: Sequence[float], step: float
) -> Arrays:
    """Return a field as it is stored: whole numbers of one byte, their scale, and where the field lies."""
    whole = np.round(values / scale)
    is_unsigned = float(whole.max(initial=0)) > 127
    kind, limits = (np.uint8, (0, 255)) if is_unsigned else (np.int8, (-127, 127))
    return {
        name: whole.clip(*limits).astype(kind),
        f"{name}_scale": np.array(scale),
        f"{name}_low_mm": np.array(low, float),
        f"{name}_step_mm": np.array(step),
    }


def corner(box: tuple[slice, slice, slice]) -> list[float]:
    """Return the atlas position (mm) of the first voxel of a box of the half at 1 mm."""
    reach = STEP_MM * np.array(CENTRE)
    return [float(box[0].start), float(box[1].start - reach[1]), float(box[2].start - reach[2])]


def soft_arrays(halves: Sequence[Labels]) -> Arrays:
    """Return the share of each coarse class at 4 mm."""
    step = round(STEP_MM)
    shares = [share_of(halves, labels, sigma=0.5) for labels in SOFT_CLASSES.values()]
    coarse = np.stack([smooth_half(share, 1.6)[::step, ::step, ::step] for share in shares])
    box = (slice(0, 1), slice(0, 1), slice(0, 1))
    return stored("soft", coarse, 1 / 255, corner(box), STEP_MM) | {
        "soft_names": np.array(list(SOFT_CLASSES))
    }


def deep_arrays(halves: Sequence[Labels]) -> Arrays:
    """Return the signed distance to the mean shape of each deep structure, clipped at 8 mm outside."""
    masks = [
        largest_part(cut_at_volume(share_of(halves, [label], sigma=0.7), mean_count(halves, [label])))
        for label in DEEP
    ]
    box = box_around(np.any(masks, axis=0), 12)
    fields = [
        deep_distance(mask[box], structure(label).hemisphere) for mask, label in zip(masks, DEEP, strict=True)
    ]
    names: Arrays = {"deep_ids": np.array(DEEP)}
    return stored("deep", np.stack(fields), 1 / 12, corner(box), 1.0) | names


def deep_distance(mask: NDArray[np.bool_], hemisphere: str) -> Depth:
    """Return the smoothed distance to a mask; across the midline only a midline structure goes on."""
    other = mask[:0:-1] if hemisphere == "midline" else np.zeros_like(mask[:0:-1])
    whole = signed_distance(np.concatenate([other, mask], axis=0))[mask.shape[0] - 1 :]
    return np.asarray(ndimage.gaussian_filter(whole.clip(-11, 8), 0.7), np.float32)


def envelope_arrays(halves: Sequence[Labels]) -> Arrays:
    """Return the signed distance to head, skull and other envelopes at 2 mm."""
    n_shown = np.sum([half != OUTSIDE_IMAGE for half in halves], axis=0)
    fields = []
    for labels, cut_at_half in ENVELOPES.values():
        n_inside = np.sum([np.isin(half, labels) for half in halves], axis=0)
        share = ndimage.gaussian_filter(np.where(n_shown > 3, n_inside / np.maximum(n_shown, 1), 0.0), 1.0)
        mask = share > 0.5 if cut_at_half else cut_at_volume(share, mean_count(halves, labels))
        distance = signed_distance(across_midline(mask).astype(bool))[mask.shape[0] - 1 :]
        fields.append(smooth_half(distance.clip(-15, 12), 1.0)[::2, ::2, ::2])
    box = (slice(0, 1), slice(0, 1), slice(0, 1))
    names: Arrays = {"hull_names": np.array(list(ENVELOPES))}
    return stored("hull", np.stack(fields), 0.1, corner(box), 2.0) | names


def mode_arrays(heads: Sequence[Head], n_filters: int) -> Arrays:
    """Return the principal modes of the heads' velocities and of their mirror images, one SD each, mm."""
    velocities = [smoothed(head.velocity, n_filters) for head in heads]
    both = torch.stack([side for velocity in velocities for side in (velocity, mirrored(velocity))])
    deviations = (both - both.mean(0)).flatten(1)
    _, sizes, directions = torch.linalg.svd(deviations, full_matrices=False)
    n = min(N_MODES, len(sizes) - 1)
    modes = directions[:n] * (sizes[:n, None] / np.sqrt(len(both) - 1))
    values = modes.reshape(n, *both.shape[1:]).numpy()
    scale = float(np.abs(values).max()) / 127
    return {"modes": np.round(values / scale).astype(np.int8), "modes_scale": np.array(scale)}


def cortical_depth(half: Labels) -> Depth:
    """Return the depth from cerebral white matter (mm): negative inside, 0 to 2.5 in cortex, more beyond.

    Notes
    -----
    In cortex the depth is the share of the way to the next fluid, so that thick and thin cortex end at the
    same level; where two banks of a sulcus touch, the way ends in the middle. Fluid starts 1 mm higher, so
    that narrow sulci stay open when the field is smoothed.
    """
    within = np.isin(half, WITHIN_CORTEX)
    inner = signed_distance(within)
    outer = signed_distance(within | (half == 3))
    depth = inner.clip(min=0)
    ahead = np.minimum((-outer).clip(min=0.15), (THICKNESS_MM - depth).clip(min=0.15))
    cortex = THICKNESS_MM * depth / (depth + ahead)
    field = np.where(inner <= 0, inner, np.where(outer <= 0, cortex, THICKNESS_MM + 1.0 + outer))
    return np.asarray(field.clip(-5, 6), np.float32)


def cerebellar_depth(half: Labels) -> Depth:
    """Return the distance from cerebellar white matter, mm, negative inside."""
    return signed_distance(half == 7).clip(-4, 5)


def pattern_arrays(
    name: str,
    halves: Sequence[Labels],
    region: Sequence[int],
    depth: Callable[[Labels], Depth],
    rng: np.random.Generator,
) -> Arrays:
    """Return folding patterns: patchworks of the depths of all hemispheres."""
    common = np.sum([np.isin(half, region) for half in halves], axis=0) > 1
    box = box_around(common, 2)
    depths = [depth(half[box]).astype(np.float16) for half in halves]
    patterns = np.stack([patchwork_of(depths, rng) for _ in range(N_PATTERNS)])
    return stored(name, patterns, DEPTH_STEP_MM, corner(box), 1.0)


def patchwork_of(depths: Sequence[NDArray[np.float16]], rng: np.random.Generator) -> Depth:
    """Return one pattern: weights are a sharp softmax of smooth noise, one noise a hemisphere."""
    shape = depths[0].shape
    coarse = [int(np.ceil(size / STEP_MM)) for size in shape]
    noise = smooth(
        torch.from_numpy(rng.standard_normal((len(depths), *coarse), dtype=np.float32)), PATCH_WIDTH
    )
    weights = torch.softmax(PATCH_CONTRAST * noise / noise.std(), dim=0)
    blend = torch.zeros(shape)
    for depth, weight in zip(depths, weights, strict=True):
        blend += to_tensor(depth) * resize(weight[None], shape)[0]
    return np.asarray(smooth(blend[None], PATTERN_SMOOTHING)[0].numpy(), np.float32)


def main() -> None:
    """Estimate the model as told by the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labelmaps", type=Path, help="folder of seg_*.nii.gz")
    parser.add_argument("--out", type=Path, required=True, help="the model, .npz")
    parser.add_argument("--heads", type=int, help="only so many label maps")
    parser.add_argument("--steps", type=float, default=1.0, help="share of the registration's steps")
    arguments = parser.parse_args()
    schedule = [replace(plan, n_steps=max(1, round(arguments.steps * plan.n_steps))) for plan in SCHEDULE]

    def say(line: str) -> None:
        print(f"{time.process_time():7.0f} processor s: {line}", file=sys.stderr, flush=True)

    estimate_anatomy(
        arguments.labelmaps, arguments.out, n_heads=arguments.heads, schedule=schedule, report=say
    )


if __name__ == "__main__":
    main()
