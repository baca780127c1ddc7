"""Tables of conditions, made before anything is sampled: whom a model is asked to draw.

A table can be read, edited and given to several models, whose images are then compared pair by pair because
rows and seeds are the same. Row i depends on the reference, the design, the seed and i alone, so a longer
table begins with the shorter one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.requested_volumes import (
    BRAIN,
    BRAIN_NORMALISED,
    REQUESTED_VOLUMES,
    VENTRICLE,
    answer,
)
from plausibrain.generation.condition_copula import ConditionCopula
from plausibrain.generation.sample_cohort import seed_of

AGE, SEX = "requested_age", "requested_sex"
NUMBERS = (AGE, *REQUESTED_VOLUMES)
SEXES = ("F", "M")
EXTRAPOLATED = "extrapolated"
DECADE = 10
OLDEST_YEARS = 110.0


@dataclass(frozen=True)
class Sweep:
    """Values that one condition takes while the others stay at the reference's median.

    Attributes
    ----------
    column : str
        One of `NUMBERS`.
    n_levels : int
        Values, evenly spaced over the reference's range.
    beyond : float
        How far the values go beyond that range on both sides, as a share of it. A volume stops at half of the
        smallest observed one.
    values : tuple of float
        The values themselves, where they are given.
    """

    column: str
    n_levels: int = 9
    beyond: float = 0.0
    values: tuple[float, ...] = ()

    def levels(self, reference: pd.DataFrame) -> np.ndarray:
        """Return the values, (n_levels,).

        Raises
        ------
        DataError
            When the reference lacks the condition, or an age would be impossible.
        """
        if self.column not in reference:
            raise DataError(
                f"the reference has no {self.column!r} to vary; it has {', '.join(_numbers(reference))}"
            )
        if self.values:
            return np.array(self.values)
        if self.n_levels < 2 or self.beyond < 0:
            raise DataError(
                f"expected at least 2 levels and a range beyond of 0 or more, got {self.n_levels} "
                f"and {self.beyond}"
            )
        low, high = float(reference[self.column].min()), float(reference[self.column].max())
        reach = self.beyond * (high - low)
        if self.column == AGE:
            return np.linspace(max(low - reach, 0.0), min(high + reach, OLDEST_YEARS), self.n_levels)
        return np.linspace(max(low - reach, low / 2), high + reach, self.n_levels)


def brain_column(conditions: Sequence[str]) -> str:
    """Return the brain volume that a model with these conditions is asked for: raw or normalised."""
    return BRAIN_NORMALISED if BRAIN_NORMALISED in conditions else BRAIN


def reference_conditions(cohort: Cohort, *, brain: str = BRAIN) -> pd.DataFrame:
    """Return what a reference cohort's subjects would be asked for: age, sex, ventricle and brain volume.

    Parameters
    ----------
    cohort : Cohort
        With volumes, as a segmenter measures them, or with requested volumes in its table.
    brain : str
        Column of the brain volume: raw, or normalised for head size as the published bundle takes it.

    Returns
    -------
    DataFrame, (n, 2 to 4)
        Included subjects with age and sex. Volumes are the sums that question 6 compares with the requests:
        lateral ventricles with their inferior horns, and all tissue. Measured volumes go before requested
        ones; without either the column is absent, as is a normalised volume without head size.

    Raises
    ------
    DataError
        When nobody is left.
    """
    usable = cohort.included
    table = pd.DataFrame({AGE: usable.subjects["age"], SEX: usable.subjects["sex"]})
    for column in (VENTRICLE, brain):
        own = None if usable.volumes is None else answer(usable.volumes, column)
        if own is not None:
            table[column] = own
        elif column in usable.subjects:
            table[column] = usable.subjects[column]
    complete = table[table[SEX].isin(SEXES)].dropna().reset_index(drop=True)
    if not len(complete):
        raise DataError(f"{cohort.name}: nobody has age, sex and all volumes; complete the table of subjects")
    return complete


def conditions_resampled(reference: pd.DataFrame, *, n: int, seed: int) -> pd.DataFrame:
    """Return rows with the conditions of reference subjects, each taken once before any is taken again.

    Parameters
    ----------
    reference : DataFrame
        From `reference_conditions`.
    n : int
        Rows.
    seed : int

    Returns
    -------
    DataFrame, (n, …)
        Rows that repeat somebody share a ``subject``.
    """
    _check_size(n)
    size = len(reference)
    orders = [np.random.default_rng([seed, turn]).permutation(size) for turn in range(-(-n // size))]
    picks = np.concatenate(orders)[:n]
    rows = reference.iloc[picks].reset_index(drop=True)
    return _table(rows, [f"like-{k + 1:05d}" for k in picks], reference, seed)


def conditions_like(reference: pd.DataFrame, *, n: int, seed: int) -> pd.DataFrame:
    """Return new subjects from the reference's joint distribution: shares of the sexes, copula within.

    Raises
    ------
    DataError
        When a sex has too few subjects to learn from.
    """
    _check_size(n)
    copulas = _copulas(reference)
    share = float((reference[SEX] == "M").mean())

    def subject(row: int) -> dict[str, object]:
        rng = np.random.default_rng([seed, row])
        sex = "M" if rng.random() < share else "F"
        return {SEX: sex, **copulas[sex].draw(rng)}

    return _new_subjects(subject, n, reference, seed)


def conditions_balanced(
    reference: pd.DataFrame,
    *,
    n: int,
    seed: int,
    youngest: float | None = None,
    oldest: float | None = None,
) -> pd.DataFrame:
    """Return rows with equally many subjects per age decade and sex.

    Parameters
    ----------
    reference : DataFrame
    n : int
        Rows; strata follow each other in turn.
    seed : int
    youngest, oldest : float, optional
        Years; those of the reference by default. Ages beyond those of the reference are flagged.

    Returns
    -------
    DataFrame, (n, …)
        Age is uniform within the decade; the volumes are drawn as subjects of that age and sex have them.

    Raises
    ------
    DataError
        When the ages are impossible, or a sex has too few subjects to learn from.
    """
    _check_size(n)
    low = float(reference[AGE].min()) if youngest is None else youngest
    high = float(reference[AGE].max()) if oldest is None else oldest
    if not 0 <= low < high <= OLDEST_YEARS:
        raise DataError(f"expected ages from 0 to {OLDEST_YEARS:.0f} years, got {low} to {high}")
    copulas = _copulas(reference)
    starts = range(int(low // DECADE) * DECADE, int(np.ceil(high)), DECADE)
    strata = [(max(float(s), low), min(float(s + DECADE), high), sex) for s in starts for sex in copulas]

    def subject(row: int) -> dict[str, object]:
        rng = np.random.default_rng([seed, row])
        start, stop, sex = strata[row % len(strata)]
        return {SEX: sex, **copulas[sex].draw(rng, {AGE: float(rng.uniform(start, stop))})}

    return _new_subjects(subject, n, reference, seed)


def conditions_sweep(
    reference: pd.DataFrame, sweeps: Sequence[Sweep], *, n: int, seed: int, sexes: Sequence[str] = SEXES
) -> pd.DataFrame:
    """Return rows in which one condition at a time varies, the others at the reference's median of the sex.

    Parameters
    ----------
    reference : DataFrame
    sweeps : sequence of Sweep
    n : int
        Rows at most: whole sweeps only, so that no level has more images than another.
    seed : int
    sexes : sequence of {"F", "M"}

    Returns
    -------
    DataFrame
        All rows of one repetition and sex share ``subject`` and ``seed``: the same noise under other
        requests, so that a difference between them is the request's.

    Raises
    ------
    DataError
        When `n` is too small for one repetition.
    """
    absent = [sex for sex in sexes if not (reference[SEX] == sex).any()]
    if absent:
        raise DataError(f"the reference has nobody of sex {absent[0]}; choose the other with --sex")
    plans = [(sweep.column, float(level)) for sweep in sweeps for level in sweep.levels(reference)]
    n_repeats = n // max(1, len(plans) * len(sexes))
    if not plans or n_repeats < 1:
        raise DataError(
            f"{len(plans)} levels in {len(sexes)} sexes need at least {len(plans) * len(sexes)} rows, "
            f"got n = {n}"
        )
    medians = {sex: reference[reference[SEX] == sex][_numbers(reference)].median().to_dict() for sex in sexes}
    keys = [(repeat, sex, plan) for repeat in range(n_repeats) for sex in sexes for plan in plans]
    rows = pd.DataFrame([{**medians[sex], SEX: sex, column: level} for _, sex, (column, level) in keys])
    subjects = [f"sweep-{repeat + 1:04d}{sex}" for repeat, sex, _ in keys]
    table = _table(rows, subjects, reference, seed)
    return table.assign(seed=[seed_of(seed, subject) for subject in subjects])


def _copulas(reference: pd.DataFrame) -> dict[str, ConditionCopula]:
    present = [sex for sex in SEXES if (reference[SEX] == sex).any()]
    columns = _numbers(reference)
    return {sex: ConditionCopula.fit(reference[reference[SEX] == sex], columns) for sex in present}


def _new_subjects(
    subject: Callable[[int], dict[str, object]], n: int, reference: pd.DataFrame, seed: int
) -> pd.DataFrame:
    rows = pd.DataFrame([subject(row) for row in range(n)])
    return _table(rows, [f"new-{row + 1:05d}" for row in range(n)], reference, seed)


def _table(rows: pd.DataFrame, subjects: list[str], reference: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return a table of conditions with ids, seeds and what lies outside the reference."""
    identities = [f"sub-{row + 1:05d}" for row in range(len(rows))]
    table = pd.DataFrame({"participant_id": identities, "subject": subjects})
    table["age"], table["sex"] = rows[AGE].to_numpy(), rows[SEX].to_numpy()
    table["seed"] = [seed_of(seed, identity) for identity in identities]
    columns = [AGE, SEX, *(name for name in NUMBERS[1:] if name in rows)]
    table[columns] = rows[columns].to_numpy(object)
    for name in _numbers(rows):
        table[name] = table[name].astype(float)
    table[EXTRAPOLATED] = _outside(table, reference)
    return table


def _outside(table: pd.DataFrame, reference: pd.DataFrame) -> list[str]:
    """Name per row the conditions beyond the reference's range, empty where there are none."""
    names = _numbers(reference)
    low, high = reference[names].min().to_numpy(), reference[names].max().to_numpy()
    values = table[names].to_numpy(dtype=float)
    beyond = (values < low) | (values > high)
    return [", ".join(name for name, out in zip(names, row, strict=True) if out) for row in beyond]


def _numbers(table: pd.DataFrame) -> list[str]:
    return [name for name in NUMBERS if name in table]


def _check_size(n: int) -> None:
    if n < 1:
        raise DataError(f"expected at least one row, got n = {n}")
