"""Strata: age decade, sex, and both, wherever both cohorts have enough subjects."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.pair import Pair, Weighted
from plausibrain.analysis.regression import BLOCK_ROWS, Moments, moments
from plausibrain.analysis.sample import Sample


def decade(age: np.ndarray) -> np.ndarray:
    """Return labels such as `60-69` for ages in years.

    Examples
    --------
    >>> decade(np.array([60.0, 69.9])).tolist()
    ['60-69', '60-69']
    """
    start = (np.floor(np.asarray(age) / 10) * 10).astype(int)
    return np.array([f"{a}-{a + 9}" for a in start])


def strata_of(sample: Sample) -> dict[str, np.ndarray]:
    """Return membership masks of every stratum present in a sample."""
    sexes, decades = sample.subjects["sex"].to_numpy(dtype=str), decade(sample.age)
    masks = {sex: sexes == sex for sex in np.unique(sexes)} if sample.has_sex else {}
    masks |= {d: decades == d for d in np.unique(decades)} if sample.has_age else {}
    if not (sample.has_age and sample.has_sex):
        return masks
    both = {f"{s} {d}": (sexes == s) & (decades == d) for s in np.unique(sexes) for d in np.unique(decades)}
    return masks | both


def shared_strata(frame: Frame) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name and masks of every stratum with enough subjects in both cohorts."""
    reference, generated = strata_of(frame.reference.sample), strata_of(frame.generated.sample)
    for name in sorted(set(reference) & set(generated), key=lambda s: (len(s), s)):
        masks = reference[name], generated[name]
        if min(mask.sum() for mask in masks) >= frame.settings.min_stratum:
            yield name, *masks


@dataclass(frozen=True)
class Stratum(Weighted):
    """Some rows of a large cohort: moments are sums of those of cells, which several strata share.

    Attributes
    ----------
    cells : tuple of ndarray of int
        Rows of every cell that belongs to the stratum; all other rows count nothing.
    shared : dict
        Moments of cells so far, by the name of the outcomes and the first row.
    """

    cells: tuple[np.ndarray, ...] = ()
    shared: dict[tuple[str, int], Moments] = field(default_factory=dict, repr=False)

    def _moments_of(self, name: str, outcomes: np.ndarray) -> Moments:
        first, *others = (self._of_cell(name, outcomes, rows) for rows in self.cells)
        return sum(others, first)

    def _of_cell(self, name: str, outcomes: np.ndarray, rows: np.ndarray) -> Moments:
        key = name, int(rows[0])
        if key not in self.shared:
            self.shared[key] = moments(self.arrays.design[rows], outcomes[rows], self.weights[:, rows])
        return self.shared[key]


class Strata:
    """The strata of one pair, as pairs.

    Parameters
    ----------
    pair : Pair
    """

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._cells = [cells_of(side.arrays.sample) for side in (pair.reference, pair.generated)]
        self._shared: list[dict[tuple[str, int], Moments]] = [{}, {}]

    def restrict(self, reference: np.ndarray, generated: np.ndarray) -> Pair:
        """Return the pair of the rows of a stratum (masks); nothing but differences may be asked of it."""
        if max(len(reference), len(generated)) <= BLOCK_ROWS:
            return restrict(self._pair, reference, generated)
        sides = [
            Stratum(side.arrays, side.weights, tuple(rows for rows in cells if mask[rows[0]]), shared)
            for side, mask, cells, shared in zip(
                (self._pair.reference, self._pair.generated), (reference, generated), self._cells,
                self._shared, strict=True,
            )
        ]  # fmt: skip
        return Pair(self._pair.frame, sides[0], sides[1], self._pair.kind, self._pair.full)


def cells_of(sample: Sample) -> list[np.ndarray]:
    """Return the rows of every combination of age decade and sex: each stratum is a union of these."""
    cells = pd.DataFrame({"sex": sample.male, "decade": decade(sample.age)})
    return [np.asarray(rows) for rows in cells.groupby(["sex", "decade"]).indices.values()]


def restrict(pair: Pair, reference: np.ndarray, generated: np.ndarray) -> Pair:
    """Return the pair with everybody outside a stratum weighted zero."""
    sides = [
        Weighted(side.arrays, side.weights * mask[None].astype(np.uint8))
        for side, mask in ((pair.reference, reference), (pair.generated, generated))
    ]
    return Pair(pair.frame, sides[0], sides[1], pair.kind, pair.full)
