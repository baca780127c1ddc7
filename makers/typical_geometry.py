"""Make how folded, and how large, cortical parcels typically are, from label maps.

``python -m makers.typical_geometry --labelmaps FOLDER [--limit 10]`` writes
``cohorts/typical_geometry.tsv`` (mean fractal dimension and local gyrification over subjects) and
``generation/data/parcel_shares.tsv`` (mean share of the cortex of a hemisphere, and standard deviation of the
logarithm of that share over subjects and sides). FOLDER holds ``seg_*.nii.gz`` of the SynthSeg repository
(Apache 2.0), whose cortex is whole; our parcellation divides it. About 6 processor seconds a map.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from plausibrain.cohorts.schemas import GEOMETRY
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.structures import names, structure
from plausibrain.cohorts.tables import write_table
from plausibrain.cohorts.volumes import read_label_map
from plausibrain.complexity import mean_over_subjects
from plausibrain.evaluation.cortical_geometry import cortical_geometry
from plausibrain.evaluation.parcel_labels import with_parcels

ROOT = Path(__file__).parents[1]
GEOMETRY_FILE = ROOT / "cohorts" / "typical_geometry.tsv"
SHARES_FILE = ROOT / "generation" / "data" / "parcel_shares.tsv"
DIGITS = 4


def main() -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labelmaps", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=10)
    options = parser.parse_args()
    rows = [
        row
        for path in sorted(options.labelmaps.glob("seg_*.nii.gz"))[: options.limit]
        for row in rows_of(path)
    ]
    write(pd.DataFrame(rows))


def rows_of(path: Path) -> list[dict[str, object]]:
    """Return voxels and geometry of every parcel of one map."""
    labels = with_parcels(read_label_map(path))
    geometry = cortical_geometry(labels)
    voxels = np.bincount(labels.data.ravel().astype(int), minlength=structure(names("dk")[-1]).index + 1)
    return [
        {"map": path.name, "structure": name, "voxels": int(voxels[structure(name).index])}
        | geometry.get(name, {"fractal_dimension": np.nan, "gyrification": np.nan})
        for name in names("dk")
    ]


def write(rows: pd.DataFrame) -> None:
    """Write both tables from one row per map and parcel."""
    geometry = mean_over_subjects(
        rows.drop(columns=["map", "voxels"]).dropna(subset=["fractal_dimension"]).to_dict("records")  # type: ignore[arg-type]
    )
    write_table(geometry.round(DIGITS).assign(source="typical"), GEOMETRY_FILE, GEOMETRY)
    sides = rows.assign(
        region=[structure(name).region for name in rows["structure"]],
        side=[structure(name).hemisphere for name in rows["structure"]],
    )
    share = sides["voxels"] / sides.groupby(["map", "side"])["voxels"].transform("sum")
    groups = sides.assign(share=share, log=np.log(share)).groupby("region")
    table = pd.DataFrame({"share": groups["share"].mean(), "log_sd": groups["log"].std()})
    text = table.round(DIGITS).to_csv(sep="\t", lineterminator="\n")
    write_text_atomic(SHARES_FILE, text)


if __name__ == "__main__":
    main()
