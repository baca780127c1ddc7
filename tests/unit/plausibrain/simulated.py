"""Simulated images without the minutes of a network: coarse ones; exact labels stand for a segmentation."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from plausibrain.cohorts.bids import label_path
from plausibrain.cohorts.cohort import Cohort, write_cohort
from plausibrain.cohorts.volumes import read_label_map
from plausibrain.generation.simulator.subject import count_volumes

VOXEL_MM = 4.0


def segment_by_truth(cohort: Cohort, out: Path, **options: Any) -> Cohort:
    """Stand in for `plausibrain.imaging.segment`."""
    images = [Path(str(image)) for image in cohort.images or ()]
    labels = [label_path(image) for image in images]
    volumes = pd.DataFrame([count_volumes(read_label_map(path).data, VOXEL_MM**3) for path in labels])
    measured = replace(cohort, volumes=volumes, segmenter=options["segmenter"])
    write_cohort(measured, out)
    record = pd.DataFrame(
        {"participant_id": cohort.subjects["participant_id"], "image": images, "labels": labels}
    )
    record.to_csv(out / "segmentation.tsv", sep="\t", index=False)
    return measured
