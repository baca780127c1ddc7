"""How many subjects a verdict needs, by the rule of the report: the size of one structure or of the head.

What has no formula (spread, ageing, distances) is planned by simulation (`plausibrain.planning`).
"""

import math
from typing import Any, Literal

from scipy.optimize import brentq
from scipy.stats import nct, norm
from scipy.stats import t as student

from plausibrain.cohorts.errors import DataError

#: What a difference may be of: one structure of a map, adjusted for head size, or the head itself.
Of = Literal["structure", "head"]
#: Headlines that tables of volumes let the scorecard judge, Holm's first divisor.
TABLE_HEADLINES = 25
#: Structures of SynthSeg's or FreeSurfer's aseg; with cortical parcels about 100.
ASEG_STRUCTURES = 32
#: Columns of the joint model: constant, three of age, sex, cohort, and head size for a structure.
COLUMNS: dict[Of, int] = {"head": 6, "structure": 7}
MOST_SUBJECTS = 1e8


def verdict_power(
    n_reference: float,
    n_generated: float,
    *,
    margin: float,
    effect: float,
    alpha: float,
    of: Of = "structure",
    n_headlines: int = TABLE_HEADLINES,
    n_structures: int = ASEG_STRUCTURES,
) -> float:
    """Return the chance of the right verdict on one standardised difference.

    Inside the margin the right verdict is *pass* (both one-sided tests at alpha). Beyond it is *fail*: the
    estimate lies beyond the margin and differs from zero after correction over structures (of a structure)
    and headlines (Holm's first step).

    Parameters
    ----------
    n_reference, n_generated : float
        Subjects per cohort.
    margin, effect : float
        Standard deviations of comparable subjects.
    alpha : float
        Chance of a false *fail* in the whole scorecard; of a false *pass* for the one difference.
    of : {"structure", "head"}
    n_headlines, n_structures : int
        What p values are corrected over.

    Notes
    -----
    With N subjects and p columns, the variance of the adjusted difference is (1/n_r + 1/n_g)(1 + p/(N-p-1))
    plus that of the standard deviation it is divided by, d²/(2 n_r). Resampling subjects makes standard
    errors larger by 1 + p/N: the rule's threshold is raised by as much.

    Examples
    --------
    >>> round(verdict_power(250, 250, margin=0.2, effect=0.5, alpha=0.05), 1)
    0.9
    """
    total, columns = n_reference + n_generated, COLUMNS[of]
    freedom = max(total - columns - 1, 1.0)
    between = (1 / n_reference + 1 / n_generated) * (1 + columns / freedom)
    se, inflation = math.sqrt(between + effect**2 / (2 * n_reference)), 1 + columns / total
    if abs(effect) < margin:
        z = norm.ppf(1 - alpha) * inflation
        return float(max(0.0, norm.cdf((margin - effect) / se - z) - norm.cdf(-(margin + effect) / se + z)))
    threshold = inflation * _critical(alpha / n_headlines, of, n_structures, min(n_reference, n_generated))
    significant = nct.sf(threshold, freedom, abs(effect) / se)
    return float(min(significant, norm.sf((margin - abs(effect)) / se)))


def check_of(name: str) -> Of:
    """Return what a difference is of; `DataError` for another name."""
    names: dict[str, Of] = {"head": "head", "structure": "structure"}
    if name not in names:
        raise DataError(f"expected a difference of {' or '.join(names)}, got {name!r}")
    return names[name]


def _critical(level: float, of: Of, n_structures: int, smaller: float) -> float:
    """Return the statistic from which a difference counts, as `plausibrain.analysis` tests it."""
    if of == "head":
        return float(norm.isf(level / 2))
    single = -math.expm1(math.log1p(-level) / n_structures)  # Šidák
    return float(student.isf(single / 2, max(smaller - COLUMNS[of] + 1, 3)))


def plan_sample_size(
    *,
    margin: float,
    effect: float,
    power: float,
    alpha: float,
    n_reference: int | None = None,
    of: Of = "structure",
    n_headlines: int = TABLE_HEADLINES,
    n_structures: int = ASEG_STRUCTURES,
) -> dict[str, Any]:
    """Return the number of generated subjects for a wanted chance of the right verdict.

    Parameters
    ----------
    margin, effect : float
        Standard deviations; `effect` is the true difference.
    power, alpha : float
    n_reference : int or None
        Real subjects if fixed; None plans equal cohorts.
    of, n_headlines, n_structures
        As in `verdict_power`.

    Returns
    -------
    dict
        `n_generated`, `n_reference` (None when no number suffices) and a `sentence`.

    References
    ----------
    Schuirmann 1987 (key Schuirmann1987) for the two one-sided tests.
    """
    right = "pass" if abs(effect) < margin else "fail"
    rule: dict[str, Any] = {"of": of, "n_headlines": n_headlines, "n_structures": n_structures}

    def chance(n: float) -> float:
        return verdict_power(n_reference or n, n, margin=margin, effect=effect, alpha=alpha, **rule)

    what = f"one of {n_structures} structures" if of == "structure" else "head size"
    question = (
        f"for a difference of {effect:g} SD in {what} to be called {right!r} at a margin of {margin:g} SD "
        f"with {100 * power:.0f} % chance"
    )
    if right == "fail":
        question += f", by the rule of the report (corrected over {n_headlines} headlines" + (
            " and over structures)" if of == "structure" else ")"
        )
    if chance(MOST_SUBJECTS) < power:
        sentence = f"{question}, no number of images is enough"
        if n_reference:
            sentence += (
                f" with {n_reference} reference subjects (at most {100 * chance(MOST_SUBJECTS):.0f} %)"
            )
        return {"n_generated": None, "n_reference": n_reference, "verdict": right, "sentence": sentence}
    n = 2 if chance(2) >= power else math.ceil(brentq(lambda n: chance(n) - power, 2, MOST_SUBJECTS))
    real = n_reference or n
    sentence = f"{question}, a report needs {n} images against {real} reference subjects"
    return {"n_generated": n, "n_reference": real, "verdict": right, "sentence": sentence}
