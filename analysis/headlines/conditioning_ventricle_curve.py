"""Whether the ventricle volume follows requests over their whole range: one slope can hide a bend.

The local slopes between neighbouring requests (quartiles, where there are many), at equal age, sex and other
requests. The one that is farthest from 1 is shown; it is larger by chance than the slope over all requests,
so it may be twice as far from 1.
"""

import numpy as np

from plausibrain.analysis.conditions import curve, local_margin
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.registry import headline
from plausibrain.analysis.structure_maps import largest, largest_name

CURVE = curve("requested_ventricle_mm3")


@headline(
    label="Ventricle volume: local slope farthest from 1",
    unit="mm³ per mm³",
    question=6,
    ideal=0.0,
    better="lower",
    margin=lambda frame: (-np.inf, local_margin(frame)),
    methods="One slope can hide a bend, so local slopes between neighbouring requests are tested too, "
    "corrected over the pieces of the range.",
    sentence="Local slopes of measured on requested ventricle volume depart from 1 by up to {estimate} "
    "({which})",
    needs=("requested ventricle volume", "several requested ventricle volumes"),
    source=("Pinaya2022",),
    null=False,
    bounds=(0.0, np.inf),
    which=lambda pair: largest_name(pair, CURVE),
    structures=CURVE,
)
def conditioning_ventricle_curve(pair: Pair) -> np.ndarray:
    """Return the largest departure of a local slope from 1, (B,)."""
    return largest(pair, CURVE)
