"""Age and sex predicted from images: numbers are those of numpy and scikit-learn; none without columns."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from plausibrain.analysis.estimates.network_ages import network_ages
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.schemas import NETWORK_AGE, NETWORK_SEX
from tests.unit.analysis.factory import normal_cohort, pairs_of, with_subjects

SETTINGS = Settings(n_resamples=100, n_splits=20)


def predicted(seed, slope):
    rng = np.random.default_rng(seed)
    cohort = normal_cohort(60, seed)
    age = cohort.subjects["age"].to_numpy(dtype=float)
    ages = 50 + slope * (age - 50) + rng.normal(0, 3, 60)
    ages[0] = np.nan
    score = np.where(cohort.subjects["sex"] == "M", 0.5, -0.5) + rng.normal(0, 0.6, 60)
    return with_subjects(cohort, **{NETWORK_AGE: ages, NETWORK_SEX: score})


def test_numbers_are_those_of_numpy_and_scikit_learn():
    reference, generated = predicted(1, 1.0), predicted(2, 0.5)
    rows = network_ages(pairs_of(reference, generated, SETTINGS)).set_index(["quantity", "cohort"])
    age, ages = (generated.subjects[name].to_numpy(dtype=float)[1:] for name in ("age", NETWORK_AGE))
    estimate = rows["estimate"]
    assert estimate["network_age_r", "generated"] == pytest.approx(np.corrcoef(age, ages)[0, 1])
    assert estimate["network_age_slope", "generated"] == pytest.approx(np.polyfit(age, ages, 1)[0])
    assert estimate["network_age_error", "generated"] == pytest.approx(np.abs(age - ages).mean())
    male = generated.subjects["sex"] == "M"
    accuracy = balanced_accuracy_score(male, generated.subjects[NETWORK_SEX] > 0)
    assert estimate["network_sex_accuracy", "generated"] == pytest.approx(accuracy)
    slope = rows.loc[("network_age_slope", "difference")]
    assert slope["ci_low"] < -0.5 < slope["ci_high"] < 0


def test_runs_without_the_network_have_no_rows():
    assert network_ages(pairs_of(normal_cohort(40, 1), normal_cohort(40, 2), SETTINGS)).empty
