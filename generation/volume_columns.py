"""Small steps on a cohort's tables that several defects share."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError

DRAWN_AS = "drawn_as"


def volumes_of(cohort: Cohort) -> pd.DataFrame:
    """Return the volumes of a cohort, mm3; `DataError` if it has none."""
    if cohort.volumes is None:
        raise DataError(f"expected volumes, cohort {cohort.name!r} has none; segment it first")
    return cohort.volumes


def sided(volumes: pd.DataFrame, region: str) -> list[str]:
    """Return the columns of a region, on both sides or the midline; `DataError` if there are none."""
    names = [name for name in (f"Left-{region}", f"Right-{region}", region) if name in volumes]
    if not names:
        raise DataError(
            f"expected a region of the cohort, got {region!r}; there are {', '.join(volumes.columns)}"
        )
    return names


def move_to_csf(volumes: pd.DataFrame, loss: pd.Series) -> pd.DataFrame:
    """Return volumes whose CSF has taken what was lost, where there is a CSF column; head size stays."""
    if "CSF" not in volumes:
        return volumes
    return volumes.assign(CSF=volumes["CSF"] + loss)


def drawn_as(number: int, seed: int) -> str:
    """Return how a subjects table says which of the simulator's subjects an image shows: seed and number."""
    return f"{seed}:{number}"


def show_subjects_of(
    cohort: Cohort, rows: NDArray[np.intp], source: Cohort, partners: NDArray[np.intp]
) -> pd.DataFrame:
    """Return subjects some of whose rows show subjects of another cohort, where both say whom they show."""
    if DRAWN_AS not in cohort.subjects or DRAWN_AS not in source.subjects:
        return cohort.subjects
    origins = cohort.subjects[DRAWN_AS].to_numpy(object).copy()
    origins[rows] = source.subjects[DRAWN_AS].to_numpy(object)[partners]
    return cohort.subjects.assign(**{DRAWN_AS: origins})


def share_of_rows(n: int, share: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return a random share of row numbers, rounded to whole rows; `DataError` unless it lies in 0 to 1."""
    if not 0.0 <= share <= 1.0:
        raise DataError(f"expected a share of rows from 0 to 1, got {share}; correct the severity")
    return rng.permutation(n)[: round(share * n)]
