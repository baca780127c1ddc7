"""How many subjects a verdict needs."""

import math
from typing import Any

from scipy.optimize import brentq
from scipy.stats import norm


def verdict_power(
    n_reference: float, n_generated: float, *, margin: float, effect: float, alpha: float
) -> float:
    """Return the chance of the right verdict on one standardised difference.

    Inside the margin the right verdict is *pass* (both one-sided tests at alpha), outside it is *fail* (the
    difference exceeds the nearer edge at alpha, two-sided).

    Parameters
    ----------
    n_reference, n_generated : float
        Subjects per cohort.
    margin, effect : float
        Standard deviations.
    alpha : float

    Examples
    --------
    >>> round(verdict_power(429, 429, margin=0.2, effect=0.0, alpha=0.05), 2)
    0.8
    """
    se = math.sqrt(1 / n_reference + 1 / n_generated + effect**2 / (2 * (n_reference + n_generated)))
    if abs(effect) < margin:
        z = norm.ppf(1 - alpha)
        return float(max(0.0, norm.cdf((margin - effect) / se - z) - norm.cdf(-(margin + effect) / se + z)))
    return float(norm.sf(norm.ppf(1 - alpha / 2) - (abs(effect) - margin) / se))


def plan_sample_size(
    *, margin: float, effect: float, power: float, alpha: float, n_reference: int | None = None
) -> dict[str, Any]:
    """Return the number of generated subjects for a wanted chance of the right verdict.

    Parameters
    ----------
    margin, effect : float
        Standard deviations; `effect` is the true difference.
    power, alpha : float
    n_reference : int or None
        Real subjects if fixed; None plans equal cohorts.

    Returns
    -------
    dict
        `n_generated`, `n_reference` (None when no number suffices) and a `sentence`.

    References
    ----------
    Schuirmann 1987 (key Schuirmann1987) for the two one-sided tests.
    """
    right = "pass" if abs(effect) < margin else "fail"

    def gap(n: float) -> float:
        return verdict_power(n_reference or n, n, margin=margin, effect=effect, alpha=alpha) - power

    question = (
        f"a difference of {effect:g} SD called {right!r} at a margin of {margin:g} SD with {power:.0%} chance"
    )
    if gap(1e8) < 0:
        limit = verdict_power(n_reference or 1e8, 1e8, margin=margin, effect=effect, alpha=alpha)
        sentence = f"{question}: no number of images is enough"
        sentence += f" with {n_reference} real subjects (at most {limit:.0%})" if n_reference else ""
        return {"n_generated": None, "n_reference": n_reference, "verdict": right, "sentence": sentence}
    n = 2 if gap(2) >= 0 else math.ceil(brentq(gap, 2, 1e8))
    real = n_reference or n
    sentence = (
        f"{question}: {n} images against {real} real subjects, for one structure; "
        "more for all of them together"
    )
    return {"n_generated": n, "n_reference": real, "verdict": right, "sentence": sentence}
