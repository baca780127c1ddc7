"""Tables that look like volumes and are not, or that say who made them: recognised by their headers."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

#: Headers of CAT12's tables of regions (``lHip``) and of its table of tissues.
_CAT12_REGIONS = re.compile(r"^[lrb](Hip|Amy|Tha\w*|Cau\w*|Put|Pal|Acc|Cbe\w*|SupFro\w*|PrcGy|FroOpe)$")
_CAT12_TISSUES = frozenset({"gm", "wm", "csf", "tiv"})
_SURFACE_MEASURES = {
    "thickness": "cortical thickness",
    "thicknessstd": "cortical thickness",
    "area": "surface areas",
    "meancurv": "curvature",
    "gauscurv": "curvature",
    "foldind": "folding indices",
}
_FEWEST = 3
#: Parcels of Desikan and Killiany that the DKT protocol, and so FastSurfer, does not have.
_NOT_IN_DKT = ("bankssts", "frontalpole", "temporalpole")


def described_columns(headers: Iterable[str]) -> str:
    """Return what a table without volumes of structures seems to hold, as a sentence, or empty text.

    Parameters
    ----------
    headers : iterable of str
        All columns.

    Examples
    --------
    >>> described_columns(["id", "lh_insula_thickness", "rh_insula_thickness", "lh_cuneus_thickness"])
    'it holds cortical thickness, which is not read; give a table of volumes'
    """
    names = [str(header).strip() for header in headers]
    for ending, what in _SURFACE_MEASURES.items():
        if sum(name.casefold().endswith(f"_{ending}") for name in names) >= _FEWEST:
            return f"it holds {what}, which is not read; give a table of volumes"
    is_cat12 = sum(bool(_CAT12_REGIONS.match(name)) for name in names) >= _FEWEST
    if is_cat12 or {name.casefold() for name in names} >= _CAT12_TISSUES:
        return (
            "it looks like a table of CAT12, whose regions are those of other atlases and are not read; give "
            "volumes of FreeSurfer or SynthSeg, or segment the images"
        )
    return ""


def is_fastsurfer(path: str | Path, structures: Sequence[str]) -> bool:
    """Return whether FastSurfer made a table that uses FreeSurfer's names.

    Parameters
    ----------
    path : str or Path
        Of the table; a folder or file named after the program says it.
    structures : sequence of str
        FreeSurfer names of the columns: the parcels of FastSurfer follow the DKT protocol and lack the banks
        of the superior temporal sulcus and both poles. So do FreeSurfer's own DKT tables, which measure other
        parcels than its usual ones as well.
    """
    if any(part.casefold().startswith("fastsurfer") for part in Path(path).parts):
        return True
    parcels = {name.rsplit("-", 1)[-1] for name in structures if name.startswith("ctx-")}
    return len(parcels) > 20 and not parcels & set(_NOT_IN_DKT)
