"""Measure how the segmenter's bias changes with age, and name what question 4 must withhold.

    python -m makers.measure_age_bias --store FOLDER

Subjects are simulated, 18 to 90 years old, so their volumes are known. A region is withheld for a segmenter
when its bias changes by more than 3 % per decade and the 95 % interval of the change excludes zero. Writes
``analysis/withheld_ageing.json``.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import linregress, t

from makers.scan_sources import ScanSource, population, simulated_sources
from plausibrain import analysis
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import Store, write_text_atomic
from plausibrain.cohorts.structures import names, region_of

LIMIT_PERCENT = 3.0
BANDS = ("18-49", "50-69", "70-90")
_EDGES = (18, 50, 70, 91)
#: Seeds of the simulated sets, and how many subjects of each at 1 and at 2 mm.
SUBJECTS = {11: {1: 4, 2: 16}, 12: {1: 2, 2: 8}}


def simulated_subjects() -> list[ScanSource]:
    """Return the simulated subjects."""
    return [
        source
        for seed, numbers in SUBJECTS.items()
        for voxel_mm, n in numbers.items()
        for source in simulated_sources(f"seed {seed}", n, seed=seed, voxel_mm=voxel_mm)
    ]


def bias_table(sources: Sequence[ScanSource], store: Store) -> pd.DataFrame:
    """Return the logarithm of measured over true volume, one row per subject and region, with the age."""
    rows = []
    for source in sources:
        _, seed, row, *_ = source.identity
        cohort = population(int(str(seed)))
        if cohort.volumes is None:
            raise DataError("the simulated population has no volumes")
        result = source.segmented(store).result
        true = cohort.volumes.iloc[int(str(row))]
        age = float(cohort.subjects["age"].iloc[int(str(row))])
        for region in dict.fromkeys(region_of(name) for name in names("aseg")):
            members = [name for name in names("aseg") if region_of(name) == region]
            measured, actual = (sum(float(v[name]) for name in members) for v in (result.volumes, true))
            rows.append((result.segmenter, f"{seed}/{row}", age, region, measured, actual))
    columns = ["segmenter", "subject", "age", "region", "measured", "true"]
    return bias_bands(pd.DataFrame(rows, columns=columns))


def bias_bands(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the logarithm of measured over true volume and the band of ages.

    Parameters
    ----------
    table : DataFrame
        With ``age``, ``measured`` and ``true``.
    """
    bands = pd.cut(table["age"], _EDGES, right=False, labels=BANDS)
    return table.assign(log_ratio=np.log(table["measured"] / table["true"]), band=bands)


def age_biases(table: pd.DataFrame) -> pd.DataFrame:
    """Return the change of bias per decade, %, with its 95 % interval, per segmenter and region."""
    rows = []
    for (segmenter, region), part in table.groupby(["segmenter", "region"], sort=False):
        line = linregress(part["age"] / 10, 100 * part["log_ratio"])
        arm = t.ppf(0.975, len(part) - 2) * line.stderr
        r = np.corrcoef(np.log(part["measured"]), np.log(part["true"]))[0, 1]
        rows.append((segmenter, region, line.slope, line.slope - arm, line.slope + arm, r))
    found = pd.DataFrame(rows, columns=["segmenter", "region", "slope", "low", "high", "r"])
    beyond = found["slope"].abs() > LIMIT_PERCENT
    return found.assign(withheld=beyond & ((found["low"] > 0) | (found["high"] < 0)))


def main(arguments: list[str] | None = None) -> None:
    """Measure and write the file."""
    parser = argparse.ArgumentParser(prog="python -m makers.measure_age_bias", description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    args = parser.parse_args(arguments)
    table = bias_table(simulated_subjects(), Store(args.store))
    found = age_biases(table)
    withheld = {
        str(segmenter): part.set_index("region")["slope"].round(1).to_dict()
        for segmenter, part in found[found["withheld"]].groupby("segmenter")
    }
    counts = table.groupby("segmenter")["subject"].nunique()
    content = {
        "limit": LIMIT_PERCENT,
        "n": {str(name): int(n) for name, n in counts.items()},
        "withheld": withheld,
    }
    path = Path(str(analysis.__file__)).parent / "withheld_ageing.json"
    write_text_atomic(path, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
