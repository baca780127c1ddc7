"""How far the age that volumes show follows the age that was requested, year by year.

A model trained on the reference predicts age from volumes. Its predictions lean towards the mean age, so
they are corrected for age bias: the slope of predicted on requested age is divided by the same slope in
held-out reference subjects (the correction of Cole et al., which takes nothing from the age of the corrected
subject). 1 is what subjects show, 0.5 a generator that obeys half of each year, 0 one that ignores age. A
correlation, the published number, says nothing of such a bias. Slopes are taken over ages that both cohorts
cover.
"""

import numpy as np

from plausibrain.analysis.brain_age import relative_trend
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Age, predicted per requested",
    unit="years per year",
    question=6,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 - frame.settings.conditioning_margin, 1 + frame.settings.conditioning_margin),
    sentence="Slope of predicted on requested age, relative to held-out reference subjects: {estimate}; 1 is "
    "perfect",
    needs=("brain age",),
    source=("Pinaya2022", "Cole2018", "Lange2020"),
    max_splits=40,
    fixed_scores=True,
    assumes=("shared ages", "age with the rest"),
)
def conditioning_age(pair: Pair) -> np.ndarray:
    """Return the slope of age-bias corrected brain age on requested age, (B,)."""
    return relative_trend(pair)
