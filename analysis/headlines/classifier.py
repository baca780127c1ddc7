"""How well a classifier tells generated from real subjects by their volumes.

The area under the curve of held-out scores of a ridge classifier on age- and sex-adjusted volumes and their
squares: 0.5 means it cannot, 1 that it always can. It sees joint patterns that no single structure shows.
It learns more from more subjects, so two cohorts of unequal n have unequal curves; and it sees differences
too small to matter, down to the rounding of a table.
"""

import numpy as np

from plausibrain.analysis.classifier_test import held_out_auc
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline


@headline(
    label="Classifier, real or generated",
    unit="AUC",
    question=8,
    ideal=0.5,
    better="lower",
    margin=None,
    methods="The classifier two-sample test [@LopezPaz2017] trains a classifier to separate the cohorts.",
    sentence="A classifier tells generated from reference subjects by their volumes with an area under the "
    "ROC curve (AUC) of {estimate} (0.5 = not at all)",
    source=("LopezPaz2017",),
    against_null=True,
    both_sides=True,
    max_splits=40,
    fixed_scores=True,
    assumes=("shared ages", "joint"),
    bounds=(0.0, 1.0),
)
def classifier(pair: Pair) -> np.ndarray:
    """Return the area under the curve of the classifier two-sample test, (B,)."""
    return held_out_auc(pair)
