"""Subjects and their true regional volumes, drawn from published norms.

`draw_subjects` and `draw_volumes` are the table half of the simulator: age, sex, and the volumes of the 32
structures SynthSeg measures plus head size, with the means, spread, ageing, sex differences and correlations
of `plausibrain.generation.norm_tables`. Subject i depends on (seed, i) alone, whatever the number of
subjects.

Each family of structures is log-normal around the norm for its age and sex. Ventricles are drawn as one
total and then split; extra-cerebral CSF is what head size leaves, so head size is the sum of all structures.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV
from plausibrain.generation.norm_tables import expected_volume, norm_tables

PAIRED_TISSUE = (
    "Cerebral-White-Matter",
    "Cerebral-Cortex",
    "Cerebellum-White-Matter",
    "Cerebellum-Cortex",
    "Thalamus",
    "Caudate",
    "Putamen",
    "Pallidum",
    "Hippocampus",
    "Amygdala",
    "Accumbens-area",
    "VentralDC",
)
# Spread of half the log ratio of left to right: correlations of .91 and .90 between the sides.
PAIRED_VENTRICLES: Mapping[str, float] = {"Lateral-Ventricle": 0.10, "Inf-Lat-Vent": 0.08}
MIDLINE = ("3rd-Ventricle", "4th-Ventricle", "Brain-Stem", "CSF")
TISSUE: tuple[str, ...] = (
    *(f"{side}-{name}" for side in ("Left", "Right") for name in PAIRED_TISSUE),
    "Brain-Stem",
)
LATERAL_VENTRICLES: tuple[str, ...] = tuple(
    f"{side}-{name}" for side in ("Left", "Right") for name in PAIRED_VENTRICLES
)
VOLUME_NAMES: tuple[str, ...] = (
    TIV,
    *(f"Left-{name}" for name in (*PAIRED_TISSUE, *PAIRED_VENTRICLES)),
    *(f"Right-{name}" for name in (*PAIRED_TISSUE, *PAIRED_VENTRICLES)),
    *MIDLINE,
)
# Share of the ventricular total at its mean at 60, elasticity to the total, and log SD given the total: IXI
# (SynthSeg) and FCON1000 (FreeSurfer). The lateral ventricles take what these three leave.
VENTRICLE_SPLIT: Mapping[str, tuple[float, float, float]] = {
    "Inf-Lat-Vent": (0.036, 0.60, 0.20),
    "3rd-Ventricle": (0.044, 0.65, 0.20),
    "4th-Ventricle": (0.064, 0.25, 0.22),
}
VENTRICLE_REFERENCE_MM3 = 27_400.0
LEAST_CSF_SHARE = 0.05
SUBJECTS_STREAM, VOLUME_STREAM = 0, 1
REQUESTS = ("requested_tiv_mm3", "requested_ventricle_mm3", "requested_brain_mm3")


def subject_rng(seed: int, subject: int, stream: int) -> np.random.Generator:
    """Return the random generator of one subject and purpose; independent of everybody else's.

    Parameters
    ----------
    seed : int
        Seed of the cohort, not negative.
    subject : int
        Number of the subject, not negative.
    stream : int
        Purpose, so that drawing more of one thing changes nothing else.

    Returns
    -------
    numpy.random.Generator
        Seeded by the three numbers.
    """
    return np.random.default_rng([seed, subject, stream])


def draw_subjects(
    n: int, *, seed: int, age: tuple[float, float] = (18.0, 90.0), sex_balance: float = 0.5
) -> pd.DataFrame:
    """Return n subjects with a uniform age and a sex.

    Parameters
    ----------
    n : int
        Number of subjects.
    seed : int
        Seed of the cohort; subject i is the same for every n.
    age : tuple of float
        Youngest and oldest, years.
    sex_balance : float
        Chance of being male, 0 to 1.

    Returns
    -------
    DataFrame, (n, 5)
        ``participant_id``, ``subject``, ``age`` (years, one decimal), ``sex`` (``"M"``/``"F"``), ``seed``.
        The index is the number of the subject, from 0.

    Raises
    ------
    DataError
        If n is negative, the ages are not in order or the balance is no probability.
    """
    if n < 0:
        raise DataError(f"expected at least 0 subjects, got {n}")
    if not 0 <= age[0] <= age[1]:
        raise DataError(f"expected a youngest age up to the oldest, got {age[0]:g} to {age[1]:g} years")
    if not 0.0 <= sex_balance <= 1.0:
        raise DataError(f"expected a chance of being male from 0 to 1, got {sex_balance:g}")
    uniform = np.array([subject_rng(seed, i, SUBJECTS_STREAM).random(2) for i in range(n)]).reshape(n, 2)
    names = [f"sub-{i:05d}" for i in range(n)]
    years = np.round(age[0] + (age[1] - age[0]) * uniform[:, 0], 1)
    sex = np.where(uniform[:, 1] < sex_balance, "M", "F")
    columns = {"participant_id": names, "subject": names, "age": years, "sex": sex, "seed": np.full(n, seed)}
    return pd.DataFrame(columns)


def draw_volumes(subjects: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Return the true volumes of each subject.

    Parameters
    ----------
    subjects : DataFrame
        Columns ``age`` (years) and ``sex``; the index is the number of the subject, so a subset keeps its
        subjects. Where present and not missing, ``requested_tiv_mm3``, ``requested_ventricle_mm3`` (lateral
        and inferior lateral, both sides) and ``requested_brain_mm3`` (all tissue) are obeyed exactly.
    seed : int
        Seed of the cohort.

    Returns
    -------
    DataFrame, (n, 33)
        mm3; columns `VOLUME_NAMES`, index that of `subjects`. ``TIV`` is the sum of the other columns.

    Raises
    ------
    DataError
        If age or sex is missing in a row.
    """
    require_age_and_sex(subjects)
    n_families = len(norm_tables().families)
    n_normals = n_families + len(PAIRED_TISSUE) + len(PAIRED_VENTRICLES) + len(VENTRICLE_SPLIT)
    normals = np.array(
        [subject_rng(seed, int(i), VOLUME_STREAM).standard_normal(n_normals) for i in subjects.index]
    )
    normals = normals.reshape(len(subjects), n_normals)
    totals = draw_families(subjects, normals[:, :n_families])
    volumes = split_families(totals, normals[:, n_families:])
    obey_requests(volumes, subjects)
    return close_head(volumes, totals[TIV])[list(VOLUME_NAMES)]


