"""An independent cohort with a diagnosis: do models of generated subjects find its patients older.

Accelerated ageing is the gap between patients and controls in brain-age difference. It is measured with a
model that was trained on reference subjects, and with one that was trained on as many generated subjects.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.prediction import MOST_TRAINING, chosen_models, trained
from plausibrain.analysis.regression import fit, moments
from plausibrain.analysis.weights import Clusters, bootstrap_weights, ones, subset_weights
from plausibrain.cohorts.cohort import OK, Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV

CONTROLS = frozenset(
    (
        "control",
        "controls",
        "hc",
        "cn",
        "nc",
        "healthy",
        "healthy control",
        "healthy controls",
        "normal",
        "td",
    )
)
TRAINED_ON = ("reference", "generated", "both")
MIN_STRUCTURES = 3


@dataclass(frozen=True, eq=False)
class Groups:
    """Patients and controls on the scale of a frame.

    Attributes
    ----------
    columns : ndarray of int, (s,)
        Columns of `CohortArrays.outcomes` that the independent cohort has too.
    outcomes : ndarray, (n, s)
    design : ndarray, (n, 5)
        Constant, age in decades and its square, sex, and last 1 for patients.
    age : ndarray, (n,)
        Years.
    clusters : Clusters
    """

    columns: np.ndarray
    outcomes: np.ndarray
    design: np.ndarray
    age: np.ndarray
    clusters: Clusters

    @property
    def patient(self) -> np.ndarray:
        """Whether a row is a patient, (n,)."""
        patients: np.ndarray = self.design[:, -1] == 1
        return patients


def groups_of(cohort: Cohort, frame: Frame) -> Groups:
    """Return the patients and controls of an independent cohort.

    Parameters
    ----------
    cohort : Cohort
        With volumes, ages, sexes and a column `diagnosis` that names the controls one of `CONTROLS`;
        everybody else with a diagnosis is a patient.
    frame : Frame

    Raises
    ------
    DataError
        When one of these is missing, or structures are not measured.
    """
    if cohort.volumes is None:
        raise DataError(f"{cohort.source}: no volumes; segment the images first or give a volume table")
    columns = [i for i, name in enumerate(frame.outcome_names) if name in cohort.volumes]
    if len([i for i in columns if frame.outcome_names[i] != TIV]) < MIN_STRUCTURES:
        raise DataError(
            f"the independent cohort {cohort.source} has {len(columns)} of the {len(frame.outcome_names)} "
            f"volumes of the comparison; at least {MIN_STRUCTURES} structures are needed"
        )
    diagnosis = _diagnosis(cohort)
    names = [frame.outcome_names[i] for i in columns]
    values = cohort.volumes[names].to_numpy(dtype=float)
    age = cohort.subjects["age"].to_numpy(dtype=float, na_value=np.nan)
    keep = (cohort.subjects["status"] == OK).to_numpy() & (diagnosis != "") & np.isfinite(values).all(axis=1)
    keep &= np.isfinite(age) & cohort.subjects["sex"].isin(["M", "F"]).to_numpy()
    patient = np.array([name not in CONTROLS for name in diagnosis[keep]], dtype=float)
    decades = (age[keep] - frame.reference.sample.age.mean()) / 10.0
    male = (cohort.subjects["sex"] == "M").to_numpy(dtype=float)[keep]
    design = np.column_stack([np.ones(len(decades)), decades, decades**2, male - 0.5, patient])
    subject = cohort.subjects["subject"].to_numpy(dtype=str)[keep]
    outcomes = (values[keep] - frame.center[columns]) / frame.scale[columns]
    return Groups(np.array(columns), outcomes, design, age[keep], Clusters.of(subject))


def same_segmenter(cohort: Cohort, reference: Cohort) -> Cohort:
    """Return the cohort; `DataError` when another program measured it than the reference."""
    names = {cohort.segmenter, reference.segmenter} - {"unknown", None}
    if len(names) > 1:
        raise DataError(
            f"the independent cohort was segmented by {cohort.segmenter}, the reference by "
            f"{reference.segmenter}; segment both with the same program"
        )
    return cohort


def _diagnosis(cohort: Cohort) -> np.ndarray:
    """Return diagnoses in small letters, empty where there is none."""
    if "diagnosis" not in cohort.subjects or not cohort.subjects["diagnosis"].notna().any():
        raise DataError(f"{cohort.source}: no column diagnosis, by which the groups are told apart")
    words = cohort.subjects["diagnosis"].astype("string").fillna("").str.strip().str.lower()
    diagnosis: np.ndarray = words.to_numpy(dtype=str)
    if not set(diagnosis) & CONTROLS:
        names = ", ".join(sorted(set(diagnosis) - {""})[:6])
        raise DataError(
            f"{cohort.source}: no controls among the diagnoses ({names}); call the controls 'control' in the "
            "column diagnosis"
        )
    return diagnosis


def gaps(pair: Pair, trained_on: str) -> np.ndarray:
    """Return how many years older patients look than controls of their age and sex, (B, 2).

    The second column is the same in standard deviations of controls of the same age and sex. A bootstrap
    resamples patients and controls with models fixed; halves train anew and take half of either group.
    """
    groups = pair.frame.independent
    if groups is None:
        raise ValueError("there is no independent cohort; check the capability first")
    if pair.kind in ("full", "bootstrap"):
        whole = pair.full if pair.full is not None else pair
        prediction = _predicted(whole, 0, groups, trained_on)
        return _gap(groups, prediction, _weights(pair, groups))
    w = _weights(pair, groups)
    values = [
        _gap(groups, _predicted(pair, b, groups, trained_on), w[b : b + 1]) for b in range(pair.n_replicates)
    ]
    return np.concatenate(values)


def gap_difference(pair: Pair) -> np.ndarray:
    """Return the gap by models of generated less that by models of reference subjects, in SD, (B,)."""
    difference: np.ndarray = (gaps(pair, "generated") - gaps(pair, "reference"))[:, 1]
    return difference


def _weights(pair: Pair, groups: Groups) -> np.ndarray:
    """Return weights of the independent rows, (B, n); each replicate is seeded by its own resample."""
    if pair.kind not in ("bootstrap", "halves"):
        return np.repeat(ones(len(groups.age)), pair.n_replicates, axis=0)
    weights = []
    for b in range(pair.n_replicates):
        rng = np.random.default_rng([pair.frame.settings.seed, _number_of(pair, b)])
        if pair.kind == "bootstrap":
            weights.append(bootstrap_weights(groups.clusters, 1, rng))
        else:
            weights.append(subset_weights(groups.clusters, len(groups.clusters) // 2, 1, rng))
    return np.concatenate(weights)


def _number_of(pair: Pair, replicate: int) -> int:
    """Return a number that depends on which subjects a replicate has, not on the order of rows."""
    number = 0
    for side in (pair.reference, pair.generated):
        row = side.weights[replicate, side.arrays.sample.order]
        number = zlib.crc32(row.tobytes(), number)
    return number


def _gap(groups: Groups, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    regression = fit(moments(groups.design, prediction[:, None], weights))
    years = regression.beta[:, -1, 0]
    controls = ~groups.patient
    own = fit(moments(groups.design[controls, :-1], prediction[controls, None], weights[:, controls]))
    return np.column_stack([years, years / np.sqrt(own.variance[:, 0])])


def _predicted(pair: Pair, replicate: int, groups: Groups, trained_on: str) -> np.ndarray:
    frame = pair.frame
    sides = (pair.reference.arrays, pair.generated.arrays)
    weights = (pair.reference.weights[replicate], pair.generated.weights[replicate])
    rows = [_rows(p, w, frame.settings.seed) for p, w in zip(sides, weights, strict=True)]
    few = min(len(r) for r in rows)  # trained on equally many, whatever the cohorts have
    places = {"reference": (0,), "generated": (1,), "both": (0, 1)}[trained_on]
    x = np.vstack([sides[i].outcomes[rows[i][:few]][:, groups.columns] for i in places])
    y = np.concatenate([sides[i].sample.age[rows[i][:few]] for i in places])
    key = ("independent", trained_on, x.tobytes(), y.tobytes())
    if key not in frame.cache:
        frame.cache[key] = trained("age", chosen_models(frame, "age")[0], x, y)(groups.outcomes)
    prediction: np.ndarray = frame.cache[key]
    return prediction


def _rows(arrays: CohortArrays, weights: np.ndarray, seed: int) -> np.ndarray:
    """Return the rows that have weight, at most `MOST_TRAINING`, in a random order of their subjects."""
    rank = arrays.clusters.ranks(seed, "independent training")
    order = arrays.sample.order
    order = order[np.argsort(rank[order], kind="stable")]
    return order[weights[order] > 0][:MOST_TRAINING]
