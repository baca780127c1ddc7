"""Measure how the segmenter's bias changes with age, and name what question 4 must withhold.

    python -m makers.measure_age_bias --store FOLDER

Subjects are simulated, 18 to 90 years old, so their volumes are known. A region is withheld unless its bias
is shown to change by less than 3 % per decade: two one-sided tests, that is, a 90 % interval within the
limits. Both segmenters are one network, so they share the change per decade, and each has its own mean bias.
Writes ``analysis/withheld_ageing.json``.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

from makers.scan_sources import ScanSource, population, simulated_sources
from plausibrain import analysis
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import Store, write_text_atomic
from plausibrain.cohorts.structures import names, region_of

LIMIT_PERCENT = 3.0
#: Of the two-sided interval: two one-sided tests at 5 %.
LEVEL = 0.9
BANDS = ("18-49", "50-69", "70-90")
_EDGES = (18, 50, 70, 91)
#: Seeds of the simulated sets, and how many subjects of each at 1 and at 2 mm.
SUBJECTS = {11: {1: 4, 2: 16}, 12: {2: 2}}


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
    """Return the change of bias per decade, %, with its 90 % interval, and r, per region.

    Parameters
    ----------
    table : DataFrame
        Of `bias_table`.
    """
    rows = []
    for region, part in table.groupby("region", sort=False):
        of_one = part.groupby("segmenter")[["age", "log_ratio"]].transform("mean")
        decades = ((part["age"] - of_one["age"]) / 10).to_numpy()
        percent = 100 * (part["log_ratio"] - of_one["log_ratio"]).to_numpy()
        slope = float(decades @ percent / (decades @ decades))
        freedom = len(part) - 1 - part["segmenter"].nunique()
        variance = float(np.square(percent - slope * decades).sum()) / freedom
        arm = float(t.ppf((1 + LEVEL) / 2, freedom)) * np.sqrt(variance / (decades @ decades))
        r = np.corrcoef(np.log(part["measured"]), np.log(part["true"]))[0, 1]
        rows.append((region, slope, slope - arm, slope + arm, r))
    biases = pd.DataFrame(rows, columns=["region", "slope", "low", "high", "r"])
    within = (biases["low"] >= -LIMIT_PERCENT) & (biases["high"] <= LIMIT_PERCENT)
    return biases.assign(withheld=~within)


def main(arguments: list[str] | None = None) -> None:
    """Measure and write the file."""
    parser = argparse.ArgumentParser(prog="python -m makers.measure_age_bias", description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    args = parser.parse_args(arguments)
    table = bias_table(simulated_subjects(), Store(args.store))
    biases = age_biases(table)
    rows = biases[biases["withheld"] & (biases["region"] != "CSF")].set_index("region")
    numbers = {
        str(region): [round(float(value), 2) for value in (row["slope"], row["low"], row["high"])]
        for region, row in rows.iterrows()
    }
    counts = table.groupby("segmenter")["subject"].nunique()
    content = {
        "limit": LIMIT_PERCENT,
        "n": {str(name): int(n) for name, n in counts.items()},
        "withheld": {str(name): numbers for name in counts.index},
    }
    path = Path(str(analysis.__file__)).parent / "withheld_ageing.json"
    write_text_atomic(path, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
