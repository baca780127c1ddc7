"""Shares of ventricles, cortex and white matter in their sum: a description, not a quality.

They change with age and belong to anatomy (questions 2 to 5); a share far from every real one means that the
other measures rest on a wrong segmentation.
"""

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import Tissues


@measure(
    label="Tissue fraction",
    unit="share",
    bounds=(0.0, 1.0),
    source=("Esteban2017",),
    parts={"csf": "ventricles", "gm": "cortex", "wm": "white matter"},
    judged=False,
)
def icvs(tissues: Tissues, part: str) -> float:
    """Return the voxels of a tissue over those of the three tissues."""
    counts = {name: int(getattr(tissues, name).sum()) for name in ("csf", "gm", "wm")}
    if sum(counts.values()) == 0:
        raise MeasurementError("no ventricles, cortex or white matter are labelled")
    return counts[part] / sum(counts.values())
