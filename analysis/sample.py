"""A cohort as the statistics see it: subjects, head size and regional volumes, gaps filled."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from plausibrain.analysis.image_measures import common_measures, filled_measures
from plausibrain.analysis.missing_cells import filled, rows_with_enough
from plausibrain.analysis.settings import Rules
from plausibrain.analysis.weights import MOST_UNITS, Clusters
from plausibrain.cohorts.cohort import OK, Cohort, Note
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.from_images import pairs_among
from plausibrain.cohorts.structures import TIV, find_structure

ANALYSED_ATLASES = ("aseg", "dk")
#: Score that segmenters give beside the quality of groups: 0 for an implausible image, else 1.
PLAUSIBILITY = "plausibility"


@dataclass(frozen=True)
class Sample:
    """Subjects with volumes, all rows complete.

    Attributes
    ----------
    name : str
    subjects : DataFrame, n rows
        Columns of `plausibrain.cohorts.participants`.
    volumes : ndarray, (n, s)
        Volumes in mm³, columns as `structures`.
    structures : tuple of str, (s,)
    tiv : ndarray, (n,) or None
        Head size in mm³; None when a cohort does not carry it.
    quality : DataFrame, n rows
        Measures of image quality that both cohorts have, one per column, complete; no columns without images.
    features : mapping of str to ndarray, (n, d)
        Feature vectors of images that both cohorts have; a NaN row where there is none.
    pairs : DataFrame or None
        Similarity of pairs of images, as in `plausibrain.cohorts.cohort.Cohort`.
    has_age, has_sex : bool
        Whether both cohorts state ages, or sexes. Where one does not, nothing is adjusted for them.
    segmenter : str
        What measured the volumes.
    max_units : int
        Most units of resampling, as in `plausibrain.analysis.settings.Rules`.
    """

    name: str
    subjects: pd.DataFrame
    volumes: np.ndarray
    structures: tuple[str, ...]
    tiv: np.ndarray | None
    quality: pd.DataFrame = field(default_factory=pd.DataFrame)
    features: Mapping[str, np.ndarray] = field(default_factory=dict)
    pairs: pd.DataFrame | None = None
    has_age: bool = True
    has_sex: bool = True
    segmenter: str = "unknown"
    max_units: int = MOST_UNITS

    def __len__(self) -> int:
        return len(self.subjects)

    @cached_property
    def clusters(self) -> Clusters:
        """Rows grouped by subject."""
        return Clusters.of(self.subjects["subject"].to_numpy(dtype=str), self.max_units)

    @cached_property
    def age(self) -> np.ndarray:
        """Age in years, (n,); zero for everybody without ages, a constant that leaves every design."""
        if not self.has_age:
            return np.zeros(len(self))
        return self.subjects["age"].to_numpy(dtype=float)

    @cached_property
    def male(self) -> np.ndarray:
        """1 for men, 0 for women, (n,); zero for everybody without sexes, which leaves every design."""
        if not self.has_sex:
            return np.zeros(len(self))
        return (self.subjects["sex"] == "M").to_numpy(dtype=float)

    def take(self, rows: np.ndarray) -> "Sample":
        """Return the sample of some rows (a mask or indices)."""
        tiv = None if self.tiv is None else self.tiv[rows]
        positions = np.flatnonzero(rows) if rows.dtype == bool else rows
        subjects, quality = (
            part.iloc[positions].reset_index(drop=True) if len(part) else part
            for part in (self.subjects, self.quality)
        )
        features = {name: matrix[rows] for name, matrix in self.features.items()}
        return replace(
            self, subjects=subjects, volumes=self.volumes[rows], tiv=tiv, quality=quality, features=features,
            pairs=pairs_among(self.pairs, subjects["participant_id"]),
        )  # fmt: skip

    @cached_property
    def order(self) -> np.ndarray:
        """Rows by participant id: what is drawn at random does not depend on the order of the table."""
        return np.argsort(self.subjects["participant_id"].to_numpy(dtype=str), kind="stable")

    def some_rows(self, most: int, rng: np.random.Generator) -> np.ndarray:
        """Return at most `most` rows drawn without replacement, ascending."""
        if len(self) <= most:
            return np.arange(len(self))
        return np.sort(self.order[rng.permutation(len(self))[:most]])

    def column(self, structure: str) -> np.ndarray:
        """Return the volumes of one structure or of `TIV`, mm³, (n,)."""
        if structure == TIV:
            if self.tiv is None:
                raise DataError(f"{self.name}: the table has no head size (TIV)")
            return self.tiv
        return self.volumes[:, self.structures.index(structure)]


@dataclass(frozen=True)
class Samples:
    """Both cohorts on the same structures, with what was left out to get there.

    Attributes
    ----------
    reference, generated : Sample
    excluded : DataFrame
        Columns `cohort`, `participant_id`, `subject`, `age`, `sex`, `excluded` (bool), `qc_lowest`
        (lowest quality score of the row, NaN where there is none), `implausible` (1 where a check of
        plausibility failed, else 0, NaN where nobody looked), `reason`; one row per row read.
    notes : tuple of (role, Note)
    training : Cohort or None
        Subjects that the generator was trained on, with feature vectors of their images.
    missing : DataFrame
        One row per structure of both tables: in how many rows of each cohort it is empty or zero.
    """

    reference: Sample
    generated: Sample
    excluded: pd.DataFrame
    notes: tuple[tuple[str, Note], ...]
    training: Cohort | None = None
    missing: pd.DataFrame = field(default_factory=pd.DataFrame)


def prepare_samples(
    reference: Cohort,
    generated: Cohort,
    *,
    min_subjects: int,
    training: Cohort | None = None,
    rules: Rules | None = None,
) -> Samples:
    """Bring two cohorts to the same structures and to complete rows.

    Parameters
    ----------
    reference, generated : Cohort
        Both with volumes.
    min_subjects : int
        Fewest complete rows per cohort.
    training : Cohort, optional
        Subjects that the generator was trained on; needs features only.
    rules : Rules, optional
        What may be missing.

    Returns
    -------
    Samples

    Raises
    ------
    DataError
        A cohort without volumes, no structure in common, different segmenters, or too few subjects left.
    """
    _check_comparable(reference, generated)
    rules = rules or Rules()
    notes: list[tuple[str, Note]] = []
    structures = _common_structures(reference, generated, notes, rules.max_missing)
    use_tiv = _use_tiv(reference, generated, notes, rules.max_missing)
    measures, measure_notes = common_measures(reference, generated, rules.max_missing)
    notes += measure_notes
    parts = {"reference": reference, "generated": generated}
    availability = _stated(parts, notes)
    samples, rows = {}, []
    for role, cohort in parts.items():
        samples[role], status = _complete(cohort, structures, measures, availability, rules, use_tiv=use_tiv)
        _note_filled(role, cohort, [*structures, *([TIV] if use_tiv else [])], status, notes)
        rows.append(status.assign(cohort=role))
        _check_enough(role, cohort, samples[role], min_subjects)
    return Samples(
        samples["reference"],
        samples["generated"],
        pd.concat(rows, ignore_index=True),
        tuple(notes),
        None if training is None else training.included,
        missing_table(reference, generated),
    )


def missing_table(reference: Cohort, generated: Cohort) -> pd.DataFrame:
    """Return in how many usable rows of each cohort every structure is empty or zero.

    Returns
    -------
    DataFrame
        Columns `structure`, `missing_reference`, `n_reference`, `missing_generated`, `n_generated`.
    """
    names = [name for name in _analysed(reference) if name in _analysed(generated)]
    table = pd.DataFrame({"structure": names})
    for role, cohort in (("reference", reference), ("generated", generated)):
        values = _volumes(cohort).loc[_ok(cohort), names].to_numpy(dtype=float)
        table[f"missing_{role}"] = (~(np.nan_to_num(values) > 0)).sum(axis=0)
        table[f"n_{role}"] = len(values)
    return table


def require_volumes(role: str, cohort: Cohort) -> None:
    """Raise `DataError` when a cohort has no volumes, with what its reader noted about that."""
    if cohort.volumes is None:
        why = [note.message for note in cohort.notes if note.kind == "warning" and not note.column]
        cause = f" ({why[-1]})" if why else ""
        raise DataError(
            f"{role} cohort {cohort.source}: no volumes{cause}; segment the images first or give a volume "
            "table"
        )


def _check_comparable(reference: Cohort, generated: Cohort) -> None:
    for role, cohort in (("reference", reference), ("generated", generated)):
        require_volumes(role, cohort)
    segmenters = {reference.segmenter, generated.segmenter} - {"unknown", None}
    if len(segmenters) > 1:
        raise DataError(
            f"the cohorts were segmented differently: reference by {reference.segmenter}, generated by "
            f"{generated.segmenter}; volumes of different programs differ by up to a factor of two. Segment "
            "both with the same program (or pass the same --segmenter name for both if the tables are known "
            "to agree)"
        )


def _volumes(cohort: Cohort) -> pd.DataFrame:
    if cohort.volumes is None:
        raise DataError(f"{cohort.source}: no volumes; segment the images first or give a volume table")
    return cohort.volumes


def _use_tiv(reference: Cohort, generated: Cohort, notes: list[tuple[str, Note]], max_missing: float) -> bool:
    """Tell whether both tables carry head size in enough rows, and note why not."""
    both = [TIV in _volumes(c).columns for c in (reference, generated)]
    if all(both) and _usable(TIV, reference, generated, notes, max_missing):
        return True
    message = "head size (TIV) cannot be compared: head-size conventions are left out"
    notes.append(("both", Note("warning", TIV, message=message)))
    return False


def _analysed(cohort: Cohort) -> list[str]:
    names = []
    for name in _volumes(cohort).columns:
        structure = find_structure(name)
        if structure is not None and structure.atlas in ANALYSED_ATLASES:
            names.append(name)
    return names


def _common_structures(
    reference: Cohort, generated: Cohort, notes: list[tuple[str, Note]], max_missing: float
) -> tuple[str, ...]:
    in_reference, in_generated = _analysed(reference), _analysed(generated)
    for role, own, other in (
        ("reference", in_reference, in_generated),
        ("generated", in_generated, in_reference),
    ):
        alone = [name for name in own if name not in other]
        if alone:
            message = f"{len(alone)} structures are only in the {role} table and are left out: {_some(alone)}"
            notes.append((role, Note("ignored", message=message)))
    common = [name for name in in_reference if name in in_generated]
    usable = [name for name in common if _usable(name, reference, generated, notes, max_missing)]
    if not usable:
        raise DataError(
            f"no structure is measured in both cohorts: {reference.source} has {_some(in_reference)}; "
            f"{generated.source} has {_some(in_generated)}"
        )
    return tuple(usable)


def _usable(
    name: str, reference: Cohort, generated: Cohort, notes: list[tuple[str, Note]], max_missing: float
) -> bool:
    for role, cohort in (("reference", reference), ("generated", generated)):
        values = _volumes(cohort).loc[_ok(cohort), name].to_numpy(dtype=float)
        present = values[np.isfinite(values)]
        if len(present) < (1 - max_missing) * len(values):
            message = (
                f"{name} is missing in {len(values) - len(present)} of {len(values)} rows and is left out"
            )
        elif role == "reference" and len(present) > 1 and np.ptp(present) == 0:
            message = f"{name} is the same ({present[0]:g} mm³) in every row of the reference and is left out"
        else:
            continue
        notes.append((role, Note("ignored", name, message=message)))
        return False
    return True


def _ok(cohort: Cohort) -> np.ndarray:
    return (cohort.subjects["status"] == OK).to_numpy()


def _stated(parts: Mapping[str, Cohort], notes: list[tuple[str, Note]]) -> dict[str, bool]:
    """Tell whether both cohorts state ages, and sexes; note which does not and what follows."""
    availability = {}
    for name, what in (("age", "ages"), ("sex", "sexes")):
        without = [role for role, cohort in parts.items() if not cohort.subjects[name].notna().any()]
        availability[name] = not without
        for role in without:
            message = (
                f"the {role} cohort states no {what}: nothing is adjusted for {name}, and questions "
                f"that need {what} do not apply"
            )
            notes.append((role, Note("warning", name, message=message)))
    return availability


def _known(cohort: Cohort, availability: Mapping[str, bool]) -> np.ndarray:
    """Tell for which rows age and sex are known, as far as both cohorts state them."""
    mask = np.ones(len(cohort.subjects), dtype=bool)
    if availability["age"]:
        mask &= np.isfinite(cohort.subjects["age"].to_numpy(dtype=float, na_value=np.nan))
    if availability["sex"]:
        mask &= cohort.subjects["sex"].isin(["M", "F"]).to_numpy()
    return mask


def _complete(
    cohort: Cohort,
    structures: tuple[str, ...],
    measures: list[str],
    availability: Mapping[str, bool],
    rules: Rules,
    *,
    use_tiv: bool,
) -> tuple[Sample, pd.DataFrame]:
    columns = [*structures, *([TIV] if use_tiv else [])]
    values = _volumes(cohort)[columns].to_numpy(dtype=float, copy=True)
    has_covariates = _known(cohort, availability)
    keep = _ok(cohort) & rows_with_enough(values, rules.least_present) & has_covariates
    values[keep] = _filled(cohort, values, keep)
    status = cohort.subjects[["participant_id", "subject", "age", "sex"]].copy()
    status["excluded"] = ~keep
    scores = pd.DataFrame(index=cohort.subjects.index) if cohort.qc is None else cohort.qc
    status["qc_lowest"] = scores.drop(columns=PLAUSIBILITY, errors="ignore").min(axis=1).to_numpy()
    status["implausible"] = _implausible(scores)
    reasons = cohort.subjects["reason"].fillna("").astype(str)
    causes = np.where(has_covariates, "most volumes are missing", "age or sex is missing")
    status["reason"] = np.where(keep, "", np.where(_ok(cohort), causes, reasons))
    subjects = cohort.subjects.loc[keep].reset_index(drop=True)
    tiv = values[keep, -1] if use_tiv else None
    volumes, quality = values[keep][:, : len(structures)], filled_measures(cohort, measures, keep)
    subset = cohort.select(keep)
    sample = Sample(
        cohort.name, subjects, volumes, structures, tiv, quality, subset.features, subset.pairs,
        has_age=availability["age"], has_sex=availability["sex"], segmenter=cohort.segmenter,
        max_units=rules.max_units,
    )  # fmt: skip
    return sample, status


def _implausible(scores: pd.DataFrame) -> np.ndarray:
    """Return 1 for images that a segmenter flagged as implausible, 0 for others, NaN where nobody looked."""
    if PLAUSIBILITY not in scores:
        return np.full(len(scores), np.nan)
    plausible = scores[PLAUSIBILITY].to_numpy(dtype=float)
    return np.where(np.isnan(plausible), np.nan, (plausible < 0.5).astype(float))


def _filled(cohort: Cohort, values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Fill the gaps of the rows that are kept, by age, sex and the other volumes."""
    subjects = cohort.subjects.loc[keep]
    male = (subjects["sex"] == "M").to_numpy(dtype=float)
    order = np.argsort(subjects["participant_id"].to_numpy(dtype=str), kind="stable")
    age = subjects["age"].to_numpy(dtype=float, na_value=np.nan)
    covariates = np.column_stack([np.nan_to_num(age), male])  # an age that is not stated is the same for all
    return filled(values[keep], covariates, order, seed=0)


def _note_filled(
    role: str, cohort: Cohort, names: list[str], status: pd.DataFrame, notes: list[tuple[str, Note]]
) -> None:
    rows = ~status["excluded"].to_numpy(dtype=bool)
    gaps = ~np.isfinite(_volumes(cohort)[names].to_numpy(dtype=float)[rows])
    if gaps.any():
        message = (
            f"{int(gaps.sum())} of {gaps.size} volumes are missing, in {int(gaps.any(axis=1).sum())} of "
            f"{len(gaps)} rows; they count for what they have; each gap is filled by a draw from what "
            "the other volumes predict"
        )
        notes.append((role, Note("warning", message=message)))


def _check_enough(role: str, cohort: Cohort, sample: Sample, min_subjects: int) -> None:
    n = len(sample.clusters)
    if n < min_subjects:
        raise DataError(
            f"{role} cohort {cohort.source}: {n} subjects with complete volumes of "
            f"{len(cohort.subjects)} rows; "
            f"at least {min_subjects} are needed. The excluded rows and reasons are in the cohort's notes"
        )


def _some(names: list[str], most: int = 5) -> str:
    text = ", ".join(names[:most]) or "none"
    return text if len(names) <= most else f"{text} and {len(names) - most} more"
