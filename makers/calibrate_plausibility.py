"""Calibrate the limits of the plausibility checks on sound scans, real and simulated.

    python -m makers.calibrate_plausibility --images 'DS002748/*.nii.gz' 'SIMULATED/*.nii.gz' --store FOLDER

Only scans that may shape what ships belong here: OpenNeuro ds002748 (CC0) and subjects of our simulator. The
limits of a check hull those of the groups of scans (one group per argument): median -+ 4.5 robust standard
deviations, and in any case all values with half a standard deviation to spare. Segmentations are kept in the
store, so the command goes on where it was killed; repeat it after new weights of the segmenter.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np

from plausibrain.cohorts.store import Store, write_text_atomic
from plausibrain.cohorts.volumes import read_label_map, read_volume
from plausibrain.evaluation.plausibility import population
from plausibrain.evaluation.plausibility.judging import all_checks, measure_scene
from plausibrain.evaluation.plausibility.population import LIMITS_FILE, log_shares
from plausibrain.evaluation.plausibility.scene import make_scene
from plausibrain.evaluation.segment_files import segment_files
from plausibrain.generation.demo_cohorts import table_cohort

#: Robust standard deviations on each side of the median of a group.
WIDTH = 4.5
SPARE = 0.5
#: Smaller groups say nothing about spread.
SMALLEST_GROUP = 3
#: A segmenter's error in the logarithm of a volume, added to the spread of the population.
SEGMENTER_ERROR = 0.12
N_POPULATION = 2000


@dataclass(frozen=True)
class SoundScan:
    """A segmented scan of a group.

    Attributes
    ----------
    group : str
    image, labels : Path
    volumes, facts : mapping of str to float
    """

    group: str
    image: Path
    labels: Path
    volumes: Mapping[str, float]
    facts: Mapping[str, float]


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
    drawn = table_cohort(N_POPULATION, seed=1, name="population")
    if drawn.volumes is None:
        raise SystemExit("the drawn population has no volumes")
    records = [{str(k): float(v) for k, v in row.items()} for _, row in drawn.volumes.iterrows()]
    shares = np.array([log_shares(record) for record in records])
    covariance = np.cov(shares.T) + SEGMENTER_ERROR**2 * np.eye(shares.shape[1])
    return {"mean": (shares.mean(0) + shift).tolist(), "covariance": covariance.tolist()}


def segmented(groups: Mapping[str, Sequence[Path]], store: Store, segmenter: str) -> list[SoundScan]:
    """Return the scans of all groups with their segmentations, from the store where they are there."""
    scans = []
    for name, paths in groups.items():
        for path in paths:
            outcome = segment_files([path], segmenter=segmenter, options={}, store=store)[0]
            if outcome.labels is None:
                raise SystemExit(f"{path} was not segmented: {'; '.join(outcome.reasons)}")
            scans.append(SoundScan(name, path, outcome.labels, outcome.volumes, outcome.facts))
    return scans


def calibrate(scans: Sequence[SoundScan]) -> dict[str, Any]:
    """Return population and limits. Fine scans are also judged at 2 mm, as a group of coarse ones."""
    plain = adult_population(np.zeros(len(population.PAIRS)))
    measured = np.array([log_shares(scan.volumes) for scan in scans])
    people = adult_population(np.median(measured, 0) - np.array(plain["mean"]))
    write_limits({"population": people, "limits": {"fine": {}, "coarse": {}}})
    rows: dict[str, list[tuple[str, dict[str, float]]]] = {"fine": [], "coarse": []}
    for scan in scans:
        scene = make_scene(read_volume(scan.image), read_label_map(scan.labels), scan.volumes, scan.facts)
        rows["coarse"].append((scan.group, measure_scene(replace(scene, native=scene.coarse))))
        if scene.is_fine:
            rows["fine"].append((scan.group, measure_scene(scene)))
    at_2mm = _limits(rows["coarse"])
    native = {plugin.name for plugin in all_checks() if "native" in plugin.parameters}
    fine = {name: limits for name, limits in _limits(rows["fine"]).items() if name in native}
    return {
        "n": {size: len(values) for size, values in rows.items()},
        "population": people,
        "limits": {"fine": {**at_2mm, **fine}, "coarse": at_2mm},
    }


def _limits(rows: list[tuple[str, dict[str, float]]]) -> dict[str, list[float]]:
    limits = {}
    for plugin in all_checks():
        groups = []
        for name in sorted({name for name, _ in rows}):
            values = np.array([row[plugin.name] for group, row in rows if group == name])
            groups.append(values[np.isfinite(values)])
        kept = [values for values in groups if len(values) >= SMALLEST_GROUP]
        if kept:
            limits[plugin.name] = limits_of(kept)
    return limits


def write_limits(content: Mapping[str, Any]) -> None:
    """Write the file of this package, and forget what was read of it."""
    path = Path(population.__file__).parent / LIMITS_FILE
    write_text_atomic(path, json.dumps(content, indent=1) + "\n")
    population.shipped_population.cache_clear()


def main(arguments: list[str] | None = None) -> None:
    """Calibrate as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m makers.calibrate_plausibility", description=__doc__)
    parser.add_argument("--images", nargs="+", required=True, help="patterns; each is a group")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--segmenter", default="synthseg_style")
    args = parser.parse_args(arguments)
    groups = {pattern: [Path(name) for name in sorted(glob(pattern))] for pattern in args.images}  # noqa: PTH207
    write_limits(calibrate(segmented(groups, Store(args.store), args.segmenter)))


if __name__ == "__main__":
    main()
