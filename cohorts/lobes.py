"""Lobes of the Desikan-Killiany parcels, and the groups of structures that papers sum up."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from plausibrain.cohorts.structures import structure

#: Lobe -> regions, as in FreeSurfer's page CorticalParcellation (after Desikan et al. 2006).
LOBES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "frontal": (
            "superiorfrontal", "rostralmiddlefrontal", "caudalmiddlefrontal", "parsopercularis",
            "parstriangularis", "parsorbitalis", "lateralorbitofrontal", "medialorbitofrontal", "precentral",
            "paracentral", "frontalpole",
        ),
        "parietal": ("superiorparietal", "inferiorparietal", "supramarginal", "postcentral", "precuneus"),
        "temporal": (
            "superiortemporal", "middletemporal", "inferiortemporal", "bankssts", "fusiform",
            "transversetemporal", "entorhinal", "temporalpole", "parahippocampal",
        ),
        "occipital": ("lateraloccipital", "lingual", "cuneus", "pericalcarine"),
        "cingulate": (
            "rostralanteriorcingulate", "caudalanteriorcingulate", "posteriorcingulate", "isthmuscingulate",
        ),
        "insula": ("insula",),
    }
)  # fmt: skip
_LOBE_OF = {region: lobe for lobe, regions in LOBES.items() for region in regions}
SUBCORTICAL = frozenset(
    ("Thalamus", "Caudate", "Putamen", "Pallidum", "Hippocampus", "Amygdala", "Accumbens-area")
)
CORTEX, SUBCORTEX, EVERYTHING = "cortical parcels", "subcortical grey matter", "all structures"


def lobe_of(name: str) -> str:
    """Return the lobe of a parcel; empty for everything else.

    Examples
    --------
    >>> lobe_of("ctx-lh-precuneus"), lobe_of("Left-Hippocampus")
    ('parietal', '')
    """
    known = structure(name)
    return _LOBE_OF.get(known.region, "") if known.atlas == "dk" else ""


def region_groups(names: Iterable[str]) -> dict[str, list[int]]:
    """Return the places of cortical parcels, of subcortical grey matter and of everything among names.

    Groups without a member are left out.
    """
    listed = list(names)
    groups = {
        CORTEX: [i for i, name in enumerate(listed) if structure(name).atlas == "dk"],
        SUBCORTEX: [i for i, name in enumerate(listed) if structure(name).region in SUBCORTICAL],
        EVERYTHING: list(range(len(listed))),
    }
    return {group: members for group, members in groups.items() if members}


def lobes_of(names: Iterable[str]) -> dict[str, list[int]]:
    """Return the places of the parcels of every lobe and hemisphere, as ``left frontal lobe``."""
    found: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        lobe = lobe_of(name)
        if lobe:
            where = (
                lobe if lobe == "insula" else f"{lobe} lobe" if lobe != "cingulate" else "cingulate cortex"
            )
            found.setdefault(f"{structure(name).hemisphere} {where}", []).append(i)
    return dict(sorted(found.items()))
