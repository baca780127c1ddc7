"""Cohorts whose images the simulator makes and the shipped network segments."""

import os
from dataclasses import replace
from pathlib import Path

from plausibrain.cohorts.cohort import Cohort
from plausibrain.imaging import Progress, segment

#: Voxels of the images, mm, and the segmenter that answers at that size.
VOXEL_MM, SEGMENTER = 2.0, "synthseg_style_2mm"


def simulate_and_segment(
    cohort: Cohort, out: Path, place: str, *, seed: int, progress: Progress | None
) -> Cohort:
    """Draw the images into ``out/cohorts/place``, segment them into ``out/segmented/place``.

    The segmenter sees the images alone; true volumes and labels stay in the folder of the images.
    """
    from plausibrain.generation.simulator.cohort import simulate_cohort
    from plausibrain.generation.simulator.subject import Grid

    def tell(n_done: int, of: int) -> None:
        if progress is not None:
            progress(f"simulating the {cohort.name}", n_done, of)

    images = simulate_cohort(
        cohort,
        out / "cohorts" / place,
        seed=seed,
        grid=Grid(VOXEL_MM),
        skull_strip=True,
        n_processes=processes(),
        on_subject=tell,
    )
    return segment_blind(images, out / "segmented" / place, progress=progress)


def segment_blind(cohort: Cohort, out: Path, *, progress: Progress | None) -> Cohort:
    """Segment images whose true volumes are known as if they were not."""
    return segment(
        replace(cohort, volumes=None, segmenter="unknown"),
        out,
        segmenter=SEGMENTER,
        n_processes=processes(),
        progress=progress,
    )


def processes() -> int:
    """Return how many processes draw and segment: one a core, at most eight."""
    return min(8, os.cpu_count() or 1)
