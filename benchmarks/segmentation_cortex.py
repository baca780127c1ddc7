"""Whether cortex that manual labels hold and ours do not looks like cortex: grey values of the disagreement."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.segmentation_references import manual_images, manual_labels
from makers.scan_sources import file_sources
from plausibrain.cohorts.store import Store
from plausibrain.cohorts.volumes import to_canonical

_WHITE, _CORTEX, _VENTRICLE, _FLUID = (2, 41), (3, 42), (4, 43), (0, 24)

INTRO = """## Does the cortex that ours lacks look like cortex?

Grey values of the voxels themselves. A voxel is *dark* below the middle between the medians of ventricle and cortex, *bright* above the middle
between those of cortex and white matter; medians are of voxels where both labellings agree. Shares are of the manual cortex of a scan, except where another is named; no posterior plays a part, except in the last row."""


def compare_cortex(ours: np.ndarray, manual: np.ndarray, grey: np.ndarray) -> dict[str, float]:
    """Return how two labellings of the cortex differ, and how dark or bright the difference is, in %.

    Parameters
    ----------
    ours, manual : ndarray of int, (I, J, K)
        FreeSurfer ids.
    grey : ndarray, (I, J, K)
    """
    a, b = np.isin(ours, _CORTEX), np.isin(manual, _CORTEX)
    fluid, cortex, white = (
        float(np.median(grey[np.isin(ours, ids) & np.isin(manual, ids)]))
        for ids in (_VENTRICLE, _CORTEX, _WHITE)
    )
    dark, bright = grey < (fluid + cortex) / 2, grey > (cortex + white) / 2
    middle = ~dark & ~bright
    in_fluid, in_white = b & np.isin(ours, _FLUID), b & np.isin(ours, _WHITE)
    n = b.sum()
    return {
        "manual cortex that ours calls fluid or background": 100 * in_fluid.sum() / n,
        "of that, dark": 100 * (in_fluid & dark).sum() / n,
        "manual cortex that ours calls white matter": 100 * in_white.sum() / n,
        "of that, bright": 100 * (in_white & bright).sum() / n,
        "cortex of ours that the manual labels call white matter": 100
        * (a & np.isin(manual, _WHITE)).sum()
        / n,
        "dark or bright voxels in the manual cortex": 100 * (b & ~middle).sum() / n,
        "dark or bright voxels in our cortex (of ours)": 100 * (a & ~middle).sum() / a.sum(),
        "bias, voxels counted": 100 * (a.sum() / n - 1),
        "bias, voxels that are neither dark nor bright counted": 100
        * ((a & middle).sum() / (b & middle).sum() - 1),
    }


def cortex_section(data: Path, names: list[str], store: Store) -> list[str]:
    """Return the lines of the section: mean and range over scans with manual labels.

    Parameters
    ----------
    data : Path
    names : list of str
        Of the scans.
    store : Store
    """
    rows = []
    for name in names:
        image, labels = manual_images(data)[name]
        scan = file_sources("validation", [image])[0].segmented(store)
        manual = to_canonical(manual_labels(labels)).data
        if scan.result.labels is None:
            continue
        row = compare_cortex(scan.result.labels.data, manual, scan.brain.data)
        soft = sum(scan.result.volumes[f"{side}-Cerebral-Cortex"] for side in ("Left", "Right"))
        counted = np.isin(manual, _CORTEX).sum() * scan.result.labels.voxel_volume_mm3
        rows.append({**row, "bias of soft volumes": 100 * (soft / counted - 1)})
    table = pd.DataFrame(rows)
    return [
        *INTRO.splitlines(), "", f"| n = {len(table)} scans | mean % | smallest | largest |", "|---|---|---|---|",
        *(
            f"| {key} | {x.mean():{sign}.1f} | {x.min():{sign}.1f} | {x.max():{sign}.1f} |"
            for key, x in table.items()
            for sign in ("+" if str(key).startswith("bias") else "",)
        ), "",
    ]  # fmt: skip
