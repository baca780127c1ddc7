"""Verdicts of many headlines at once: Holm's step-down procedure over what fails."""

import math
from collections.abc import Sequence


def holm_divisors(p: Sequence[float], alpha: float) -> list[int]:
    """Return what alpha is divided by for every p value, so that Holm's procedure is one comparison each.

    The smallest of K p values is compared with alpha / K, the next with alpha / (K - 1), and so on until one
    is kept; all that follow have the divisor of that one, and are kept too because they are larger.

    Parameters
    ----------
    p : sequence of float
        NaN where there is no verdict: those do not count among the K.
    alpha : float

    References
    ----------
    Holm 1979 (key Holm1979).

    Examples
    --------
    >>> holm_divisors([0.001, 0.9, math.nan, 0.04], 0.05)
    [3, 2, 3, 2]
    """
    ranking = sorted((value, i) for i, value in enumerate(p) if math.isfinite(value))
    divisors, stop = [max(len(ranking), 1)] * len(p), 0
    for rank, (value, i) in enumerate(ranking):
        divisors[i] = stop or len(ranking) - rank
        if not stop and value > alpha / divisors[i]:
            stop = divisors[i]
    return divisors
