"""Which table columns are the two sides of one structure."""

import numpy as np

from plausibrain.cohorts.structures import homologue, structure


def homologous(structures: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return the column pairs (left, right) of structures that both hemispheres have."""
    at = {name: i for i, name in enumerate(structures)}
    pairs = []
    for name, i in at.items():
        other = homologue(name)
        if other is not None and other in at and structure(name).hemisphere == "left":
            pairs.append((i, at[other]))
    return pairs


def average_sides(values: np.ndarray, structures: tuple[str, ...]) -> np.ndarray:
    """Return values (n, s) with homologous structures averaged and the others behind them, (n, r)."""
    pairs = homologous(structures)
    members = {i for pair in pairs for i in pair}
    columns = [values[:, list(pair)].mean(axis=1) for pair in pairs]
    columns += [values[:, i] for i in range(values.shape[1]) if i not in members]
    return np.column_stack(columns)
