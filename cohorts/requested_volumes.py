"""What a request for a volume means, and which measured volume answers it.

Request and answer have one definition each, which its column names: a brain volume that is normalised for
head size is another quantity than the volume of the tissue, and half of all real brains lie below the
smallest normalised volume that a model may be asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from plausibrain.cohorts.structures import TIV, find_structure

VENTRICLE, BRAIN = "requested_ventricle_mm3", "requested_brain_mm3"
BRAIN_NORMALISED = "requested_brain_normalised_mm3"
#: Head size to which normalised volumes are scaled, mm3: the brain mask of the MNI152 standard, to which
#: SIENAX (field 25009 of the UK Biobank) scales every head. 780 images of the published latent diffusion
#: model, segmented by SynthSeg, imply 1.797e6 (their median of request times TIV over tissue).
STANDARD_HEAD_MM3 = 1.828e6
VENTRICLES = ("Left-Lateral-Ventricle", "Right-Lateral-Ventricle", "Left-Inf-Lat-Vent", "Right-Inf-Lat-Vent")
BRAIN_TISSUES = ("grey", "white", "mixed")
#: What pages and figures call what a sweep measures, by the name that its tables give it.
MEASURE_LABELS = {
    "ventricle": "ventricle volume",
    "brain": "brain volume",
    "brain_normalised": "normalised brain volume",
    "tiv": "head size (TIV)",
}


def is_ventricle(name: str) -> bool:
    """Tell whether a structure is a lateral ventricle or one of its inferior horns."""
    return name in VENTRICLES


def is_tissue(name: str) -> bool:
    """Tell whether a structure counts as brain; parcels are parts of the cortex and do not count twice."""
    entry = find_structure(name)
    return entry is not None and entry.atlas == "aseg" and entry.tissue in BRAIN_TISSUES


@dataclass(frozen=True)
class RequestedVolume:
    """One volume that a generator may be asked for.

    Attributes
    ----------
    column : str
        Of the participants table, mm3.
    label : str
        What a page calls it.
    definition : str
        What it is: raw or normalised, and of what.
    member : callable
        Tells whether a structure is part of it.
    normalised : bool
        Whether it is scaled to a head of `STANDARD_HEAD_MM3`.
    """

    column: str
    label: str
    definition: str
    member: Callable[[str], bool]
    normalised: bool = False


REQUESTED_VOLUMES = {
    one.column: one
    for one in (
        RequestedVolume(
            VENTRICLE, MEASURE_LABELS["ventricle"],
            "raw volume of both lateral ventricles with their inferior horns", is_ventricle,
        ),
        RequestedVolume(
            BRAIN, MEASURE_LABELS["brain"],
            "raw volume of all tissue, without ventricles and other fluid", is_tissue,
        ),
        RequestedVolume(
            BRAIN_NORMALISED, MEASURE_LABELS["brain_normalised"],
            "volume of all tissue normalised for head size: over TIV, times "
            f"{STANDARD_HEAD_MM3 / 1e3:,.0f} mL (the head of the MNI152 standard)",
            is_tissue, normalised=True,
        ),
    )
}  # fmt: skip


def answer(volumes: pd.DataFrame, column: str) -> pd.Series | None:
    """Return the measured volume that answers a request, mm3, row by row.

    Parameters
    ----------
    volumes : DataFrame
        Columns are structure names and ``TIV``, mm3.
    column : str
        One of `REQUESTED_VOLUMES`.

    Returns
    -------
    Series or None
        NaN where a structure is missing; None when the column means no volume, or its structures or head size
        are not in the table.
    """
    one = REQUESTED_VOLUMES.get(column)
    names = [] if one is None else [name for name in volumes if one.member(str(name))]
    if one is None or not names or (one.normalised and TIV not in volumes):
        return None
    total = volumes[names].sum(axis=1, skipna=False)
    return total / volumes[TIV] * STANDARD_HEAD_MM3 if one.normalised else total
