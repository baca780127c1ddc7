"""Numbers that depend on n even for a perfect generator, made comparable between runs of different n.

The largest of many differences shrinks as subjects are added, so the run with more images would look better.
Such headlines also state their excess over split-half reference at a fixed number of subjects on each side;
where n differs, that excess is compared instead of the number itself.
"""

import math
from collections.abc import Sequence

from plausibrain.reports.baseline_snapshot import Headline

SAME_N = 0.05  # relative difference of n below which the dependence on n is negligible


def at_equal_n(headlines: Sequence[Headline | None]) -> tuple[Headline | None, ...]:
    """Return one headline of several runs so that their numbers rest on equal n.

    Parameters
    ----------
    headlines : sequence of Headline or None
        The same headline in each run.

    Returns
    -------
    tuple of Headline or None
        Unchanged when the number does not depend on n or n is the same. Otherwise the excess over real
        against real, with its interval; a run without one, or with one at another n, gets a status and a
        reason.
    """
    usable = [headline for headline in headlines if headline is not None and headline.usable]
    if not any(headline.against_null for headline in usable) or _same([h.n_generated for h in usable]):
        return tuple(headlines)
    null_sizes = [headline.null.n if headline.null else math.nan for headline in usable]
    reason = "" if _same(null_sizes) else _REASON
    return tuple(h if h is None or not h.usable else _excess(h, reason) for h in headlines)


_REASON = (
    "it depends on n, the runs have different n, and their excess over split-half reference was taken at "
    "different n too: "
    "repeat one of them with as many subjects as the other"
)


def _same(numbers: Sequence[float]) -> bool:
    """Tell whether all numbers agree within 5 %; unknown numbers do not agree."""
    if not all(math.isfinite(number) for number in numbers):
        return False
    return max(numbers) <= (1 + SAME_N) * min(numbers)


def _excess(headline: Headline, reason: str) -> Headline:
    if reason or not math.isfinite(headline.judged):
        return headline.model_copy(update={"status": "not_comparable", "reason": reason or _REASON})
    shift = headline.judged - headline.estimate
    return headline.model_copy(
        update={
            "label": f"{headline.title}, beyond split-half reference",
            "estimate": headline.judged,
            "ci_low": headline.ci_low + shift,
            "ci_high": headline.ci_high + shift,
            "margin_low": headline.margin_low + shift,
            "margin_high": headline.margin_high + shift,
            "ideal": 0.0,
        }
    )
