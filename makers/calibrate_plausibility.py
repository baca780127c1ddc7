"""Calibrate the limits of the plausibility checks on sound scans, real and simulated.

    python -m makers.calibrate_plausibility --data FOLDER --store FOLDER

Only scans that may shape what ships belong here: half of OpenNeuro ds002748 (CC0; the other half tests), as
they are and brought to 2 mm, and subjects of our simulator at 1 and 2 mm, stripped and with their heads,
among them the oldest, the largest and the smallest of 400. The limits of a check hull those of the
groups of scans: median -+ 4.5 robust standard deviations, and in any case all values with half a standard
deviation to spare. Segmentations are kept in the store, so the command goes on where it was killed; repeat it
after new weights of the segmenter.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from makers.scan_sources import ScanSource, file_sources, simulated_sources
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import Store, write_text_atomic
from plausibrain.evaluation.plausibility import population
from plausibrain.evaluation.plausibility.judging import all_checks, measure_scene, shipped_limits
from plausibrain.evaluation.plausibility.population import LIMITS_FILE, log_shares
from plausibrain.evaluation.plausibility.scene import make_scene
from plausibrain.generation.demo_cohorts import table_cohort

#: Robust standard deviations on each side of the median of a group.
WIDTH = 4.5
SPARE = 0.5
#: Smaller groups say nothing about spread.
SMALLEST_GROUP = 3
#: A segmenter's error in the logarithm of a volume, added to the spread of the population.
SEGMENTER_ERROR = 0.12
N_POPULATION = 2000
#: Seed of the simulated subjects that calibrate; those of other seeds may test.
CALIBRATION_SEED = 11


def calibration_sources(data: Path) -> list[ScanSource]:
    """Return the scans that calibrate.

    Parameters
    ----------
    data : Path
        Folder that holds ``t1w/ds002748``.
    """
    first, _ = halves_of_ds002748(data)
    return [
        *file_sources("ds002748", first),
        *file_sources("ds002748 at 2 mm", first[:3], 2),
        *simulated_sources("simulated, 1 mm", 4, seed=CALIBRATION_SEED, voxel_mm=1),
        *simulated_sources("simulated, 2 mm", 16, seed=CALIBRATION_SEED, voxel_mm=2),
    ]


def halves_of_ds002748(data: Path) -> tuple[list[Path], list[Path]]:
    """Return the eight scans that calibrate and the eight that test."""
    paths = sorted((data / "t1w" / "ds002748").glob("sub-*_T1w.nii.gz"))
    return paths[:8], paths[8:]


def limits_of(groups: Sequence[np.ndarray]) -> list[float]:
    """Return the range that holds the limits of every group of values.

    Parameters
    ----------
    groups : sequence of ndarray, (n,)

    Examples
    --------
    >>> [round(x, 2) for x in limits_of([np.array([1.0, 2.0, 3.0])])]
    [-4.67, 8.67]
    """
    lows, highs = [], []
    for values in groups:
        middle = float(np.median(values))
        robust = 1.4826 * float(np.median(np.abs(values - middle)))
        spread = max(robust, 0.8 * float(values.std()), 1e-3 * abs(middle))
        lows.append(min(middle - WIDTH * spread, float(values.min()) - SPARE * spread))
        highs.append(max(middle + WIDTH * spread, float(values.max()) + SPARE * spread))
    return [min(lows), max(highs)]


def adult_population(shift: np.ndarray) -> dict[str, list[Any]]:
    """Return mean and covariance of the log shares of volumes drawn from the norms, moved by a shift."""
    cohort = table_cohort(N_POPULATION, seed=1, name="population")
    if cohort.volumes is None:
        raise DataError("the population has no volumes")
    records = [{str(k): float(v) for k, v in row.items()} for _, row in cohort.volumes.iterrows()]
    shares = np.array([log_shares(record) for record in records])
    covariance = np.cov(shares.T) + SEGMENTER_ERROR**2 * np.eye(shares.shape[1])
    return {"mean": (shares.mean(0) + shift).tolist(), "covariance": covariance.tolist()}


def calibrate(sources: Sequence[ScanSource], store: Store) -> dict[str, Any]:
    """Return the population, and limits apart for images of voxels below and above 1.4 mm."""
    scans = [(source.group, source.segmented(store)) for source in sources]
    plain = adult_population(np.zeros(len(population.PAIRS)))
    shares = np.array([log_shares(scan.result.volumes) for _, scan in scans])
    adults = adult_population(np.median(shares, 0) - np.array(plain["mean"]))
    write_limits({"population": adults, "limits": {"fine": {}, "coarse": {}}})
    rows: dict[str, list[tuple[str, dict[str, float]]]] = {"fine": [], "coarse": []}
    for group, scan in scans:
        if scan.result.labels is None:
            raise DataError(f"a scan of {group} has no labels")
        scene = make_scene(scan.brain, scan.result.labels, scan.result.volumes)
        rows["fine" if scene.is_fine else "coarse"].append((group, measure_scene(scene)))
    return {
        "n": {size: len(values) for size, values in rows.items()},
        "population": adults,
        "limits": {size: _limits(values) for size, values in rows.items()},
    }


def _limits(rows: list[tuple[str, dict[str, float]]]) -> dict[str, list[float]]:
    limits = {}
    for plugin in all_checks():
        if plugin.limits is not None:
            continue
        groups = []
        for name in sorted({name for name, _ in rows}):
            values = np.array([row[plugin.name] for group, row in rows if group == name])
            groups.append(values[np.isfinite(values)])
        large_groups = [values for values in groups if len(values) >= SMALLEST_GROUP]
        if large_groups:
            limits[plugin.name] = [float(f"{edge:.5g}") for edge in limits_of(large_groups)]
    return limits


def write_limits(content: dict[str, Any]) -> None:
    """Write the file of this package, and forget what was read of it."""
    path = Path(population.__file__).parent / LIMITS_FILE
    write_text_atomic(path, json.dumps(content, indent=1) + "\n")
    population.shipped_population.cache_clear()
    shipped_limits.cache_clear()


def main(arguments: list[str] | None = None) -> None:
    """Calibrate as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m makers.calibrate_plausibility", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds t1w/ds002748")
    parser.add_argument("--store", type=Path, required=True)
    args = parser.parse_args(arguments)
    write_limits(calibrate(calibration_sources(args.data), Store(args.store)))


if __name__ == "__main__":
    main()
