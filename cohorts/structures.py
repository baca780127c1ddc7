"""One home for brain structures: ids, names, hemisphere, tissue and what other programs call them.

The table `structures.tsv` beside this file follows FreeSurfer's colour table. Its atlas column sorts the
rows: ``aseg`` holds the 32 structures of SynthSeg's whole-brain segmentation, ``dk`` the 68 Desikan-Killiany
parcels, and ``extra`` everything else that occurs in label maps. ``part_of`` names the region whose volume
contains the row (choroid plexus in the lateral ventricle, parcels in the cerebral cortex), so that analysis
can merge or ignore it.

Two traps. In FreeSurfer's aseg, label 24 is a little CSF near the brain stem; in SynthSeg's label maps it is
all CSF outside the ventricles. And labels 136, 137, 163 and 164 are not those of FreeSurfer's colour table:
in SynthSeg's label maps they lie inside the ventricles, and its segmentation counts them there. Labels 502
to 530 name head tissues.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from plausibrain.cohorts.errors import DataError

TIV = "TIV"


@dataclass(frozen=True)
class Structure:
    """One labelled structure.

    Parameters
    ----------
    index : int
        Label in FreeSurfer's colour table; 0 is background.
    name : str
        Name in FreeSurfer's colour table, for example ``Left-Hippocampus``.
    hemisphere : str
        ``left``, ``right`` or ``midline``.
    tissue : str
        ``grey``, ``white``, ``csf``, ``mixed``, ``other``, ``extracerebral`` or ``background``.
    region : str
        The name without its hemisphere, shared by homologues.
    atlas : str
        ``aseg``, ``dk`` or ``extra``.
    aliases : tuple of str
        What SynthSeg and FreeSurfer tables call it.
    part_of : str
        Region that contains it, empty when it stands alone.
    neuromorphometrics : tuple of int
        Labels of the Neuromorphometrics protocol that map to it.
    synthseg : str
        Name in SynthSeg's tables, empty when it has none.
    lobe : str
        Of a cortical parcel: ``frontal``, ``parietal``, ``temporal``, ``occipital``, ``cingulate`` or
        ``insula``, as FreeSurfer groups them with the cingulate kept together; else empty.
    """

    index: int
    name: str
    hemisphere: str
    tissue: str
    region: str
    atlas: str
    aliases: tuple[str, ...] = ()
    part_of: str = ""
    neuromorphometrics: tuple[int, ...] = ()
    synthseg: str = ""
    lobe: str = ""


def _rows() -> list[dict[str, str]]:
    with files("plausibrain.cohorts").joinpath("structures.tsv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def _aliases(row: dict[str, str]) -> tuple[str, ...]:
    names = (row["synthseg"], *row["freesurfer"].split(";"))
    return tuple(name for name in names if name)


def _structure(row: dict[str, str]) -> Structure:
    return Structure(
        index=int(row["index"]),
        name=row["name"],
        hemisphere=row["hemisphere"],
        tissue=row["tissue"],
        region=row["region"],
        atlas=row["atlas"],
        aliases=_aliases(row),
        part_of=row["part_of"],
        neuromorphometrics=tuple(int(label) for label in row["neuromorphometrics"].split(";") if label),
        synthseg=row["synthseg"],
        lobe=row["lobe"],
    )


_TABLE = _rows()
STRUCTURES: tuple[Structure, ...] = tuple(_structure(row) for row in _TABLE if row["name"] != TIV)
TIV_ALIASES: tuple[str, ...] = next(_aliases(row) for row in _TABLE if row["name"] == TIV)


def _plain(name: str) -> str:
    """Lower case with one kind of separator, so that ``left ventral DC`` and ``Left_Ventral-DC`` agree."""
    return re.sub(r"[\s_.\-]+", "-", name.strip().casefold()).strip("-")


def _spellings(structure: Structure) -> Iterable[tuple[str, Structure]]:
    return ((_plain(name), structure) for name in (structure.name, *structure.aliases))


_BY_INDEX = MappingProxyType({structure.index: structure for structure in STRUCTURES})
_BY_NAME = MappingProxyType(dict(pair for structure in STRUCTURES for pair in _spellings(structure)))
_TIV_NAMES = frozenset(_plain(name) for name in (TIV, *TIV_ALIASES))
_HOMOLOGUES = MappingProxyType({(s.region, s.hemisphere): s.name for s in STRUCTURES})
_OTHER_SIDE = MappingProxyType({"left": "right", "right": "left"})

NEUROMORPHOMETRICS = MappingProxyType({label: s.index for s in STRUCTURES for label in s.neuromorphometrics})
"""Neuromorphometrics label -> FreeSurfer index. Labels 71 to 73 (cerebellar vermis) have no side and are
absent: they belong to the cerebellar cortex of both."""


def find_structure(key: int | str) -> Structure | None:
    """Structure with this label or name, or None.

    Parameters
    ----------
    key : int or str
        FreeSurfer label, or any name in use; letter case, spaces, dots, underscores and hyphens do not
        matter.

    Returns
    -------
    Structure or None

    Examples
    --------
    >>> find_structure("left ventral DC").name
    'Left-VentralDC'
    """
    return _BY_NAME.get(_plain(key)) if isinstance(key, str) else _BY_INDEX.get(int(key))


def structure(key: int | str) -> Structure:
    """Structure with this label or name.

    Parameters
    ----------
    key : int or str
        As for `find_structure`.

    Returns
    -------
    Structure

    Raises
    ------
    DataError
        When no structure has this label or name.

    Examples
    --------
    >>> structure(17).name
    'Left-Hippocampus'
    """
    entry = find_structure(key)
    if entry is None:
        raise DataError(
            f"no structure is called {key!r}; use a FreeSurfer label or a name such as 'Left-Hippocampus' "
            "(all names stand in cohorts/structures.tsv)"
        )
    return entry


@cache
def canonical_name(name: str) -> str | None:
    """FreeSurfer name of a table column, ``TIV`` for head size, or None when it is no structure.

    Parameters
    ----------
    name : str
        Column name of a SynthSeg or FreeSurfer table.

    Returns
    -------
    str or None

    Examples
    --------
    >>> canonical_name("lh_bankssts_volume"), canonical_name("eTIV"), canonical_name("IQ")
    ('ctx-lh-bankssts', 'TIV', None)
    """
    if _plain(name) in _TIV_NAMES:
        return TIV
    entry = find_structure(name)
    return None if entry is None else entry.name


def homologue(name: str) -> str | None:
    """Name of the same structure on the other side, or None for midline and unknown names.

    Parameters
    ----------
    name : str
        Any name in use.

    Returns
    -------
    str or None

    Examples
    --------
    >>> homologue("ctx-lh-insula")
    'ctx-rh-insula'
    """
    entry = find_structure(name)
    if entry is None or entry.hemisphere not in _OTHER_SIDE:
        return None
    return _HOMOLOGUES.get((entry.region, _OTHER_SIDE[entry.hemisphere]))


def region_of(name: str) -> str:
    """Hemisphere-free region of a structure; a name that is no structure (``TIV``) is its own region.

    Parameters
    ----------
    name : str
        Any name in use.

    Returns
    -------
    str

    Examples
    --------
    >>> region_of("Left-Hippocampus"), region_of("TIV")
    ('Hippocampus', 'TIV')
    """
    entry = find_structure(name)
    return name if entry is None else entry.region


def names(atlas: str) -> tuple[str, ...]:
    """Names of one atlas in the order of the table: 32 for ``aseg``, 68 for ``dk``.

    Parameters
    ----------
    atlas : {"aseg", "dk", "extra"}
        Which rows of the table.

    Returns
    -------
    tuple of str

    Raises
    ------
    DataError
        When there is no such atlas.
    """
    labels = tuple(structure.name for structure in STRUCTURES if structure.atlas == atlas)
    if not labels:
        raise DataError(f"no atlas is called {atlas!r}; choose aseg, dk or extra")
    return labels
