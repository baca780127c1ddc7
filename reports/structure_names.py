"""How a page calls a structure, and in which group and order it stands."""

import re
from functools import cache

import pandas as pd

from plausibrain.cohorts.structures import STRUCTURES, TIV, Structure, find_structure, region_of

WHOLE, DEEP, FLUID, OTHER = (
    "Head, cortex, white matter and cerebellum",
    "Deep grey matter and brain stem",
    "Ventricles and CSF",
    "Other",
)
#: Lobe of a cortical parcel -> its group.
LOBES = {
    "frontal": "Frontal lobe",
    "parietal": "Parietal lobe",
    "temporal": "Temporal lobe",
    "occipital": "Occipital lobe",
    "cingulate": "Cingulate cortex and insula",
    "insula": "Cingulate cortex and insula",
}
CORTEX = tuple(dict.fromkeys(LOBES.values()))
GROUPS = (WHOLE, DEEP, FLUID, *CORTEX, OTHER)
_LARGE = {"Cerebral-White-Matter", "Cerebral-Cortex", "Cerebellum-White-Matter", "Cerebellum-Cortex"}
#: Region -> place of its first structure in the table.
_FIRST = {structure.region: place for place, structure in reversed(list(enumerate(STRUCTURES)))}
_SIDES = ("left", "right", "")
_PLAIN = {
    TIV: "Head size (TIV)",
    "Inf-Lat-Vent": "Inferior lateral ventricle",
    "VentralDC": "Ventral diencephalon",
    "Accumbens-area": "Accumbens",
    "3rd-Ventricle": "Third ventricle",
    "4th-Ventricle": "Fourth ventricle",
    "Brain-Stem": "Brain stem",
    "CSF": "CSF",
}
#: Desikan-Killiany parcels whose words run together in the colour table.
_PARCELS = {
    "bankssts": "Banks of superior temporal sulcus",
    "caudalanteriorcingulate": "Caudal anterior cingulate",
    "caudalmiddlefrontal": "Caudal middle frontal",
    "inferiorparietal": "Inferior parietal",
    "inferiortemporal": "Inferior temporal",
    "isthmuscingulate": "Isthmus cingulate",
    "lateraloccipital": "Lateral occipital",
    "lateralorbitofrontal": "Lateral orbitofrontal",
    "medialorbitofrontal": "Medial orbitofrontal",
    "middletemporal": "Middle temporal",
    "parsopercularis": "Pars opercularis",
    "parsorbitalis": "Pars orbitalis",
    "parstriangularis": "Pars triangularis",
    "posteriorcingulate": "Posterior cingulate",
    "rostralanteriorcingulate": "Rostral anterior cingulate",
    "rostralmiddlefrontal": "Rostral middle frontal",
    "superiorfrontal": "Superior frontal",
    "superiorparietal": "Superior parietal",
    "superiortemporal": "Superior temporal",
    "frontalpole": "Frontal pole",
    "temporalpole": "Temporal pole",
    "transversetemporal": "Transverse temporal",
}


def _member(name: str) -> Structure | None:
    """Find a structure, or of a region (both sides together) its first structure."""
    structure = find_structure(name)
    return STRUCTURES[_FIRST[name]] if structure is None and name in _FIRST else structure


@cache
def region_label(name: str) -> str:
    """Name the region of a structure without its hemisphere.

    Examples
    --------
    >>> region_label("Left-Hippocampus"), region_label("ctx-rh-caudalanteriorcingulate")
    ('Hippocampus', 'Caudal anterior cingulate')
    >>> region_label("caudalanteriorcingulate")  # both sides together
    'Caudal anterior cingulate'
    """
    structure = _member(name)
    region = structure.region if structure else name
    if region in _PLAIN:
        return _PLAIN[region]
    if structure and structure.atlas == "dk":
        parcel = region.removeprefix("ctx-")
        return _PARCELS.get(parcel, parcel.capitalize())
    return region.replace("-", " ").capitalize() if structure else name


@cache
def side(name: str) -> str:
    """Name the hemisphere: ``left``, ``right``, or empty for midline and unknown structures."""
    structure = find_structure(name)
    return structure.hemisphere if structure and structure.hemisphere in ("left", "right") else ""


@cache
def structure_label(name: str) -> str:
    """Name a structure as a reader would: ``Left-Hippocampus`` -> ``Hippocampus, left``."""
    return f"{region_label(name)}, {side(name)}" if side(name) else region_label(name)


_HYPHENATED = sorted((s.name for s in STRUCTURES if "-" in s.name), key=len, reverse=True)
_NAMED = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, _HYPHENATED))})(?![\w-])")


def in_words(text: str) -> str:
    """Write the structures that a sentence names as a reader would.

    Examples
    --------
    >>> in_words("Largest bias: Left-Hippocampus, too small. Brain-Stem: 0.1 SD.")
    'Largest bias: left hippocampus, too small. Brain stem: 0.1 SD.'
    """
    return _NAMED.sub(_inline, text)


def _inline(match: re.Match[str]) -> str:
    region = region_label(match[0])
    words = f"{side(match[0])} {region[0].lower()}{region[1:]}".strip()
    begins = match.string[: match.start()].rstrip()[-1:] in ("", ".", "!", "?")
    return words[0].upper() + words[1:] if begins else words


@cache
def group(name: str) -> str:
    """Name the group of `GROUPS` a structure belongs to."""
    structure = _member(name)
    if structure is None:
        return WHOLE if name == TIV else OTHER
    if structure.lobe:
        return LOBES[structure.lobe]
    if structure.region in _LARGE:
        return WHOLE
    return FLUID if structure.tissue == "csf" else DEEP


def place(name: str) -> tuple[int, int, int, str]:
    """Sort key of a structure: group, region in the order of the atlas, left before right, name."""
    return (
        GROUPS.index(group(name)),
        -1 if name == TIV else _FIRST.get(region_of(name), len(_FIRST)),
        _SIDES.index(side(name)),
        name,
    )


def sort_by_structure(table: pd.DataFrame, column: str = "structure") -> pd.DataFrame:
    """Sort rows by group and atlas order of their structure; rows of one structure keep their order."""
    keys = sorted(table[column].unique(), key=place)
    order = {name: rank for rank, name in enumerate(keys)}
    return table.sort_values(column, key=lambda names: names.map(order), kind="stable")
