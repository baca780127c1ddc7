"""Make the two tables of the example from FreeSurfer's tables of AOMIC-PIOP2 (OpenNeuro ds002790, CC0).

Usage: python examples/aomic_piop2/make_tables.py FOLDER, where FOLDER holds participants.tsv and the table
that asegstats2table wrote. Every second subject becomes the reference; the others stand for the samples of a
model whose defect is known: both hippocampi are 7 % smaller than measured.
"""

import sys
from pathlib import Path

import pandas as pd

ASEG = "data-subcortical_type-aseg_measure-volume_hemi-both.tsv"
HIPPOCAMPI, FACTOR = ["Left-Hippocampus", "Right-Hippocampus"], 0.93


def main(source: Path, out: Path) -> None:
    """Write reference.csv and model.csv."""
    subjects = pd.read_csv(source / "participants.tsv", sep="\t")
    volumes = pd.read_csv(source / ASEG, sep="\t")
    table = subjects.merge(
        volumes.rename(columns={volumes.columns[0]: "participant_id"}), on="participant_id"
    )
    reference, model = table.iloc[::2], table.iloc[1::2].copy()
    model[HIPPOCAMPI] = (model[HIPPOCAMPI] * FACTOR).round(1)
    reference.to_csv(out / "reference.csv", index=False)
    model.to_csv(out / "model.csv", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parent)
