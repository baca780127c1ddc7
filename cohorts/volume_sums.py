"""What the volumes of a row owe each other: a head has the size of a head, and holds its structures."""

import numpy as np
import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV, find_structure

#: Total intracranial volume of a living subject after infancy, mm3. What lies beyond is a failed
#: segmentation, another unit, or a wrong voxel size.
HEAD_SIZE_MM3 = (750_000.0, 2_300_000.0)
#: Structures over head size. SynthSeg's total is their sum (1.00 in 1,126 rows of two tables); FreeSurfer
#: estimates the total from a registration, and they are .73 to 1.08 of it (226 adults of AOMIC PIOP2).
_SHARE = (0.4, 1.2)
_MOST_OF_THE_BRAIN = (
    "Left-Cerebral-White-Matter",
    "Right-Cerebral-White-Matter",
    "Left-Cerebral-Cortex",
    "Right-Cerebral-Cortex",
)


def implausible_heads(volumes: pd.DataFrame, *, source: str, is_unit_stated: bool) -> pd.Series:
    """Return why the head size of a row cannot be used, or empty text.

    Parameters
    ----------
    volumes : DataFrame
        mm3, with or without ``TIV``; NaN where missing.
    source : str
        File, for messages.
    is_unit_stated : bool
        Whether the user named the unit: a table of heads that are all small or large is then taken as it is.

    Raises
    ------
    DataError
        When most rows are affected: then a column is in another unit.
    """
    reason = pd.Series("", index=volumes.index, dtype="str")
    if TIV not in volumes or volumes[TIV].isna().all():
        return reason
    share = structures_over_head(volumes)
    _refuse_other_units(volumes[TIV], share, source, is_unit_stated=is_unit_stated)
    low, high = HEAD_SIZE_MM3
    if low <= volumes[TIV].median() <= high:
        odd = (volumes[TIV] < low) | (volumes[TIV] > high)
        reason = reason.mask(odd, f"head size outside {low / 1000:,.0f} to {high / 1000:,.0f} mL")
    reason = reason.mask(
        (reason == "") & (share > _SHARE[1]),
        f"structures add up to more than {_SHARE[1]:g} times the head size",
    )
    few = f"structures fill less than {100 * _SHARE[0]:.0f} % of the head"
    return reason.mask((reason == "") & (share < _SHARE[0]), few)


def structures_over_head(volumes: pd.DataFrame) -> pd.Series:
    """Return the sum of the structures over head size; NaN where it says nothing.

    Notes
    -----
    Parcels and minor structures lie inside others and are left out. A sum without cortex and white matter
    of both sides is small whatever the units, so it counts only where it exceeds the head.
    """
    wholes = [name for name in volumes.columns if _is_whole(str(name))]
    share = volumes[wholes].sum(axis=1, min_count=1) / volumes[TIV]
    if set(_MOST_OF_THE_BRAIN) <= set(wholes):
        complete = volumes[list(_MOST_OF_THE_BRAIN)].notna().all(axis=1)
    else:
        complete = volumes[TIV] < 0
    return share.where(complete | (share > _SHARE[1]))


def _is_whole(name: str) -> bool:
    entry = find_structure(name) if name != TIV else None
    return entry is not None and entry.atlas == "aseg"


def _refuse_other_units(heads: pd.Series, share: pd.Series, source: str, *, is_unit_stated: bool) -> None:
    typical = float(share.median()) if share.notna().sum() > len(share) / 2 else np.nan
    if typical < _SHARE[0] or typical > _SHARE[1]:
        raise DataError(
            f"{source}: the structures of a row add up to {typical:.3g} times its head size ({TIV}; median), "
            f"expected {_SHARE[0]:g} to {_SHARE[1]:g}; one of them is not in mm3 (voxels, or mL), or the "
            f"column of head size is another quantity: convert it, or remove the column"
        )
    low, high = HEAD_SIZE_MM3
    if not is_unit_stated and not low <= heads.median() <= high:
        raise DataError(
            f"{source}: the median head size ({TIV}) is {heads.median() / 1000:,.4g} mL, expected "
            f"{low / 1000:,.0f} to {high / 1000:,.0f} mL; if the table is in voxels, multiply by the volume "
            "of a voxel; if it is right after all, volume_unit='mm3'"
        )
