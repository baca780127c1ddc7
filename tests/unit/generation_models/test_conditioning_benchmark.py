"""Conditioning is printed in eighths and without the largest requests."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.models_conditioning import in_parts, slope_of, trimmed


class DoseRun:
    """A run with a table of requests: answers half of what is asked, the largest twentieth not at all."""

    def __init__(self):
        asked = np.linspace(1e3, 1e5, 100)
        measured = np.where(asked > 9.55e4, 0.0, 0.5 * asked)
        volumes = {"condition": "ventricles", "requested": asked, "measured": measured, "unit": "mm³"}
        ages = {"condition": "age", "requested": asked / 1e3, "measured": asked / 1e3, "unit": "years"}
        self.dose = pd.concat([pd.DataFrame(volumes), pd.DataFrame(ages)])

    def table(self, name):
        assert name == "dose"
        return self.dose.sample(frac=1, random_state=0)


def test_the_largest_twentieth_is_left_out():
    *_, volumes, ages = trimmed({"model": DoseRun()})
    assert volumes == "| model | ventricles, mL | 95.0 | 0.500 [0.500, 0.500] |"
    assert ages == "| model | age, years | 95.0 | 1.000 [1.000, 1.000] |"


def test_parts_are_sorted_by_request():
    dose = DoseRun().table("dose")
    parts = in_parts(dose[dose["condition"] == "ventricles"])
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
