"""Feature vectors of images on a scale on which subjects of any age and sex can be compared."""

from collections.abc import Mapping, Sequence

import numpy as np

#: Vectors longer than this are images: their voxels share one scale, or dark voxels would count as much as
#: bright.
LONGEST_STANDARDISED = 4096
LARGEST_LEVERAGE = 0.9


def deviating_clouds(
    designs: Sequence[np.ndarray],
    features: Sequence[Mapping[str, np.ndarray]],
    rows: Sequence[np.ndarray],
    columns: tuple[str, ...],
) -> list[dict[str, np.ndarray]]:
    """Return features as deviations from what age and sex predict in the reference, for both cohorts.

    Parameters
    ----------
    designs : sequence of ndarray, (n, p)
        Of reference and generated cohort.
    features : sequence of mapping of str to ndarray, (n, d)
        By extractor; those that only one cohort has are left out.
    rows : sequence of ndarray of int
        Rows that take part in statistics over pairs.
    columns : tuple of str, (p,)
        Names of the design columns; head size is not adjusted for.

    Returns
    -------
    list of dict of str to ndarray of float32, (len(rows), d)
        NaN rows where there is no vector, or where the reference has too few to predict from.

    Notes
    -----
    A subject of the reference is predicted without that subject, as in `plausibrain.analysis.joint_design`.
    Every feature is divided by its standard deviation around the prediction; the voxels of an image by their
    common one.
    """
    model = [i for i, name in enumerate(columns) if name != "tiv"]
    age_sex_designs = [design[members][:, model] for design, members in zip(designs, rows, strict=True)]
    common = [name for name in features[0] if name in features[1]]
    result: list[dict[str, np.ndarray]] = [{}, {}]
    for name in sorted(common):
        vectors = [clouds[name][members] for clouds, members in zip(features, rows, strict=True)]
        if vectors[0].shape[1] != vectors[1].shape[1]:
            continue
        for side, points in zip(result, _deviations(age_sex_designs, vectors), strict=True):
            side[name] = points
    return result


def _deviations(designs: Sequence[np.ndarray], vectors: Sequence[np.ndarray]) -> list[np.ndarray]:
    present = np.isfinite(vectors[0]).all(axis=1)
    x, y = designs[0][present], vectors[0][present].astype(float)
    freedom = len(x) - np.linalg.matrix_rank(x) if len(x) else 0
    if freedom < 1:
        return [np.full(v.shape, np.nan, dtype=np.float32) for v in vectors]
    inverse = np.linalg.pinv(x)
    beta = inverse @ y
    scale = _scale(y - x @ beta, freedom)
    points = [((v - d @ beta) / scale).astype(np.float32) for d, v in zip(designs, vectors, strict=True)]
    leverage = np.minimum(np.einsum("np,pn->n", x, inverse), LARGEST_LEVERAGE)
    points[0][present] /= (1 - leverage)[:, None].astype(np.float32)
    return points


def _scale(residuals: np.ndarray, freedom: int) -> np.ndarray:
    """Return the standard deviation of every feature, (d,); of all voxels together for an image."""
    variance = (residuals**2).sum(axis=0) / freedom
    if residuals.shape[1] > LONGEST_STANDARDISED:
        variance = np.full_like(variance, variance.mean())
    tiny = variance <= 1e-12 * max(float(variance.max()), 1e-300)
    return np.sqrt(np.where(tiny, 1.0, variance))
