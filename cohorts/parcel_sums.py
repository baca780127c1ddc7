"""Whether the parcels of a table divide the cortex, as they should, or something else.

SynthSeg scales the 34 parcels of a hemisphere to the volume of that hemisphere's cortex. Its program before
commit ca7ab2f took the wrong entry of a list and scaled them to cerebral white matter, which differs from the
cortex by 12 to 15 % in adults; every parcel is then wrong by the ratio of the two, which varies between
subjects.
"""

import pandas as pd

from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.structures import STRUCTURES

_HEMISPHERES = {"left": "Left", "right": "Right"}
#: A sum that was scaled to a volume equals it up to the rounding of printed tables.
_EQUAL = 0.005
#: White matter and cortex closer than this cannot be told apart.
_APART = 0.02
_MOST = 0.9


def parcel_sum_notes(volumes: pd.DataFrame) -> list[Note]:
    """Return a warning when the parcels of a table sum to white matter instead of cortex, else nothing.

    Parameters
    ----------
    volumes : DataFrame
        Structure names as columns, mm3; the index holds the lines of the file.
    """
    wrong = [side for side in _HEMISPHERES if _divides_white_matter(volumes, (side,))]
    if not wrong and _divides_white_matter(volumes, tuple(_HEMISPHERES)):
        wrong = list(_HEMISPHERES)
    if not wrong:
        return []
    message = (
        f"the parcels of the {' and of the '.join(wrong)} hemisphere sum to its cerebral white matter "
        "instead of its cortex: SynthSeg before commit ca7ab2f scaled them to the wrong volume, so every "
        "parcel is wrong by the ratio of the two. Segment anew with a later SynthSeg, or multiply the "
        "parcels of each hemisphere by its cortex divided by its white matter; until then compare this "
        "table with none that was made otherwise"
    )
    return [Note("warning", "parcels", int(volumes.index[0]), "", message)]


def _divides_white_matter(volumes: pd.DataFrame, sides: tuple[str, ...]) -> bool:
    parcels = [s.name for s in STRUCTURES if s.atlas == "dk" and s.hemisphere in sides]
    white = [f"{_HEMISPHERES[side]}-Cerebral-White-Matter" for side in sides]
    cortex = [f"{_HEMISPHERES[side]}-Cerebral-Cortex" for side in sides]
    if not {*parcels, *white, *cortex} <= set(volumes.columns):
        return False
    table = volumes[[*parcels, *white, *cortex]].dropna()
    aims = table[white].sum(axis=1), table[cortex].sum(axis=1)
    apart = (aims[0] / aims[1] - 1).abs() > _APART
    total = table[parcels].sum(axis=1)
    return bool(apart.any() and ((total / aims[0] - 1).abs() < _EQUAL)[apart].mean() >= _MOST)
