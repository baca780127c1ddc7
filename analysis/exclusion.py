"""How many rows were left out, or flagged, and how sure that difference is."""

from functools import partial

import numpy as np
from statsmodels.stats.proportion import confint_proportions_2indep

from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.pair import Pair


def row_counts(frame: Frame, column: str) -> dict[str, tuple[int, int]]:
    """Return rows of each cohort for which a column holds, and all rows for which it is known.

    Parameters
    ----------
    frame : Frame
    column : str
        Of `Frame.excluded`: ``excluded`` or ``implausible``.
    """
    valid_rows = frame.excluded.dropna(subset=[column])
    return {
        str(role): (int(rows[column].astype(bool).sum()), len(rows))
        for role, rows in valid_rows.groupby("cohort", sort=False)
    }


def share_difference(pair: Pair, column: str) -> np.ndarray:
    """Return the share of rows for which a column holds, generated minus reference, (B,).

    The bootstrap of a share is binomial and a split of a cohort is hypergeometric, so both are drawn
    directly from the counts.
    """
    counts = row_counts(pair.frame, column)
    share = {role: out / total for role, (out, total) in counts.items()}
    if pair.kind == "full":
        return np.array([share["generated"] - share["reference"]])
    rng = np.random.default_rng([pair.frame.settings.seed, 7])
    size, (out_r, n_r), (out_g, n_g) = pair.n_replicates, counts["reference"], counts["generated"]
    if pair.kind == "bootstrap":
        return (
            rng.binomial(n_g, share["generated"], size) / n_g
            - rng.binomial(n_r, share["reference"], size) / n_r
        )
    m = min(n_r // 2, n_g)
    first = rng.hypergeometric(out_r, n_r - out_r, m, size)
    if pair.kind == "matched":
        return (rng.hypergeometric(out_g, n_g - out_g, m, size) - first) / m
    rest = out_r - first
    second = rng.hypergeometric(rest, n_r - m - rest, m, size)
    return (second - first) / m


def newcombe(frame: Frame, level: float, *, column: str) -> tuple[float, float]:
    """Return Newcombe's hybrid score interval for the difference of two shares.

    Unlike the bootstrap it is not empty of width when nobody was excluded.

    References
    ----------
    Newcombe 1998, method 10 (key Newcombe1998).
    """
    counts = row_counts(frame, column)
    (out_r, n_r), (out_g, n_g) = counts["reference"], counts["generated"]
    low, high = confint_proportions_2indep(
        out_g, n_g, out_r, n_r, method="newcomb", compare="diff", alpha=1 - level
    )
    return float(low), float(high)


exclusion_difference = partial(share_difference, column="excluded")
exclusion_interval = partial(newcombe, column="excluded")
implausible_difference = partial(share_difference, column="implausible")
implausible_interval = partial(newcombe, column="implausible")
