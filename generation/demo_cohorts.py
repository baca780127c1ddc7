"""Cohorts of volumes without images: what the audit uses, and what runs when nobody brings data."""

from pathlib import Path

import pandas as pd

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.generation.norms import draw_subjects, draw_volumes, with_requests
from plausibrain.generation.volume_columns import DRAWN_AS, drawn_as

SOURCE = "plausibrain.generation.norms"
#: Heads that the simulator draws, mm3; the smallest and largest of adults lie within.
HEADS_MM3 = (700_000.0, 2_500_000.0)


def table_cohort(
    n: int, *, seed: int, name: str, age: tuple[float, float] = (18.0, 90.0), sex_balance: float = 0.5
) -> Cohort:
    """Return a cohort of n subjects drawn from the norms: subjects, requested conditions, true volumes.

    Parameters
    ----------
    n : int
        Number of subjects.
    seed : int
        Subject i depends on (seed, i) alone.
    name : str
        Name of the cohort.
    age : tuple of float
        Youngest and oldest, years.
    sex_balance : float
        Chance of being male.

    Returns
    -------
    Cohort
        Without images; `segmenter` is ``"truth"``.
    """
    return asked_cohort(draw_subjects(n, seed=seed, age=age, sex_balance=sex_balance), seed=seed, name=name)


def asked_cohort(subjects: pd.DataFrame, *, seed: int, name: str) -> Cohort:
    """Return a cohort of subjects whose age, sex and perhaps volumes are given; the norms give the rest.

    Parameters
    ----------
    subjects : DataFrame, (n, …)
        As `plausibrain.generation.norms.draw_volumes` wants them.
    seed : int
        What is not given of row i depends on (seed, i) alone.
    name : str

    Returns
    -------
    Cohort
        Without images; `segmenter` is ``"truth"``.

    Raises
    ------
    DataError
        When what is asked for makes a head that no adult has.
    """
    subjects = subjects.reset_index(drop=True)
    volumes = draw_volumes(subjects, seed=seed)
    _check_heads(subjects, volumes)
    origins = [drawn_as(number, seed) for number in range(len(subjects))]
    return Cohort(
        name=name,
        subjects=with_requests(subjects, volumes).assign(**{DRAWN_AS: origins}),
        volumes=volumes,
        segmenter="truth",
        source=Path(SOURCE),
    )


def _check_heads(subjects: pd.DataFrame, volumes: pd.DataFrame) -> None:
    # Of a hundred thousand heads that nobody requested a few are larger than any adult's: no reason to stop.
    requested = subjects.filter(like="requested_").notna().any(axis=1)
    strange = requested & ~volumes["TIV"].between(*HEADS_MM3)
    if not strange.any():
        return
    row = int(strange.to_numpy().argmax())
    requests = subjects.filter(like="requested_").iloc[row].dropna().to_dict()
    raise DataError(
        f"what row {row} asks for makes a head of {volumes['TIV'].iloc[row] / 1000:.0f} mL, and the "
        f"simulator draws {HEADS_MM3[0] / 1000:.0f} to {HEADS_MM3[1] / 1000:.0f} mL; correct its volumes, "
        "in mm3: " + ", ".join(f"{name} {value}" for name, value in requests.items())
    )
