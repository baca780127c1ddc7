"""Groups of structures that papers sum up: cortex, subcortex, everything, and lobes by hemisphere."""

from collections.abc import Iterable

from plausibrain.cohorts.structures import structure

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
    entry = structure(name)
    return entry.lobe if entry.atlas == "dk" else ""


def region_groups(names: Iterable[str]) -> dict[str, list[int]]:
    """Return the places of cortical parcels, of subcortical grey matter and of everything among names.

    Groups without a member are left out.
    """
    structures = list(names)
    groups = {
        CORTEX: [i for i, name in enumerate(structures) if structure(name).atlas == "dk"],
        SUBCORTEX: [i for i, name in enumerate(structures) if structure(name).region in SUBCORTICAL],
        EVERYTHING: list(range(len(structures))),
    }
    return {group: members for group, members in groups.items() if members}


def lobes_of(names: Iterable[str]) -> dict[str, list[int]]:
    """Return the places of the parcels of every lobe and hemisphere, as ``left frontal lobe``."""
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        lobe = lobe_of(name)
        if lobe:
            where = (
                lobe if lobe == "insula" else f"{lobe} lobe" if lobe != "cingulate" else "cingulate cortex"
            )
            groups.setdefault(f"{structure(name).hemisphere} {where}", []).append(i)
    return dict(sorted(groups.items()))
