"""Which table columns are the two sides of one structure."""

from cohorts.structures import homologue, structure


def homologous(structures: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return the column pairs (left, right) of structures that both hemispheres have."""
    at = {name: i for i, name in enumerate(structures)}
    pairs = []
    for name, i in at.items():
        other = homologue(name)
        if other is not None and other in at and structure(name).hemisphere == "left":
            pairs.append((i, at[other]))
    return pairs