def draw_families(subjects: pd.DataFrame, normals: NDArray[np.float64]) -> pd.DataFrame:
    """Return each family's total volume, mm3, from independent normals (n, families)."""
    tables = norm_tables()
    log_sd = tables.log_sd
    normals = normals.copy()
    requested = request(subjects, "requested_tiv_mm3")
    mean = expected_volume(TIV, subjects["age"], subjects["sex"])
    # Head size is the first family, so its normal is the first: fixing it conditions all others on it.
    tiv_normals = (np.log(requested / mean) + log_sd[0] ** 2 / 2) / log_sd[0]
    normals[:, 0] = np.where(np.isnan(tiv_normals), normals[:, 0], tiv_normals)
    deviates = normals @ cholesky_factor().T
    factors = np.exp(deviates * log_sd - log_sd**2 / 2)
    names = list(tables.families.index)
    means = np.column_stack([expected_volume(name, subjects["age"], subjects["sex"]) for name in names])
    return pd.DataFrame(means * factors, columns=names, index=subjects.index)


def split_families(totals: pd.DataFrame, normals: NDArray[np.float64]) -> pd.DataFrame:
    """Return volumes by structure and side, mm3, from the families' totals and independent normals."""
    tissue, lateral, division = np.split(
        normals, [len(PAIRED_TISSUE), len(PAIRED_TISSUE) + len(PAIRED_VENTRICLES)], axis=1
    )
    columns = {"Brain-Stem": totals["Brain-Stem"].to_numpy(float)}
    for j, name in enumerate(PAIRED_TISSUE):
        mean, spread = side_ratio(name)
        columns |= split_sides(name, totals[name].to_numpy(float), mean + spread * tissue[:, j])
    parts = split_ventricles(totals["Ventricles"].to_numpy(float), division)
    mean, _ = side_ratio("Ventricles")
    for j, (name, spread) in enumerate(PAIRED_VENTRICLES.items()):
        columns |= split_sides(name, parts.pop(name), mean + spread * lateral[:, j])
    return pd.DataFrame(columns | parts, index=totals.index)


