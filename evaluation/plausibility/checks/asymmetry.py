"""The pair of structures that differs most between left and right."""

from collections.abc import Mapping

import numpy as np

from plausibrain.evaluation.plausibility.registry import check

#: Spread of log(left / right) of volumes in healthy adults as a segmenter measures them.
_SPREAD = {
    "Cerebral-White-Matter": 0.03, "Cerebral-Cortex": 0.03, "Lateral-Ventricle": 0.25,
    "Cerebellum-White-Matter": 0.08, "Cerebellum-Cortex": 0.04, "Thalamus": 0.07, "Caudate": 0.08,
    "Putamen": 0.08, "Pallidum": 0.12, "Hippocampus": 0.08, "Amygdala": 0.12, "VentralDC": 0.08,
}  # fmt: skip


@check(
    label="Largest difference between left and right",
    unit="standard deviations",
    high="the two halves of the brain do not fit each other",
    bounds=(0.0, np.inf),
)
def asymmetry(volumes: Mapping[str, float]) -> float:
    """Return the largest absolute log ratio of left to right volume, over its usual spread."""
    worst = 0.0
    for region, spread in _SPREAD.items():
        left, right = (max(float(volumes.get(f"{side}-{region}", 0.0)), 1.0) for side in ("Left", "Right"))
        worst = max(worst, abs(float(np.log(left / right))) / spread)
    return worst
