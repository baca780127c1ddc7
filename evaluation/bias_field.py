"""Smooth gain over a brain, from grey values and labels."""

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.volumes import Volume
from plausibrain.evaluation.tissues import Tissues

ORDER = 3
MAX_POINTS = 40_000
MIN_POINTS = 500


def log_gain(image: Volume, tissues: Tissues) -> np.ndarray:
    """Logarithm of the gain at voxels of grey and white matter, (n,).

    Parameters
    ----------
    image : Volume
    tissues : Tissues

    Returns
    -------
    ndarray, (n,)
        At most `MAX_POINTS` voxels, evenly chosen; mean zero.

    Raises
    ------
    MeasurementError
        When there is too little tissue, or all of it lies in a plane.

    Notes
    -----
    Least squares of the log grey value on the tissue and all monomials of the world coordinates up to order
    3 (19 of them), over inner white matter and cortex. Values outside the central 98 % of their tissue are
    left out: holes, vessels, partial volume.
    """
    points, values, white, usual = _points(tissues)
    smooth = monomials(points @ image.affine[:3, :3].T)
    design = np.column_stack([white, 1.0 - white, smooth])
    rows = design[usual]
    try:
        solution = np.linalg.solve(rows.T @ rows, rows.T @ np.log(values[usual]))
    except np.linalg.LinAlgError as error:
        raise MeasurementError("grey and white matter do not span the three axes") from error
    gain = smooth @ solution[2:]
    return np.asarray(gain - gain.mean())


def monomials(world: np.ndarray) -> np.ndarray:
    """Monomials of orders 1 to `ORDER` of centred and scaled coordinates, (n, 19)."""
    offsets = world - world.mean(axis=0)
    units = offsets / np.maximum(np.abs(offsets).max(axis=0), 1e-9)
    powers = [np.ones_like(units)]
    for _ in range(ORDER):
        powers.append(powers[-1] * units)
    return np.column_stack(
        [
            powers[a][:, 0] * powers[b][:, 1] * powers[c][:, 2]
            for a in range(ORDER + 1)
            for b in range(ORDER + 1 - a)
            for c in range(ORDER + 1 - a - b)
            if a + b + c > 0
        ]
    )


def _points(tissues: Tissues) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Take evenly chosen voxels: indices, grey values, whether white, and whether usual for the tissue."""
    parts_list: list[tuple[np.ndarray, ...]] = []
    for mask, is_white in ((tissues.inner_wm, 1.0), (tissues.gm, 0.0)):
        flat = np.flatnonzero(mask & (tissues.data > 0))
        if len(flat) < MIN_POINTS:
            raise MeasurementError(f"fewer than {MIN_POINTS} voxels of grey or of white matter")
        flat = flat[:: -(-len(flat) // (MAX_POINTS // 2))]
        grey = tissues.data.ravel()[flat].astype(np.float64)
        low, high = np.percentile(grey, [1, 99])
        parts_list.append((flat, grey, np.full(len(flat), is_white), (grey >= low) & (grey <= high)))
    flat, values, white, usual = (np.concatenate(part) for part in zip(*parts_list, strict=True))
    points = np.column_stack(np.unravel_index(flat, tissues.data.shape)).astype(np.float64)
    return points, values, white, usual
