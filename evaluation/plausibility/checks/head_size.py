"""Total intracranial volume against what adults have. Wrong voxel sizes in the header show here."""

import numpy as np

from plausibrain.evaluation.plausibility.registry import check


@check(
    label="Total intracranial volume",
    unit="mL",
    low="the head is smaller than that of an adult; check the voxel size in the header",
    high="the head is larger than that of an adult; check the voxel size in the header",
    bounds=(0.0, np.inf),
    limits=(950.0, 2100.0),
    source=("Bethlehem2022",),
)
def head_size(tiv_ml: float) -> float:
    """Return the total intracranial volume, mL.

    Notes
    -----
    Published norms at 60 years: women about 1.4 L, men about 1.6 L, coefficient of variation 8 %; the limits
    are four such spreads below the women's and above the men's mean. Voxels declared a sixth too small make
    a head of 1.64 L, and every smaller one, fall below. Children below six lie outside.
    """
    return tiv_ml
