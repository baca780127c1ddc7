"""How much volumes depend on where the head lies on the network's grid, and what averages over grids would buy.

    python -m benchmarks.segmentation_grid --data FOLDER

The network works in blocks of 2 mm, so a head moved by five voxels meets other blocks at every level. Image
and mirror image are segmented on three grids: as shipped, and with one or five planes of background before
them. Averages: of image and mirror image on one grid (shipped), of the image on one grid and the mirror
image on another (costs nothing), and of both on two grids (twice the time of the network).
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.implausible_images import tested_manual_scans
from benchmarks.machine import stamp
from benchmarks.segmentation_references import manual_labels
from plausibrain.cohorts.image_parts import keep_freed_memory
from plausibrain.cohorts.structures import names, region_of, structure
from plausibrain.cohorts.volumes import read_volume, to_canonical
from plausibrain.evaluation.background import on_zero_background
from plausibrain.evaluation.hemispheres import left_of_plane
from plausibrain.evaluation.inference import predict
from plausibrain.evaluation.posteriors import Posteriors, keep_largest, label_ids, soft_volumes
from plausibrain.evaluation.segmenters.synthseg_style import boundary_shifts, load_network
from plausibrain.evaluation.working_grid import make_working_image, sample_on

SHIPPED, FREE, DOUBLE = "shipped", "mirror image moved by 5", "both, on two grids"
GRIDS = (SHIPPED, "both moved by 1", "both moved by 5")

Answer = tuple[Tensor, Tensor]


def one_way(data: Tensor, planes: int, *, mirrored: bool) -> Answer:
    """Return posteriors and "left" of an image with planes of background before it, on the image's grid."""
    image = functional.pad(data.flip(0) if mirrored else data, (planes, 0) * 3)
    structures, left = predict(load_network(), image, shifts=boundary_shifts())
    structures, left = structures[:, planes:, planes:, planes:], left[planes:, planes:, planes:]
    return (structures.flip(1), 1 - left.flip(0)) if mirrored else (structures, left)


def mean_of(answers: Iterable[Answer]) -> Answer:
    """Return the mean of several answers."""
    structures, left = zip(*answers, strict=True)
    return sum(structures) / len(structures), sum(left) / len(left)


def averages(data: Tensor) -> Iterable[tuple[str, Answer]]:
    """Yield what is averaged and the average."""
    plain, mirror = (one_way(data, 0, mirrored=flag) for flag in (False, True))
    yield SHIPPED, mean_of((plain, mirror))
    moved, moved_mirror = (one_way(data, 5, mirrored=flag) for flag in (False, True))
    yield FREE, mean_of((plain, moved_mirror))
    yield GRIDS[2], mean_of((moved, moved_mirror))
    yield DOUBLE, mean_of((plain, mirror, moved, moved_mirror))
    del plain, mirror, moved, moved_mirror
    yield GRIDS[1], mean_of(one_way(data, 1, mirrored=flag) for flag in (False, True))


def measure(path: Path) -> pd.DataFrame:
    """Return volume (mm3) and Dice with the manual labels, one row per average and region."""
    image = to_canonical(read_volume(path))
    manual = to_canonical(manual_labels(path.with_name(f"{path.name[:4]}_glm.nii.gz"))).data
    working = make_working_image(on_zero_background(image))
    rows = []
    for name, (structures, left) in averages(torch.from_numpy(working.data)):
        sides = left_of_plane(left, structures[1] + structures[2] > 0.5)
        posteriors, _ = keep_largest(Posteriors(structures, sides, working.voxel_mm3))
        volumes = soft_volumes(posteriors)
        labels = label_ids(*sample_on(posteriors.structures, posteriors.left, working.affine, image))
        for part in names("aseg"):
            a, b = labels == structure(part).index, manual == structure(part).index
            dice = 2 * (a & b).sum() / (a.sum() + b.sum()) if b.any() else np.nan
            rows.append((path.name[:4], name, region_of(part), volumes[part], dice))
    table = pd.DataFrame(rows, columns=["scan", "average", "region", "volume", "dice"])
    return table.groupby(["scan", "average", "region"], sort=False).agg(
        volume=("volume", "sum"), dice=("dice", "mean")
    )


def grid_lines(table: pd.DataFrame) -> list[str]:
    """Return a table: SD of volume over grids, and Dice of every average, mean over scans."""
    volume, dice = (table[key].unstack("average") for key in ("volume", "dice"))
    spread = 100 * volume[list(GRIDS)].std(axis=1) / volume[list(GRIDS)].mean(axis=1)
    lines = [
        f"| n = {table.index.get_level_values('scan').nunique()} scans | SD of volume over 3 grids, % | largest | "
        + " | ".join(f"Dice, {name}" for name in (SHIPPED, FREE, DOUBLE)) + " |",
        "|---|" + "---|" * 5,
    ]  # fmt: skip
    for region, part in spread.groupby("region", sort=False):
        cells = " | ".join(
            f"{dice[name].xs(region, level='region').mean():.4f}" for name in (SHIPPED, FREE, DOUBLE)
        )
        lines.append(f"| {region} | {np.sqrt((part**2).mean()):.2f} | {part.max():.2f} | {cells} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    table = pd.concat(measure(path) for path in tested_manual_scans(args.data))
    sys.stdout.write("\n".join([*grid_lines(table), "", f"{stamp()}."]) + "\n")


if __name__ == "__main__":
    main()
