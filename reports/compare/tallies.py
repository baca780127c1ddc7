"""How each run of a comparison does against the others: counts of questions, and ranks over all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plausibrain.reports.compare.results import Comparison, Group
from plausibrain.reports.compare.statistics import rank_shares


@dataclass(frozen=True)
class Tally:
    """How one run does against the others, in questions."""

    better: int
    worse: int
    mixed: int
    unresolved: int
    unjudged: int
    unmeasured: int

    @property
    def text(self) -> str:
        """The counts in words."""
        parts = [f"better on {self.better}", f"worse on {self.worse}"]
        parts += [f"mixed on {self.mixed}"] if self.mixed else []
        parts += [f"{self.unresolved} unresolved"]
        parts += [f"{self.unjudged} not judged"] if self.unjudged else []
        return ", ".join([*parts, f"{self.unmeasured} not measured"])


def tallies(comparison: Comparison) -> list[Tally]:
    """Count per run the questions on which it beats some other run, is beaten by one, or neither.

    A run that beats one run and is beaten by another counts as mixed, as does one that is better than the
    same run on one metric of a question and worse on another.
    """
    return [_tally(comparison, place) for place in range(len(comparison.names))]


def _tally(comparison: Comparison, place: int) -> Tally:
    counts = {"better": 0, "worse": 0, "mixed": 0, "unresolved": 0, "unjudged": 0, "unmeasured": 0}
    others = [other for other in range(len(comparison.names)) if other != place]
    for group in comparison.groups:
        counts[_standing(group, place, others)] += 1
    return Tally(**counts)


def _standing(group: Group, place: int, others: Sequence[int]) -> str:
    if not group.compared:
        return "unmeasured"
    if not group.judged:
        return "unjudged"
    for_it = any(group.score(place, other)[0] for other in others)
    against_it = any(group.score(place, other)[1] for other in others)
    if for_it and against_it:
        return "mixed"
    return "better" if for_it else "worse" if against_it else "unresolved"


@dataclass(frozen=True)
class Standing:
    """Rank of one run over all questions.

    Attributes
    ----------
    place : int
        Of the run in the comparison.
    rank, low, high : float
        Mean rank over the questions that could be judged (1 is best) with its 95 % interval over joint
        resamples.
    first : float
        Share of resamples in which its mean rank is the best.
    tally : Tally
    """

    place: int
    rank: float
    low: float
    high: float
    first: float
    tally: Tally


def standings(comparison: Comparison) -> list[Standing]:
    """Rank the runs by their mean rank over questions, best first; none where no question ranks them all."""
    draws = comparison.mean_ranks[np.isfinite(comparison.mean_ranks).all(axis=1)]
    if not len(draws):
        return []
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    means, first, scores = draws.mean(axis=0), rank_shares(draws)[:, 0], tallies(comparison)
    rows = [
        Standing(place, means[place], low[place], high[place], first[place], scores[place])
        for place in range(len(scores))
    ]
    return sorted(rows, key=lambda row: (row.rank, row.place))
