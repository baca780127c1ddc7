"""Strata: age decade, sex, and both, wherever both cohorts have enough subjects."""

from collections.abc import Iterator

import numpy as np

from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.pair import Pair, Weighted
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


def restrict(pair: Pair, reference: np.ndarray, generated: np.ndarray) -> Pair:
    """Return the pair with everybody outside a stratum weighted zero."""
    sides = [
        Weighted(side.arrays, side.weights * mask[None].astype(np.uint8))
        for side, mask in ((pair.reference, reference), (pair.generated, generated))
    ]
    return Pair(pair.frame, sides[0], sides[1], pair.kind, pair.full)
