"""Small cohorts with volumes that are normal around known effects of age, sex and head size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.joint_design import Frame, build_frame
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.demo_cohorts import asked_cohort
from plausibrain.generation.norms import draw_subjects

# Mean mm3, change per year, men minus women at equal head size, share of head size's deviation, residual SD:
# all relative to the mean except the first.
STRUCTURES = {
    "Left-Hippocampus": (4000.0, -0.004, 0.02, 0.4, 0.08),
    "Right-Hippocampus": (4150.0, -0.004, 0.02, 0.4, 0.08),
    "Left-Thalamus": (7000.0, -0.003, 0.01, 0.5, 0.06),
    "Right-Thalamus": (6800.0, -0.003, 0.01, 0.5, 0.06),
    "Left-Lateral-Ventricle": (12000.0, 0.012, 0.05, 0.8, 0.30),
    "Right-Lateral-Ventricle": (11000.0, 0.012, 0.05, 0.8, 0.30),
    "Brain-Stem": (20000.0, -0.001, 0.01, 0.7, 0.07),
}
TIV_MM3, TIV_SD, TIV_SEX = 1.5e6, 0.08, 0.10
QUICK = Settings(n_resamples=200, n_splits=40, wasabi_repeats=10)


def normal_cohort(
    n: int,
    seed: int,
    *,
    name: str = "cohort",
    age: tuple[float, float] = (20.0, 80.0),
    rows_per_subject: int = 1,
    scale: float = 1.0,
) -> Cohort:
    """Return n subjects (each in several rows that share most of their volumes), times `scale`."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(n), rows_per_subject)
    years, male = rng.uniform(*age, n), rng.integers(0, 2, n)
    head = 1 + TIV_SEX * (male - 0.5) + TIV_SD * rng.standard_normal(n)
    volumes = {"TIV": TIV_MM3 * head[subject]}
    shared = rng.standard_normal(n)
    for structure, (mean, slope, sex, share, sd) in STRUCTURES.items():
        own = 0.6 * shared + 0.8 * rng.standard_normal(n)
        part = 1 + slope * (years - 50) + sex * (male - 0.5) + share * (head - 1) + sd * own
        again = 0.2 * sd * rng.standard_normal(len(subject)) if rows_per_subject > 1 else 0.0
        volumes[structure] = mean * np.maximum(part[subject] + again, 0.05)
    subjects = pd.DataFrame(
        {
            "participant_id": [
                f"{name}-{seed}-{i:04d}-{j}" for i in range(n) for j in range(rows_per_subject)
            ],
            "subject": [f"{name}-{seed}-{i:04d}" for i in subject],
            "age": years[subject],
            "sex": np.where(male[subject] == 1, "M", "F"),
        }
    )
    table = pd.DataFrame(volumes) * scale
    return Cohort(name=name, subjects=subjects, volumes=table, segmenter="truth", source=Path(f"{name}.tsv"))


def with_volume(cohort: Cohort, structure: str, values: np.ndarray | float) -> Cohort:
    """Return the cohort with one column of volumes replaced."""
    return replace(cohort, volumes=cohort.volumes.assign(**{structure: values}))


def with_subjects(cohort: Cohort, **columns: object) -> Cohort:
    """Return the cohort with columns of subjects added or replaced."""
    return replace(cohort, subjects=cohort.subjects.assign(**columns))


def frame_of(reference: Cohort, generated: Cohort, settings: Settings = QUICK) -> Frame:
    """Put two cohorts on a frame."""
    samples = prepare_samples(reference, generated, min_subjects=settings.min_subjects, rules=settings.rules)
    return build_frame(samples, settings)


def pairs_of(reference: Cohort, generated: Cohort, settings: Settings = QUICK) -> Pairs:
    """Draw every weighting of a comparison."""
    return Pairs.of(frame_of(reference, generated, settings))


def with_quality(
    cohort: Cohort, seed: int, *, shift: float = 0.0, scale: float = 1.0, n_measures: int = 5
) -> Cohort:
    """Return the cohort with normal, correlated measures of image quality that change with age."""
    rng = np.random.default_rng(seed)
    subject = pd.factorize(cohort.subjects["subject"])[0]
    shared = rng.standard_normal(subject.max() + 1)[subject]
    age = cohort.subjects["age"].to_numpy(dtype=float)
    values = {
        f"measure_{k}": 10.0 * (k + 1)
        + 0.02 * k * (age - 50)
        + shift
        + scale * (0.5 * shared + 0.8 * rng.standard_normal(len(cohort)))
        for k in range(n_measures)
    }
    return replace(cohort, measures=pd.DataFrame(values))


def with_plausibility(cohort: Cohort, share: float, seed: int) -> Cohort:
    """Return the cohort with a plausibility score that flags a share of the images at random."""
    flagged = np.random.default_rng(seed).random(len(cohort)) < share
    return replace(cohort, qc=pd.DataFrame({"plausibility": np.where(flagged, 0.0, 1.0)}))


def patients_and_controls(n: int, seed: int, *, years: float) -> Cohort:
    """Return 2n subjects, of whom the second half have brains that are `years` older than they are."""
    controls = draw_subjects(n, seed=seed, age=(30.0, 70.0))
    patients = draw_subjects(n, seed=seed + 1, age=(30.0, 70.0))
    patients = patients.assign(participant_id=[f"patient-{i}" for i in range(n)])
    patients["subject"] = patients["participant_id"]
    older = patients.assign(age=patients["age"] + years)
    drawn = asked_cohort(pd.concat([controls, older], ignore_index=True), seed=seed, name="independent")
    age = drawn.subjects["age"] - np.repeat([0.0, years], n)
    diagnosis = np.repeat(["Control", "Patient"], n)
    return replace(drawn, subjects=drawn.subjects.assign(age=age, diagnosis=diagnosis))
