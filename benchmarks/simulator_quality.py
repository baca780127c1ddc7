"""No-reference image quality of simulated and real scans, with the same mask and scale on both sides.

Real: the skull-stripped scans with manual labels in ``t1w/malf`` (label ids of the Neuromorphometrics
protocol). Simulated: skull-stripped, 1 mm, with their exact labels. Every measure is relative to the white
matter of its image.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from plausibrain.cohorts.volumes import read_label_map, read_volume, to_canonical
from plausibrain.generation.simulator.subject import Grid, simulate_subject

N_SIMULATED = 3
REAL_WHITE, REAL_FIRST_CORTEX, REAL_VENTRICLES = (44, 45), 100, (51, 52)
WHITE, CORTEX, VENTRICLES = (2, 41), (3, 42), (4, 43)


def quality(image: np.ndarray, white: np.ndarray, cortex: np.ndarray, fluid: np.ndarray) -> dict[str, float]:
    """Contrast, noise and sharpness of a scan whose tissues are known."""
    core = ndimage.binary_erosion(white, iterations=2)
    level = float(np.median(image[core]))
    flat = image - ndimage.gaussian_filter(image, 1.0)
    edges = ndimage.gaussian_gradient_magnitude(image, 0.6)
    rim = ndimage.binary_dilation(white) & cortex
    return {
        "cortex / white matter": float(np.median(image[cortex]) / level),
        "ventricle / white matter": float(np.median(image[ndimage.binary_erosion(fluid)]) / level),
        "spread of white matter": 1.4826 * float(np.median(np.abs(image[core] - level))) / level,
        "fine grain in white matter": float(np.std(flat[core])) / level,
        "spread of cortex": 1.4826
        * float(np.median(np.abs(image[cortex] - np.median(image[cortex]))))
        / level,
        "steepness at the grey-white boundary (per voxel)": float(np.median(edges[rim])) / level,
    }


def real_scans(folder: Path) -> Iterator[dict[str, float]]:
    """Quality of each real scan."""
    for scan in sorted(folder.glob("*_SS.nii.gz")):
        image = to_canonical(read_volume(scan)).data
        labels = to_canonical(read_label_map(scan.with_name(scan.name.replace("_SS", "_glm")))).data
        yield quality(
            image, np.isin(labels, REAL_WHITE), labels >= REAL_FIRST_CORTEX, np.isin(labels, REAL_VENTRICLES)
        )


def quality_table(
    subjects: pd.DataFrame, targets: pd.DataFrame, seed: int, data: Path | None
) -> pd.DataFrame:
    """Range of each measure, simulated and (where the data is at hand) real."""
    rows = []
    ages = subjects["age"].to_numpy(float)
    for row, i in enumerate(subjects.index[:N_SIMULATED]):
        drawn = simulate_subject(
            i, targets.loc[i], age=float(ages[row]), seed=seed, grid=Grid(1.0), skull_strip=True
        )
        labels = drawn.labels.data
        rows.append(quality(drawn.image.data, *(np.isin(labels, ids) for ids in (WHITE, CORTEX, VENTRICLES))))
    tables = {"simulated": pd.DataFrame(rows)}
    if data is not None:
        tables["real"] = pd.DataFrame(list(real_scans(data / "t1w" / "malf")))
    columns = {}
    for name, table in tables.items():
        columns[f"{name}: lowest"], columns[f"{name}: median"] = table.min(), table.median()
        columns[f"{name}: highest"] = table.max()
    return pd.DataFrame(columns)
