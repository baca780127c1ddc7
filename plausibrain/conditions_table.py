"""The command `conditions`: a table of whom to draw, made from a reference cohort before any sampling."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.requested_volumes import BRAIN, BRAIN_NORMALISED, VENTRICLE
from plausibrain.cohorts.schemas import PARTICIPANTS
from plausibrain.cohorts.tables import write_table
from plausibrain.generation.conditions import (
    AGE,
    SEXES,
    Sweep,
    conditions_balanced,
    conditions_like,
    conditions_resampled,
    conditions_sweep,
    reference_conditions,
)

#: What a sweep may be called on the command line.
SHORT = {"age": AGE, "ventricle": VENTRICLE, "brain": BRAIN}


def write_conditions(
    like: Path,
    out: Path,
    *,
    n: int,
    seed: int,
    normalised: bool = False,
    resample: bool = False,
    balanced: bool = False,
    sweep: Sequence[str] = (),
    levels: int = 9,
    beyond: float = 0.0,
    ages: tuple[float | None, float | None] = (None, None),
    sex: str | None = None,
    sex_coding: str | None = None,
) -> str:
    """Write a table of conditions; return one line about it.

    Parameters
    ----------
    like : Path
        Reference cohort.
    out : Path
        ``.tsv`` or ``.parquet``.
    n, seed : int
    normalised : bool
        Request brain volumes normalised for head size, as the published bundle takes them, not raw ones.
    resample, balanced : bool
        The design; new subjects from the joint distribution when neither is set and nothing is swept.
    sweep : sequence of str
        ``age``, ``ventricle``, ``brain`` or names of columns.
    levels, beyond
        As in `plausibrain.generation.conditions.Sweep`.
    ages : tuple of float or None
        Youngest and oldest, for `balanced`.
    sex : str, optional
        Sweep in one sex only.
    sex_coding : str, optional

    Raises
    ------
    DataError
        When designs exclude each other or the reference cannot carry them.
    """
    if resample + balanced + bool(sweep) > 1:
        raise DataError("choose one of --resample, --balanced and --sweep; they are different designs")
    if sex is not None and sex not in SEXES:
        raise DataError(f"expected --sex F or M, got {sex!r}")
    brain = BRAIN_NORMALISED if normalised else BRAIN
    reference = reference_conditions(read_cohort(like, sex_coding=sex_coding, min_subjects=1), brain=brain)
    if sweep:
        short = SHORT | {"brain": brain}
        sweeps = [Sweep(short.get(name, name), levels, beyond) for name in sweep]
        table = conditions_sweep(reference, sweeps, n=n, seed=seed, sexes=(sex,) if sex else SEXES)
    elif balanced:
        youngest, oldest = ages
        table = conditions_balanced(reference, n=n, seed=seed, youngest=youngest, oldest=oldest)
    elif resample:
        table = conditions_resampled(reference, n=n, seed=seed)
    else:
        table = conditions_like(reference, n=n, seed=seed)
    write_table(table, out, PARTICIPANTS)
    return _summary(table, out, (VENTRICLE, brain))


def _summary(table: pd.DataFrame, out: Path, volumes: Sequence[str]) -> str:
    outside = int((table["extrapolated"] != "").sum())
    beyond = f"; {outside} go beyond the reference, see column extrapolated" if outside else ""
    absent = [name for name in volumes if name not in table]
    lacking = f"; the reference has no volumes for {' and '.join(absent)}, segment it first" if absent else ""
    if BRAIN_NORMALISED in absent:
        lacking += " (a normalised volume needs head size, TIV)"
    return f"{out}: {len(table)} rows, {table['subject'].nunique()} subjects{beyond}{lacking}"
