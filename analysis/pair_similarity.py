"""How alike pairs of images of one cohort are, weighted by the images."""

import numpy as np
import pandas as pd

from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.pair import Pair, Role

_NO_NUMBER = ("first", "second", "reason")


def similarity_names(frame: Frame) -> tuple[str, ...]:
    """Return the similarities that both cohorts have compared pairs for."""
    first, second = (_compared(p.sample.pairs) for p in (frame.reference, frame.generated))
    return tuple(name for name in first if name in second)


def _compared(table: pd.DataFrame | None) -> list[str]:
    if table is None:
        return []
    return [name for name in table.columns if name not in _NO_NUMBER and table[name].notna().any()]


def mean_similarity(pair: Pair, role: Role, name: str) -> np.ndarray:
    """Return the mean similarity of pairs of different subjects, (B,).

    A pair weighs as much as both of its images together, their product. Images are what is drawn: a pair is
    not a draw of its own, since an image that is like everybody else makes all its pairs alike.
    """
    side = pair.side(role)
    table = side.arrays.sample.pairs
    if table is None:
        raise ValueError("there are no pairs; check similarity_names first")
    rows = table[table[name].notna()]
    weights = _by_image(side.arrays.sample.subjects["participant_id"], side.weights, rows)
    both = weights[0] * weights[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return (both @ rows[name].to_numpy(dtype=float)) / both.sum(axis=1)


def _by_image(ids: pd.Series, weights: np.ndarray, table: pd.DataFrame) -> list[np.ndarray]:
    """Return the weight of the first and of the second image of every pair, (B, pairs) each."""
    codes, unique = pd.factorize(ids)
    sums = np.zeros((len(unique), len(weights)))
    np.add.at(sums, codes, weights.T)
    index = pd.Index(unique)
    return [sums[index.get_indexer(table[column])].T for column in ("first", "second")]
