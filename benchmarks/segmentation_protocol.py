"""Measure how much of the segmenter's error against manual labels is a difference of protocols.

Two measurements for ``docs/validation_segmentation.md``; nothing here ships or changes a result. Volumes: the
manual labels, ours, published norms of FreeSurfer volumes for the same ages and sexes, and the training
label maps, side by side. Dice: what remains when the one thing a protocol decides in every structure, how
far out its boundary lies, is corrected by one threshold per structure, chosen on other subjects.

    python -m benchmarks.segmentation_protocol --data FOLDER

prints the volumes without ours, which needs no network and takes seconds.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import torch

from benchmarks.segmentation_references import manual_images, manual_labels, manual_subjects
from makers.synthesis.anatomy import RENDERED_AS
from plausibrain.cohorts.store import Store, hash_file, write_text_atomic
from plausibrain.cohorts.structures import names, region_of, structure
from plausibrain.cohorts.volumes import LabelMap, Volume, read_volume
from plausibrain.evaluation.channels import CHANNELS
from plausibrain.evaluation.posteriors import keep_largest
from plausibrain.evaluation.segmenters.synthseg_style import (
    boundary_shifts,
    load_network,
    predict_both_ways,
    version,
)
from plausibrain.evaluation.working_grid import make_working_image, nearest_on, winning_channel
from plausibrain.generation.norm_tables import expected_volume, norm_tables

#: Thresholds on a posterior that are tried.
THRESHOLDS = np.round(np.arange(0.02, 0.99, 0.02), 2)
_VENTRICLES = {"Lateral-Ventricle", "Inf-Lat-Vent", "3rd-Ventricle", "4th-Ventricle"}
_FORM = 1


def family_of(region: str) -> str:
    """Return the row of the norms that holds a region: the four ventricles are one."""
    return "Ventricles" if region in _VENTRICLES else region


def family_volumes(volumes: Mapping[str, float]) -> pd.Series:
    """Return mL per family of the norms, of both sides, from mm3 per structure."""
    named = pd.Series({name: volumes[name] for name in names("aseg") if name in volumes})
    return named.groupby([family_of(region_of(name)) for name in named.index]).sum() / 1000


def count_volumes(labels: LabelMap) -> dict[str, float]:
    """Return mm3 per structure of a label map, labels inside the ventricles and white matter joined."""
    counts = np.bincount(labels.data.ravel(), minlength=200) * labels.voxel_volume_mm3
    for label, target in RENDERED_AS:
        counts[target] += counts[label]
    return {name: float(counts[structure(name).index]) for name in names("aseg")}


def training_map_volumes(folder: Path) -> pd.DataFrame:
    """Return mL per family of the label maps that the network was trained on, one row a map."""
    rows = {}
    for path in sorted(folder.glob("seg_*.nii.gz")):
        image: Any = nib.load(path)
        rows[path.name] = family_volumes(
            count_volumes(LabelMap(np.asarray(image.dataobj).astype(np.int32), image.affine))
        )
    return pd.DataFrame(rows).T


def norm_volumes(subjects: pd.DataFrame) -> pd.Series:
    """Return the mean of the norms over subjects with ``age`` and ``sex`` (M or F), mL per family."""
    families = [f for f in norm_tables().families.index if f != "TIV"]
    age, sex = subjects["age"].to_numpy(float), subjects["sex"].to_numpy(object)
    return pd.Series({f: float(expected_volume(f, age, sex).mean()) / 1000 for f in families})


def compare_volumes(
    ours: pd.DataFrame | None, norms: pd.Series, manual: pd.DataFrame | None, maps: pd.DataFrame
) -> list[str]:
    """Return a table of mean volumes; ours and the manual ones may be absent.

    Parameters
    ----------
    ours, manual, maps : DataFrame
        mL, one row a scan or map, one column a family.
    norms : Series
        mL per family.
    """
    lines = [
        "| structures (both sides) | manual, mL | ours | norm | label maps | norm / manual | ours / manual | ours / norm |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for family, norm in norms.items():
        trained = float(maps[family].mean())
        mine, hand = (np.nan if t is None else float(t[family].mean()) for t in (ours, manual))
        lines.append(
            f"| {family} | {_number(hand)} | {_number(mine)} | {_number(float(norm))} | {_number(trained)} | "
            f"{_percent(float(norm) / hand)} | {_percent(mine / hand)} | {_percent(mine / float(norm))} |"
        )
    return [*lines, ""]


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _percent(ratio: float) -> str:
    return "" if np.isnan(ratio) else f"{100 * (ratio - 1):+.0f} %"


def measure_curves(image: Volume, reference: LabelMap) -> pd.DataFrame:
    """Return what each threshold on each posterior finds.

    Parameters
    ----------
    image : Volume
    reference : LabelMap
        FreeSurfer ids.

    Returns
    -------
    DataFrame
        Rows ``region``, ``threshold`` (0 stands for the label map as it is), voxels ``found``, ``both`` and
        ``manual``; left and right together.
    """
    working = make_working_image(image)
    raw, _ = predict_both_ways(
        load_network(), torch.from_numpy(working.data), working.voxel_mm3, shifts=boundary_shifts()
    )
    posteriors, _ = keep_largest(raw)
    won = winning_channel(posteriors.structures).numpy()
    truth = nearest_on(reference, Volume(working.data, working.affine)).data
    rows = []
    for channel, ids in enumerate(CHANNELS[1:], start=1):
        wanted = np.isin(truth, [index for index in ids if index is not None])
        region = structure(ids[0]).region
        here = won == channel
        rows.append((region, 0.0, here.sum(), (here & wanted).sum(), wanted.sum()))
        p = posteriors.structures[channel].numpy()
        found, both = _counts_above(p), _counts_above(p[wanted])
        rows += [(region, t, f, b, wanted.sum()) for t, f, b in zip(THRESHOLDS, found, both, strict=True)]
    return pd.DataFrame(rows, columns=["region", "threshold", "found", "both", "manual"])


def _counts_above(p: np.ndarray) -> np.ndarray:
    """Return how many values exceed each threshold."""
    counts = np.histogram(p, bins=[-1.0, *THRESHOLDS, 2.0])[0]
    return counts[::-1].cumsum()[::-1][1:]


def stored_curves(image: Path, reference: LabelMap, store: Store) -> pd.DataFrame:
    """Return `measure_curves` of an image file, from the store where it is there."""
    key = Store.key("threshold curves", hash_file(image), version(), _FORM)
    path = store.get(key, ".json")
    if path is None:
        rows = measure_curves(read_volume(image), reference).to_dict("list")
        path = store.put(key, ".json", lambda to: write_text_atomic(to, json.dumps(rows)))
    return pd.DataFrame(json.loads(path.read_text()))


def halves(subjects: Sequence[str]) -> list[int]:
    """Return 0 or 1 per scan, every second subject in sorted order; scans of one subject stay together."""
    place = {subject: k % 2 for k, subject in enumerate(sorted(set(subjects)))}
    return [place[subject] for subject in subjects]


def matching_threshold(curves: pd.DataFrame) -> float:
    """Return the threshold that finds as many voxels as the manual labels have, summed over scans."""
    total = curves[curves["threshold"] > 0].groupby("threshold")[["found", "manual"]].sum()
    gaps = (total["found"] - total["manual"]).abs()
    return float(gaps.index.to_numpy(float)[gaps.to_numpy(float).argmin()])


def corrected_dice(curves: pd.DataFrame) -> pd.DataFrame:
    """Return Dice with and without one correction per structure.

    Parameters
    ----------
    curves : DataFrame
        Of `measure_curves`, with columns ``scan`` and ``half``.

    Returns
    -------
    DataFrame
        Index region; Dice ``before`` and ``after`` (mean over scans; each half is corrected by the threshold
        chosen on the other), the thresholds ``first`` and ``second`` chosen on either half, and the mean
        ``bias`` % of the corrected volume.
    """
    dice = 2 * curves["both"] / (curves["found"] + curves["manual"])
    curves = curves.assign(dice=dice, bias=100 * (curves["found"] / curves["manual"] - 1))
    rows = {}
    for region, part in curves.groupby("region", sort=False):
        if not part["manual"].all():
            continue
        chosen = [matching_threshold(part[part["half"] == half]) for half in (0, 1)]
        other = part["half"].map({0: chosen[1], 1: chosen[0]})
        after = part[part["threshold"] == other]
        before = part[part["threshold"] == 0]
        rows[region] = (before["dice"].mean(), after["dice"].mean(), *chosen, after["bias"].mean())
    return pd.DataFrame(rows, index=["before", "after", "first", "second", "bias"]).T


def ceiling_lines(table: pd.DataFrame, goals: Mapping[str, float]) -> list[str]:
    """Return the table of `corrected_dice` beside the goals."""
    lines = [
        "| structure | Dice as it is | corrected | thresholds (half 1, half 2) | bias then, % | goal | reached then |",
        "|---|---|---|---|---|---|---|",
    ]
    for region, row in table.iterrows():
        goal = goals.get(str(region))
        reached = "" if goal is None else "yes" if row["after"] >= goal else "no"
        lines.append(
            f"| {region} | {row['before']:.3f} | {row['after']:.3f} | {row['first']:.2f}, {row['second']:.2f} | "
            f"{row['bias']:+.1f} | {goal or ''} | {reached} |"
        )
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    subjects = manual_subjects(data)
    manual = pd.DataFrame(
        {n: family_volumes(count_volumes(manual_labels(f))) for n, (_, f) in manual_images(data).items()}
    ).T
    maps = training_map_volumes(data / "labelmaps")
    by_subject = manual.groupby(subjects["subject"]).mean()
    print(
        "\n".join(compare_volumes(None, norm_volumes(subjects.drop_duplicates("subject")), by_subject, maps))
    )


if __name__ == "__main__":
    main()
