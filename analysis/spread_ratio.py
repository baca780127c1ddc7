"""Ratio of standard deviations among comparable subjects, standardised to one mix of age and sex.

Men vary more than women in cubic millimetres, and the old more than the young. Two cohorts of one population
with other mixes would have other pooled standard deviations. So the residual variance is taken within strata
of sex and age, and both cohorts are averaged with the same weights. Only ages that both cohorts cover count.
"""

import numpy as np

from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pair import ROLES, Pair, Role
from plausibrain.analysis.regression import Moments
from plausibrain.analysis.sample import Sample
from plausibrain.analysis.settings import HeadSize

#: Fewest rows of either cohort in a stratum.
LEAST_ROWS = 10
#: Rows of the smaller cohort per age band, and the most bands.
ROWS_PER_BAND, MOST_BANDS = 50, 3
#: A cohort without variance has this ratio: its logarithm must be finite.
LEAST_RATIO = 1e-3
LEAST_FREEDOM = 1.0


def log_sd_ratio(pair: Pair, headsize: HeadSize) -> np.ndarray:
    """Return the logarithm of generated over reference residual standard deviations, (B, s).

    Notes
    -----
    sum over strata of w_k v_k, w_k = n_rk n_gk / (n_rk + n_gk), v_k the residual sum of squares of stratum k
    over its degrees of freedom (rows less their leverage). Rows of one subject are not independent: with
    residual intraclass correlation rho and m rows per subject a coefficient takes 1 + rho (m - 1) degrees.
    Variances of a bootstrap are brought to the level of the sample's (`unshrunk`).
    """
    n_columns = len(pair.frame.model(tiv=headsize == "covariate"))
    variances = []
    for role in ROLES:
        variance = _standardised_variance(pair, role, headsize)
        if pair.kind == "bootstrap":
            variance = unshrunk(variance, len(pair.side(role).arrays.clusters), n_columns)
        variances.append(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt(variances[1] / variances[0])
    return np.log(np.maximum(ratio, LEAST_RATIO))


def error_of_one_shape(pair: Pair, headsize: HeadSize) -> np.ndarray:
    """Return the standard error of the log ratio of SDs if residuals of both cohorts have one shape, (s,).

    Notes
    -----
    The error of a variance depends on the tails: var(log s) = (g - (m - 3) / m) / (4 (m - 1)) with kurtosis g
    and m observations. A small sample that misses the tails has too small a variance and too small a kurtosis
    at once, so that its own error, the bootstrap's too, is too small exactly where its ratio is far from 1.
    The kurtosis is therefore pooled over both cohorts, after each is divided by its own SD. Rows of one
    subject count as in `log_sd_ratio`.

    References
    ----------
    Bonett 2006 (key Bonett2006), for the ratio of two samples.
    """
    fourth, second, n_rows, factors = 0.0, 0.0, 0, []
    for role in ROLES:
        rest, arrays = _residuals(pair, role, headsize), pair.side(role).arrays
        scale = np.sqrt((rest**2).mean(axis=0))
        z = rest / np.where(scale > 0, scale, 1.0)
        fourth, second, n_rows = fourth + (z**4).sum(axis=0), second + (z**2).sum(axis=0), n_rows + len(z)
        factors.append(len(z) / _repeats(arrays, _outcomes(arrays, headsize)))
    kurtosis = n_rows * fourth / np.maximum(second, 1e-300) ** 2
    variances = [(kurtosis - (m - 3) / m) / np.maximum(m - 1, 1.0) for m in factors]
    return np.asarray(np.sqrt(np.maximum(sum(variances), 0.0)) / 2)


def _outcomes(arrays: CohortArrays, headsize: HeadSize) -> np.ndarray:
    """Return volumes, or their shares of the head where those are judged, (rows, s)."""
    return arrays.shares if headsize == "share" and arrays.shares is not None else arrays.outcomes


def _residuals(pair: Pair, role: Role, headsize: HeadSize) -> np.ndarray:
    """Return what the fit of a cohort leaves of every volume, (rows, s)."""
    frame, arrays = pair.frame, pair.side(role).arrays
    outcomes = _outcomes(arrays, headsize)
    if headsize == "pooled_residual":
        head = arrays.design[:, frame.columns.index("tiv")]
        outcomes = outcomes - head[:, None] * pair.pooled_headsize_slope[0]
    design = arrays.design[:, frame.model(tiv=headsize == "covariate")]
    return np.asarray(outcomes - design @ pair.within(role, headsize).beta[0])


def unshrunk(variance: np.ndarray, n_subjects: int, n_columns: int) -> np.ndarray:
    """Return residual variances of resamples at the level of the sample's own, (B, s).

    Notes
    -----
    A bootstrap draws from residuals, which a second fit shrinks once more: its variances lie at 1 - p/n of
    the sample's (n subjects, p columns). In the ratio of two cohorts of one size that cancels; with 300 and
    60 subjects the ratio of resamples lay 5 % below the estimate. That the logarithm of these variances
    varies as that of new samples needs no correction: what the fit takes, the resampled design adds.

    Examples
    --------
    >>> unshrunk(np.array([[0.9]]), 60, 6)
    array([[1.]])
    """
    return variance * (n_subjects / max(n_subjects - n_columns, 1))


def strata(frame: Frame, sample: Sample) -> list[np.ndarray]:
    """Return the rows of every stratum of a sample: sex, where both are there, times bands of age."""
    edges, sexes = _scheme(frame)
    band = np.digitize(sample.age, edges)  # 0 and len(edges) lie outside the shared ages
    rows = []
    for sex in sexes:
        who = np.ones(len(sample), dtype=bool) if sex is None else sample.male == sex
        rows += [np.flatnonzero(who & (band == k)) for k in range(1, len(edges))]
    return rows


def _scheme(frame: Frame) -> tuple[np.ndarray, tuple[float | None, ...]]:
    """Edges of age bands over the shared ages and sexes to separate, from both cohorts together."""
    both = [frame.reference.sample, frame.generated.sample]
    low, high = frame.shared_ages
    ages = np.concatenate([s.age[(s.age >= low) & (s.age <= high)] for s in both])
    n_bands = int(np.clip(min(len(s) for s in both) // ROWS_PER_BAND, 1, MOST_BANDS))
    inner = np.quantile(ages, np.arange(1, n_bands) / n_bands) if len(ages) else np.empty(0)
    edges = np.unique(np.r_[low, inner, np.nextafter(high, np.inf)])
    each = min(int((s.male == sex).sum()) for s in both for sex in (0.0, 1.0))
    return edges, (0.0, 1.0) if each >= LEAST_ROWS * n_bands else (None,)


def _weights(frame: Frame) -> np.ndarray:
    """Weight of every stratum, (k,): zero where either cohort has too few rows."""
    if "spread weights" not in frame.cache:
        sizes = [
            np.array([len(rows) for rows in strata(frame, p.sample)])
            for p in (frame.reference, frame.generated)
        ]
        enough = np.minimum(*sizes) >= LEAST_ROWS
        weights = np.where(enough, sizes[0] * sizes[1] / np.maximum(sizes[0] + sizes[1], 1), 0.0)
        frame.cache["spread weights"] = weights
    return np.asarray(frame.cache["spread weights"])


def _standardised_variance(pair: Pair, role: Role, headsize: HeadSize) -> np.ndarray:
    key = ("standardised variance", role, headsize)
    if key not in pair.cache:
        frame, arrays = pair.frame, pair.side(role).arrays
        weights = _weights(frame)
        if not weights.any():
            pair.cache[key] = pair.within(role, headsize).variance
        else:
            rows = strata(frame, arrays.sample)
            parts = [(w, _stratum(pair, role, headsize, r)) for w, r in zip(weights, rows, strict=True) if w]
            total = sum(w * np.isfinite(v) for w, v in parts)
            values = sum(w * np.nan_to_num(v) for w, v in parts)
            with np.errstate(divide="ignore", invalid="ignore"):
                pair.cache[key] = values / total
    return pair.cache[key]


def _stratum(pair: Pair, role: Role, headsize: HeadSize, rows: np.ndarray) -> np.ndarray:
    """Residual variance of some rows around the fit of their whole cohort, (B, s); NaN without freedom."""
    side, regression = pair.side(role), pair.within(role, headsize)
    arrays, frame = side.arrays, pair.frame
    outcomes = _outcomes(arrays, headsize)
    key = ("moments of a stratum", role, headsize == "share", int(rows[0]))  # strata share no row
    if key not in pair.cache:
        pair.cache[key] = side.moments_of(arrays.design[rows], outcomes[rows], rows)
    m: Moments = pair.cache[key]
    if headsize == "pooled_residual":
        m = m.without_linear(pair.pooled_headsize_slope, column=frame.columns.index("tiv"))
    m = m.select(frame.model(tiv=headsize == "covariate"))
    projection = 2 * m.xy - m.xx @ regression.beta
    left = m.yy - np.einsum("bps,bps->bs", regression.beta, projection)
    leverage = np.einsum("bij,bji->b", regression.inverse, m.xx)
    freedom = m.n[:, None] - leverage[:, None] * _repeats(arrays, outcomes)[None]
    return np.where(freedom >= LEAST_FREEDOM, np.maximum(left, 0.0) / np.maximum(freedom, 1e-9), np.nan)


def _repeats(arrays: CohortArrays, outcomes: np.ndarray) -> np.ndarray:
    """Degrees of freedom that one coefficient takes, (s,): more than one where subjects have several rows."""
    clusters = arrays.clusters
    if len(clusters) == len(arrays.sample):
        return np.ones(outcomes.shape[1])
    beta = np.linalg.lstsq(arrays.design, outcomes, rcond=None)[0]
    rest = outcomes - arrays.design @ beta
    sizes = np.bincount(clusters.row_of)
    sums = np.zeros((len(sizes), rest.shape[1]))
    np.add.at(sums, clusters.row_of, rest)
    mean_square = np.maximum((rest**2).mean(axis=0), 1e-300)
    n_pairs = float((sizes.astype(float) ** 2 - sizes).sum())
    rho = np.clip(((sums**2).sum(axis=0) - (rest**2).sum(axis=0)) / n_pairs / mean_square, 0.0, 1.0)
    return 1 + rho * (float((sizes.astype(float) ** 2).sum()) / sizes.sum() - 1)
