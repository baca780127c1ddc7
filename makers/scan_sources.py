"""Sound images to calibrate and to test the checks of plausibility: files, and simulated subjects.

A simulated set holds subjects as they come, the oldest, and those with the largest and the smallest heads of
400; four are stripped, the next four show their whole heads, which the segmenter has to strip, and so on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from makers.segmented_scans import SegmentedScan, segmented_scan
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import Store, hash_file
from plausibrain.cohorts.volumes import Volume, read_volume, resample
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.simulator.subject import Grid, simulate_subject

_N_SUBJECTS = 400
_FORM = 1


@dataclass(frozen=True)
class ScanSource:
    """An image that can be made, and what decides it.

    Attributes
    ----------
    group, name : str
    identity : tuple
        What decides the image.
    make_image : callable
    answer_mm : int
        Voxels in which the network answers: the segmenter.
    """

    group: str
    name: str
    identity: tuple[object, ...]
    make_image: Callable[[], Volume]
    answer_mm: int

    def segmented(self, store: Store) -> SegmentedScan:
        """Return its segmentation."""
        return segmented_scan(self.make_image, self.identity, self.answer_mm, store)


def file_sources(group: str, paths: Sequence[Path], answer_mm: int = 1) -> list[ScanSource]:
    """Return images as they lie in files; for answers at 2 mm those of finer voxels are brought to 2 mm.

    Parameters
    ----------
    group : str
    paths : sequence of Path
    answer_mm : {1, 2}
    """

    def source(path: Path) -> ScanSource:
        def make_image() -> Volume:
            image = read_volume(path)
            return resample(image, 2.0) if answer_mm == 2 and min(image.voxel_size_mm) < 1.5 else image

        return ScanSource(group, path.name.partition(".")[0], (hash_file(path),), make_image, answer_mm)

    return [source(path) for path in paths]


def simulated_sources(group: str, n: int, *, seed: int, voxel_mm: int) -> list[ScanSource]:
    """Return simulated subjects: in turn any, old, large-headed and small-headed.

    Parameters
    ----------
    group : str
    n : int
    seed : int
        Sets of other seeds have other subjects.
    voxel_mm : {1, 2}
        Of the images, and of the network's answer.
    """

    def source(place: int, row: int) -> ScanSource:
        stripped = place // 4 % 2 == 0
        identity = ("simulated", seed, row, voxel_mm, stripped, _FORM)

        def make_image() -> Volume:
            cohort = population(seed)
            if cohort.volumes is None:
                raise DataError("the simulated population has no volumes")
            return simulate_subject(
                row, cohort.volumes.iloc[row], age=float(cohort.subjects["age"].iloc[row]), seed=seed,
                grid=Grid(float(voxel_mm)), skull_strip=stripped,
            ).image  # fmt: skip

        return ScanSource(group, f"{row}{'' if stripped else ', head'}", identity, make_image, voxel_mm)

    return [source(place, row) for place, row in enumerate(edge_rows(seed)[:n])]


@cache
def population(seed: int) -> Cohort:
    """Return the 400 subjects among whom simulated sets are chosen."""
    return table_cohort(_N_SUBJECTS, seed=seed, name="population")


def edge_rows(seed: int) -> list[int]:
    """Return rows of the population: in turn as they come, the oldest, the largest and the smallest heads."""
    cohort = population(seed)
    if cohort.volumes is None:
        raise DataError("the simulated population has no volumes")
    age, size = cohort.subjects["age"].to_numpy(), cohort.volumes["TIV"].to_numpy()
    orders = (np.arange(len(age)), np.argsort(-age), np.argsort(-size), np.argsort(size))
    rows = [int(row) for together in zip(*orders, strict=True) for row in together]
    return list(dict.fromkeys(rows))
