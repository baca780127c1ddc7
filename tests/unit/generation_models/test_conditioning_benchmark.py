"""Conditioning is printed in eighths and without the largest requests; curves come from measurements."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.models_conditioning import in_parts, slope_of, trimmed
from makers.calibrate_requests import BRAIN, LARGEST_TOLD_MM3, VENTRICLE, curves_of, told_subjects
from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.norms import LATERAL_VENTRICLES, TISSUE


class DoseRun:
    """A run with a table of requests: answers half of what is asked, the largest twentieth not at all."""

    def __init__(self):
        asked = np.linspace(1e3, 1e5, 100)
        measured = np.where(asked > 9.55e4, 0.0, 0.5 * asked)
        self.dose = pd.DataFrame({"condition": "ventricles", "requested": asked, "measured": measured})

    def table(self, name):
        assert name == "dose"
        return self.dose.sample(frac=1, random_state=0)


def test_the_largest_twentieth_is_left_out():
    *_, row = trimmed({"model": DoseRun()})
    assert row == "| model | ventricles | 95.0 | 0.500 [0.500, 0.500] |"


def test_parts_are_sorted_by_request():
    parts = in_parts(DoseRun().table("dose"))
    assert parts["requested"].is_monotonic_increasing
    assert parts["measured"].iloc[3] == pytest.approx(0.5 * parts["requested"].iloc[3])


def test_the_interval_of_a_noisy_slope_holds_the_truth():
    rng = np.random.default_rng(3)
    asked = rng.uniform(0, 100, 150)
    table = pd.DataFrame({"requested": asked, "measured": 0.8 * asked + 5 * rng.standard_normal(150)})
    slope, low, high = (float(x) for x in slope_of(table).translate({91: None, 93: None, 44: None}).split())
    assert low < 0.8 < high
    assert high - low < 0.1
    assert low < slope < high


def test_subjects_are_told_more_than_anybody_asks():
    subjects = told_subjects(60)
    everybody = table_cohort(3000, seed=5100, name="all").subjects
    assert subjects[VENTRICLE].max() > everybody[VENTRICLE].quantile(0.998)
    assert subjects[VENTRICLE].min() < everybody[VENTRICLE].min()
    assert not subjects["participant_id"].duplicated().any()


def test_curves_undo_a_weak_answer_up_to_the_largest_told():
    told = told_subjects(100)
    asked = table_cohort(len(told), seed=1, name="asked")
    volumes = asked.volumes.copy()
    ventricle = np.where(told[VENTRICLE] > LARGEST_TOLD_MM3, 1e4, 7e3 + 0.5 * told[VENTRICLE])
    for names, answer in ((LATERAL_VENTRICLES, ventricle), (TISSUE, 3e5 + 0.75 * told[BRAIN])):
        names = list(names)
        volumes[names] = volumes[names].mul(answer / volumes[names].sum(axis=1), axis=0)
    subjects = told.assign(status="ok", reason="")
    curves = curves_of(Cohort("measured", subjects, volumes=volumes, segmenter="truth"))
    assert curves[VENTRICLE](np.array([2e4, 4e4])) == pytest.approx([2.6e4, 6.6e4], rel=1e-6)
    assert max(curves[VENTRICLE].told) <= LARGEST_TOLD_MM3
    assert curves[BRAIN](np.array([9e5, 1.2e6])) == pytest.approx([8e5, 1.2e6], rel=1e-6)
