"""Measure the 68 cortical parcels against manual labels and print the tables of ``docs/segmenter.md``.

    python -m benchmarks.parcels --data FOLDER [--limit 10] [--weights FILE] [--keep FOLDER] [--no-segmentation]

Manual labels (Mindboggle-101, OASIS-TRT, DKT protocol) measure only. That protocol has no banks of the superior
temporal sulcus, frontal pole and temporal pole: their neighbours hold them. Parcels are therefore compared
twice, with all 34 of a hemisphere, and with the 31 of the protocol among which every voxel is divided anew.
First the manual cortex is divided, which measures the parcels alone; then each scan is segmented by
`synthseg_style`, which measures the whole chain. Two subjects of OASIS, each scanned twice, give the retest.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from benchmarks.machine import machine_line
from benchmarks.segmentation_references import manual_images
from plausibrain.cohorts.structures import region_of, structure
from plausibrain.cohorts.volumes import LabelMap, Volume, read_label_map, read_volume, to_canonical
from plausibrain.evaluation.background import on_zero_background
from plausibrain.evaluation.channels import CHANNELS, N_STRUCTURES
from plausibrain.evaluation.cortical_parcels import (
    PARCELS,
    DividedCortex,
    Parcellation,
    divide_cortex,
    load_parcellation,
    parcel_volumes,
    read_parcellation,
)
from plausibrain.evaluation.posteriors import Posteriors, keep_largest
from plausibrain.evaluation.segmenters.synthseg_style import boundary_shifts, load_network, predict_both_ways
from plausibrain.evaluation.stripping import strip
from plausibrain.evaluation.working_grid import make_working_image, nearest_on

#: Parcels of the DK protocol that DKT does not have: numbers in FreeSurfer's table.
ABSENT = (1, 32, 33)
IN_DKT = tuple(label for half in PARCELS.values() for label in half if label % 1000 not in ABSENT)
RETEST = (("1003", "1023"), ("1004", "1024"))
_SMALL_ML = 3.0
#: Channels of the segmenter that the parcels need.
_NEEDED = (2, 7, 8, 9, 10, 14, 15, 17)


def only_dkt(divided: Sequence[DividedCortex]) -> list[DividedCortex]:
    """Return the parcels with the shares of those that DKT lacks given to the others of the same voxel."""
    kept = []
    for half in divided:
        columns = [k for k, label in enumerate(half.labels) if label in IN_DKT]
        shares = half.shares[:, columns]
        labels = tuple(half.labels[k] for k in columns)
        total = shares.sum(1, keepdim=True).clamp_min(1e-12)
        kept.append(DividedCortex(labels, half.places, shares / total, half.cortex))
    return kept


def winners(divided: Sequence[DividedCortex], shape: Sequence[int]) -> np.ndarray:
    """Return the label of the winning parcel where the cortex of a hemisphere has more than half a voxel."""
    labels = np.zeros(tuple(shape), np.int32)
    for half in divided:
        inside = half.cortex > 0.5
        best = half.shares[inside].argmax(1).numpy()
        labels[tuple(half.places[:, inside].numpy())] = np.asarray(half.labels)[best]
    return labels


def posteriors_of_labels(labels: LabelMap) -> Posteriors:
    """Return posteriors of nought and one from FreeSurfer labels whose cortex is divided."""
    data = torch.from_numpy(labels.data.astype(np.int64))
    left_cortex, right_cortex = (data > 1000) & (data < 2000), (data > 2000) & (data < 3000)
    data = torch.where(left_cortex, 3, torch.where(right_cortex, 42, data))
    structures = torch.zeros(N_STRUCTURES, *data.shape)
    left = left_cortex.float()
    for channel, (first, second) in enumerate(CHANNELS):
        structures[channel] = ((data == first) | (data == (second or first))).float()
        left += (data == first).float() * (second is not None and first != 3)
    return Posteriors(structures, left.clamp(max=1), labels.voxel_volume_mm3)


def score(
    divided: Sequence[DividedCortex], grid: np.ndarray, shape: Sequence[int], truth: LabelMap
) -> pd.DataFrame:
    """Return Dice, and measured and manual volume (mm3), of every manual parcel."""
    parcels = only_dkt(divided)
    like = Volume(np.zeros(truth.shape, np.float32), truth.affine)
    maps = [nearest_on(LabelMap(winners(d, shape), grid), like).data for d in (divided, parcels)]
    soft = parcel_volumes(parcels, float(abs(np.linalg.det(grid[:3, :3]))))
    rows = []
    for label in (label for half in parcels for label in half.labels):
        manual = truth.data == label
        dice = [
            2 * (own & manual).sum() / max(1, own.sum() + manual.sum()) for own in (m == label for m in maps)
        ]
        volume = float(manual.sum()) * truth.voxel_volume_mm3
        rows.append((structure(label).name, *dice, soft[structure(label).name], volume))
    return pd.DataFrame(rows, columns=["parcel", "dice", "dice_dkt", "mm3", "manual"])


def manual_cortex(whole: Path, truth: LabelMap, parcellation: Parcellation) -> pd.DataFrame:
    """Return the scores when the manual cortex is divided."""
    labels = to_canonical(read_label_map(whole))
    posteriors = posteriors_of_labels(LabelMap(np.asarray(labels.data), labels.affine))
    divided = divide_cortex(posteriors, 1, parcellation)
    return score(divided, labels.affine, labels.shape, truth)


def posteriors_of(path: Path, keep: Path | None = None) -> tuple[Posteriors, np.ndarray]:
    """Return the posteriors of `synthseg_style` at 1 mm, and the affine of their grid.

    Parameters
    ----------
    path : Path
    keep : Path, optional
        Folder in which what the parcels need is kept and found again, whatever the weights of the segmenter.
    """
    kept = None if keep is None else keep / f"{path.name}.safetensors"
    if kept is None or not kept.is_file():
        posteriors, affine = _segmented(read_volume(path))
        if kept is None:
            return posteriors, affine
        kept.parent.mkdir(parents=True, exist_ok=True)
        needed = posteriors.structures[list(_NEEDED)].half()
        save_file(
            {"needed": needed, "left": posteriors.left.half(), "affine": torch.from_numpy(affine)}, kept
        )
    content = load_file(kept)
    structures = torch.zeros(N_STRUCTURES, *content["left"].shape)
    structures[list(_NEEDED)] = content["needed"].float()
    affine = content["affine"].numpy()
    return Posteriors(structures, content["left"].float(), float(abs(np.linalg.det(affine[:3, :3])))), affine


def _segmented(image: Volume) -> tuple[Posteriors, np.ndarray]:
    working = make_working_image(strip(on_zero_background(image)).image)
    data = torch.from_numpy(working.data)
    raw, _ = predict_both_ways(load_network(), data, working.voxel_mm3, shifts=boundary_shifts())
    return keep_largest(raw)[0], working.affine


def own_cortex(
    image: Path, truth: LabelMap, parcellation: Parcellation, keep: Path | None
) -> tuple[pd.DataFrame, float]:
    """Return the scores of the whole chain and the processor seconds that the parcels took."""
    posteriors, grid = posteriors_of(image, keep)
    started = time.process_time()
    divided = divide_cortex(posteriors, 1, parcellation)
    seconds = time.process_time() - started
    return score(divided, grid, posteriors.left.shape, truth), seconds


def retest(data: Path, parcellation: Parcellation, keep: Path | None) -> pd.DataFrame:
    """Return the volumes of each parcel in both scans of the subjects scanned twice, mm3."""
    images = manual_images(data)
    volumes = {}
    for scan in (name for pair in RETEST for name in pair):
        posteriors, _ = posteriors_of(images[scan][0], keep)
        volumes[scan] = parcel_volumes(divide_cortex(posteriors, 1, parcellation), posteriors.voxel_mm3)
    return pd.DataFrame(volumes)


def summary(name: str, table: pd.DataFrame) -> list[str]:
    """Return the lines about one kind of input."""
    by_scan = table.groupby("scan")[["dice", "dice_dkt"]].mean()
    by_parcel = table.groupby("parcel")
    over_scans = by_parcel[["mm3", "manual"]].apply(lambda t: t["mm3"].corr(t["manual"]))
    over_parcels = table.groupby("scan")[["mm3", "manual"]].apply(lambda t: t["mm3"].corr(t["manual"]))
    ratio = by_parcel["mm3"].mean() / by_parcel["manual"].mean()
    lines = [
        f"{name}, n = {len(by_scan)} scans: mean Dice of the 62 parcels {by_scan['dice_dkt'].mean():.3f} "
        f"({by_scan['dice_dkt'].min():.3f} to {by_scan['dice_dkt'].max():.3f} by scan); "
        f"{by_scan['dice'].mean():.3f} when all 68 compete.",
        f"Volumes: r over parcels {over_parcels.mean():.2f} (mean of scans), r over scans {over_scans.median():.2f} "
        f"(median of parcels, {over_scans.quantile(0.1):.2f} to {over_scans.quantile(0.9):.2f} for 80 % of them); "
        f"volume / manual {ratio.median():.2f} (median; {ratio.quantile(0.1):.2f} to {ratio.quantile(0.9):.2f}).",
    ]
    own, manual = (asymmetry(table, column) for column in ("mm3", "manual"))
    lines.append(
        f"Asymmetry, (left - right) / mean: r {np.corrcoef(own, manual)[0, 1]:.2f} with the manual one over "
        f"{len(own)} pairs of parcels; mean {100 * own.mean():+.1f} %, manual {100 * manual.mean():+.1f} %."
    )
    return lines


def asymmetry(table: pd.DataFrame, column: str) -> np.ndarray:
    """Return (left - right) / mean of every region and scan."""
    wide = table.assign(side=table["parcel"].str[4:6], region=table["parcel"].map(region_of)).pivot(
        index=["scan", "region"], columns="side", values=column
    )
    return np.asarray(2 * (wide["lh"] - wide["rh"]) / (wide["lh"] + wide["rh"]))


def parcel_lines(table: pd.DataFrame) -> list[str]:
    """Return Dice and volume of every parcel, both sides, as a table."""
    lines = [
        "| parcel | Dice left | Dice right | volume / manual left | right |",
        "|---|---|---|---|---|",
    ]
    mean = table.groupby("parcel")[["dice_dkt", "mm3", "manual"]].mean()
    ratio = mean["mm3"] / mean["manual"]
    for left in [name for name in mean.index if name.startswith("ctx-lh-")]:
        right = left.replace("-lh-", "-rh-")
        lines.append(
            f"| {region_of(left)} | {mean['dice_dkt'][left]:.2f} | {mean['dice_dkt'][right]:.2f} | "
            f"{ratio[left]:.2f} | {ratio[right]:.2f} |"
        )
    return lines


def retest_line(volumes: pd.DataFrame) -> str:
    """Return the sentence about subjects scanned twice."""
    change = pd.concat(
        [200 * (volumes[a] - volumes[b]).abs() / (volumes[a] + volumes[b]) for a, b in RETEST], axis=1
    )
    large = volumes.mean(axis=1) > 1000 * _SMALL_ML
    worst = change.mean(axis=1).idxmax()
    return (
        f"Two subjects scanned twice: a parcel differs by {np.median(change):.1f} % (median), "
        f"{np.quantile(change, 0.9):.1f} % (90th percentile); above {_SMALL_ML:g} mL ({int(large.sum())} parcels) by "
        f"{np.median(change[large]):.1f} and {np.quantile(change[large], 0.9):.1f} %; most in {worst} "
        f"({change.mean(axis=1).max():.0f} %)."
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds t1w/oasis_trt")
    parser.add_argument("--weights", type=Path, help="another parcellation than that of the package")
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--atlas-alone", action="store_true", help="without what the network adds")
    parser.add_argument("--keep", type=Path, help="folder of posteriors, to measure several weights")
    parser.add_argument("--no-segmentation", action="store_true", help="only divide the manual cortex")
    given = parser.parse_args()
    parcellation = read_parcellation(given.weights) if given.weights else load_parcellation()
    if given.atlas_alone:
        for values in parcellation.network.head.parameters():
            torch.nn.init.zeros_(values)
    tables: dict[str, list[pd.DataFrame]] = {"Manual cortex divided": [], "Scans segmented and divided": []}
    seconds = []
    for image in sorted((given.data / "t1w" / "oasis_trt").glob("*_t1weighted_brain.nii.gz"))[: given.limit]:
        scan = image.name.split("_")[0]
        truth = read_label_map(image.with_name(f"{scan}_labels.DKT31.manual.nii.gz"))
        whole = image.with_name(f"{scan}_whole_brain_labels.nii.gz")
        tables["Manual cortex divided"].append(manual_cortex(whole, truth, parcellation).assign(scan=scan))
        if not given.no_segmentation:
            own, took = own_cortex(image, truth, parcellation, given.keep)
            tables["Scans segmented and divided"].append(own.assign(scan=scan))
            seconds.append(took)
    print(machine_line())
    for name, parts in tables.items():
        if parts:
            print("\n".join(["", *summary(name, pd.concat(parts))]))
    if seconds:
        print(f"The parcels took {np.mean(seconds):.1f} processor seconds a scan beside its segmentation.\n")
        print(retest_line(retest(given.data, parcellation, given.keep)) + "\n")
        print("\n".join(parcel_lines(pd.concat(tables["Scans segmented and divided"]))))


if __name__ == "__main__":
    main()