def side_ratio(family: str) -> tuple[float, float]:
    """Return mean and spread of half the log ratio of left to right.

    Notes
    -----
    With a log SD s of the mean and t of half the log ratio, the sides correlate with r = (s^2 - t^2) / (s^2
    + t^2), so t = s sqrt((1 - r) / (1 + r)).
    """
    tables = norm_tables()
    r = tables.number(family, "left_right_r")
    log_sd = float(tables.log_sd[tables.position(family)])
    return tables.number(family, "log_left_over_right") / 2, log_sd * float(np.sqrt((1 - r) / (1 + r)))


def split_sides(
    name: str, total: NDArray[np.float64], half_log_ratio: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return the left and the right share of a total."""
    left = total / (1.0 + np.exp(-2.0 * half_log_ratio))
    return {f"Left-{name}": left, f"Right-{name}": total - left}


def split_ventricles(
    total: NDArray[np.float64], normals: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return the parts of the ventricular total; the lateral ventricles take what the smaller three leave."""
    parts = {}
    for j, (name, (share, elasticity, log_sd)) in enumerate(VENTRICLE_SPLIT.items()):
        mean = share * VENTRICLE_REFERENCE_MM3 * (total / VENTRICLE_REFERENCE_MM3) ** elasticity
        parts[name] = mean * np.exp(log_sd * normals[:, j] - log_sd**2 / 2)
    # Half of the total is kept for the lateral ventricles even where the total is very small.
    crowding = np.minimum(1.0, 0.5 * total / np.sum(list(parts.values()), axis=0))
    parts = {name: part * crowding for name, part in parts.items()}
    return {"Lateral-Ventricle": total - np.sum(list(parts.values()), axis=0), **parts}


def obey_requests(volumes: pd.DataFrame, subjects: pd.DataFrame) -> None:
    """Scale ventricles and tissue, in place, to the volumes asked for; rows without a request stay."""
    for column, names in (("requested_ventricle_mm3", LATERAL_VENTRICLES), ("requested_brain_mm3", TISSUE)):
        target = request(subjects, column)
        factor = target / volumes[list(names)].sum(axis=1).to_numpy(float)
        volumes[list(names)] = volumes[list(names)].mul(np.where(np.isnan(factor), 1.0, factor), axis=0)


def close_head(volumes: pd.DataFrame, head_size: pd.Series) -> pd.DataFrame:
    """Return volumes with CSF and TIV: CSF is what the head leaves, at least `LEAST_CSF_SHARE` of it."""
    inside = volumes.sum(axis=1)
    csf = np.maximum(head_size - inside, LEAST_CSF_SHARE * head_size)
    return volumes.assign(CSF=csf, TIV=inside + csf)


def with_requests(subjects: pd.DataFrame, volumes: pd.DataFrame) -> pd.DataFrame:
    """Return subjects with what a conditional generator would be asked for: their own age, sex and volumes.

    Parameters
    ----------
    subjects : DataFrame, (n, …)
        As from `draw_subjects`.
    volumes : DataFrame, (n, 33)
        As from `draw_volumes`, mm3.

    Returns
    -------
    DataFrame
        `subjects` with ``requested_age``, ``requested_sex``, ``requested_ventricle_mm3`` and
        ``requested_brain_mm3``.
    """
    return subjects.assign(
        requested_age=subjects["age"],
        requested_sex=subjects["sex"],
        requested_ventricle_mm3=volumes[list(LATERAL_VENTRICLES)].sum(axis=1),
        requested_brain_mm3=volumes[list(TISSUE)].sum(axis=1),
    )


def request(subjects: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Return a requested quantity, NaN where nothing was asked."""
    if column not in subjects:
        return np.full(len(subjects), np.nan)
    return subjects[column].to_numpy(float)


def require_age_and_sex(subjects: pd.DataFrame) -> None:
    """Raise `DataError` unless every row has an age and a sex M or F."""
    absent = {"age", "sex"} - set(subjects.columns)
    if absent:
        raise DataError(f"expected subjects with columns age and sex, {sorted(absent)} missing; add them")
    bad = subjects.index[subjects["age"].isna() | ~subjects["sex"].isin(["M", "F"])]
    if len(bad):
        raise DataError(
            f"expected an age and a sex M or F in every row, got none in rows {list(bad[:5])}; drop them"
        )


@cache
def cholesky_factor() -> NDArray[np.float64]:
    """Return the lower Cholesky factor of the correlations between families."""
    return np.asarray(np.linalg.cholesky(norm_tables().correlation), float)
