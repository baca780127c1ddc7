"""Which label maps a finished run keeps."""

import csv
from pathlib import Path
from typing import Literal

import pandas as pd

from plausibrain.image_files import RECORD

KeepLabels = Literal["none", "sample", "all"]


def drop_labels(out: Path, keep: KeepLabels, slices: pd.DataFrame) -> int:
    """Remove label maps that a run wrote into its own folder.

    Label maps that the user gave, and those in a cache that runs share, are never touched.

    Parameters
    ----------
    out : Path
        Run folder.
    keep : {"none", "sample", "all"}
        `sample` keeps those of the images that the report shows.
    slices : DataFrame
        Columns `cohort` and `participant_id` of the images that the report shows.

    Returns
    -------
    int
        How many were removed.
    """
    if keep == "all":
        return 0
    n_removed = 0
    for record in (out / "segmented").glob(f"*/{RECORD}"):
        role = record.parent.name
        shown = (
            set(slices.loc[slices["cohort"] == role, "participant_id"].astype(str)) if len(slices) else set()
        )
        for name, path in _label_files(record):
            if path.is_relative_to(out.resolve()) and not (keep == "sample" and name in shown):
                n_removed += path.is_file()
                path.unlink(missing_ok=True)
    return n_removed


def _label_files(record: Path) -> list[tuple[str, Path]]:
    """Return participant and label map of every row of a segmentation that has one."""
    with record.open(encoding="utf-8", newline="") as stream:
        rows = [(row["participant_id"], row["labels"]) for row in csv.DictReader(stream, delimiter="\t")]
    return [(name, (record.parent / labels).resolve()) for name, labels in rows if labels not in ("", "n/a")]
