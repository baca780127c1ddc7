"""Every headline of several runs, held against each other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from plausibrain.reports.baseline_snapshot import Headline, Snapshot
from plausibrain.reports.compare.equal_n import at_equal_n
from plausibrain.reports.compare.protocol import joint_draws
from plausibrain.reports.compare.statistics import (
    Draws,
    Interval,
    Joint,
    difference_interval,
    difference_p,
    family_level,
    join,
    loss,
    loss_interval,
    mean_ranks,
    on_scale,
    rank_shares,
    resolvable,
)

ALPHA = 0.05  # chance of any false finding in the whole comparison
#: A difference below this part of the equivalence margin is negligible, however sure it is.
NEGLIGIBLE = 0.1
NOT_RESOLVED = "not resolved"
NOT_JUDGED = "not judged"
MIXED = "mixed"


@dataclass(frozen=True)
class Pair:
    """One headline of two runs: second against first.

    ``difference`` is second minus first with its interval at the level shared by all pairs; ``worsening`` is
    the loss of the second minus that of the first, a logarithm where ``ratio``. ``least`` is the smallest
    worsening that counts, and ``judged`` is False where the design of the requests of either run does not
    support a verdict on this headline. ``nearer`` is the place of the run that is resolved to be nearer the
    ideal by more than a negligible amount, or None.
    """

    name: str
    first: int
    second: int
    joint: Joint
    difference: Interval
    worsening: Interval
    p: float
    resolvable: float
    ratio: bool
    least: float = 0.0
    judged: bool = True

    @property
    def resolved(self) -> bool:
        """True when the interval of the difference excludes zero."""
        return self.difference.low > 0 or self.difference.high < 0

    @property
    def nearer(self) -> int | None:
        """Place of the run that is nearer the ideal beyond chance, and by an amount that counts."""
        return None if self.negligible or not self.judged else self._nearer

    @property
    def negligible(self) -> bool:
        """True when one run is nearer beyond chance, but by less than a tenth of the margin."""
        return self._nearer is not None and abs(self.worsening.estimate) < self.least

    @property
    def _nearer(self) -> int | None:
        if self.worsening.low > 0:
            return self.first
        return self.second if self.worsening.high < 0 else None


@dataclass(frozen=True)
class Line:
    """One headline over all runs."""

    name: str
    headlines: tuple[Headline | None, ...]
    pairs: tuple[Pair, ...]
    losses: Draws | None
    ranks: Draws

    @property
    def headline(self) -> Headline:
        """The headline as the first run that has it states it."""
        return next(headline for headline in self.headlines if headline is not None)

    @property
    def problems(self) -> tuple[str, ...]:
        """Per run why it has no number here; empty text where it has one."""
        return tuple("no such headline" if h is None else h.problem for h in self.headlines)

    @property
    def judged(self) -> tuple[Pair, ...]:
        """Pairs whose distance from the ideal means something under the design of their requests."""
        return tuple(pair for pair in self.pairs if pair.judged)

    @property
    def winner(self) -> int | None:
        """Place of the run that is resolved to be nearer the ideal than every other one."""
        others = len(self.headlines) - 1
        for place in range(len(self.headlines)):
            if sum(pair.nearer == place for pair in self.pairs) == others:
                return place
        return None


@dataclass(frozen=True)
class Group:
    """One question: its lines, and who wins it."""

    number: int
    name: str
    verdicts: tuple[str, ...]
    lines: tuple[Line, ...]
    ranks: Draws
    mean_ranks: Draws
    reason: str

    @property
    def judged(self) -> bool:
        """True when some metric of the question can say which run is nearer."""
        return any(line.judged for line in self.lines)

    @property
    def compared(self) -> bool:
        """True when two runs have a number of some metric of the question."""
        return any(line.pairs for line in self.lines)

    def score(self, first: int, second: int) -> tuple[int, int]:
        """Count the headlines on which either of two runs is resolved to be nearer."""
        return self._wins.get((first, second), 0), self._wins.get((second, first), 0)

    @cached_property
    def _wins(self) -> Counter[tuple[int, int]]:
        """Count headlines by the run that is nearer and the one that is further."""
        nearer = [(pair, pair.nearer) for line in self.lines for pair in line.pairs]
        return Counter(
            (place, pair.second if place == pair.first else pair.first)
            for pair, place in nearer
            if place is not None
        )

    def beats(self, place: int, other: int) -> bool:
        """Tell whether a run is nearer on some headline of the question and further on none."""
        for_it, against_it = self.score(place, other)
        return for_it > 0 and against_it == 0

    @property
    def winner(self) -> int | None:
        """Place of the run that beats every other, or None."""
        places = range(len(self.verdicts))
        for place in places:
            if all(self.beats(place, other) for other in places if other != place):
                return place
        return None

    @property
    def mixed(self) -> bool:
        """True when two runs are each nearer on some headline of the question."""
        return any(min(self.score(a, b)) > 0 for a, b in combinations(range(len(self.verdicts)), 2))


@dataclass(frozen=True)
class Comparison:
    """Several runs of one protocol, compared."""

    runs: tuple[Snapshot, ...]
    names: tuple[str, ...]
    groups: tuple[Group, ...]
    n_tests: int
    level: float
    mean_ranks: Draws

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every headline, in the order of the questions."""
        return tuple(line for group in self.groups for line in group.lines)


def compare_snapshots(runs: Sequence[Snapshot], names: Sequence[str]) -> Comparison:
    """Compare every headline of every pair of runs.

    Parameters
    ----------
    runs : sequence of Snapshot
        Two or more, of one protocol (the caller has seen to that).
    names : sequence of str
        What to call them, all different.

    Returns
    -------
    Comparison
        Intervals at the level at which the chance of any false finding is at most 5 % over all headlines and
        pairs (Bonferroni).
    """
    order: dict[str, int] = {}
    for run in runs:
        for name, question in run.questions.items():
            order.setdefault(name, question.number)
    headlines = {name: tuple(run.headlines.get(name) for run in runs) for name in order}
    counts = [sum(h is not None and h.usable for h in at_equal_n(entries)) for entries in headlines.values()]
    n_tests = sum(count * (count - 1) // 2 for count in counts)
    level = family_level(n_tests, ALPHA)
    draws = joint_draws(runs)
    lines = {name: _line(name, entries, draws, level) for name, entries in headlines.items()}
    groups = tuple(
        _group(number, runs, [lines[name] for name in order if order[name] == number])
        for number in sorted({question.number for run in runs for question in run.facts.questions})
    )
    return Comparison(tuple(runs), tuple(names), groups, n_tests, level, _overall_ranks(groups, len(runs)))


def _tested(headline: Headline | None) -> bool:
    return headline is not None and headline.usable and headline.verdict != NOT_JUDGED


def _overall_ranks(groups: Sequence[Group], n_runs: int) -> Draws:
    """Mean rank of each run over the questions, in each joint draw, (B, R); no rows without a question."""
    ranks = [group.mean_ranks for group in groups if len(group.mean_ranks)]
    return np.mean(np.stack(ranks), axis=0) if ranks else np.empty((0, n_runs))


def _line(
    name: str, originals: Sequence[Headline | None], draws: Sequence[pd.DataFrame | None], level: float
) -> Line:
    headlines = at_equal_n(originals)
    usable = [place for place, headline in enumerate(headlines) if headline is not None and headline.usable]
    columns = [_column(*parts, name) for parts in zip(originals, headlines, draws, strict=True)]
    ratio = all(headline.ratio_scale for place in usable if (headline := headlines[place]) is not None)
    pairs = tuple(
        _pair(name, (first, second), (columns[a], columns[b]), (a, b), level, ratio=ratio)
        for a, b in combinations(usable, 2)
        if (first := headlines[a]) is not None and (second := headlines[b]) is not None
    )
    losses = _losses(headlines, columns, ratio=ratio)
    ranks = np.full((len(headlines),) * 2, np.nan) if losses is None else rank_shares(losses)
    return Line(name, headlines, pairs, losses, ranks)


def _pair(
    name: str,
    headlines: tuple[Headline, Headline],
    columns: tuple[Draws | None, Draws | None],
    places: tuple[int, int],
    level: float,
    *,
    ratio: bool,
) -> Pair:
    joint = join(*headlines, *columns)
    tail, first = (1 - level) / 2, headlines[0]
    comparison = join(*headlines, *columns, ratio=True) if ratio else joint
    ideal = float(on_scale(first.ideal, ratio=ratio))
    change = loss_interval(comparison, better=first.better, ideal=ideal, alpha_low=tail, alpha_high=tail)
    return Pair(
        name,
        *places,
        joint,
        difference_interval(joint, level),
        change,
        difference_p(joint),
        resolvable(joint, level),
        ratio,
        least=_least(headlines[0], ratio=ratio),
        judged=all(map(_tested, headlines)),
    )


def _least(headline: Headline, *, ratio: bool) -> float:
    """Return the smallest worsening that counts; 0 where no margin says so."""
    same_scale = ratio == headline.ratio_scale
    return NEGLIGIBLE * headline.margin if same_scale and headline.margin > 0 else 0.0


def _column(
    original: Headline | None, headline: Headline | None, draws: pd.DataFrame | None, name: str
) -> Draws | None:
    """Draws of a headline, moved along where its excess over the null stands for it."""
    if original is None or headline is None or draws is None or name not in draws:
        return None
    shift = headline.estimate - original.estimate if headline.usable else 0.0
    return np.asarray(draws[name].to_numpy() + shift, dtype=np.float64)


def _losses(
    headlines: Sequence[Headline | None], columns: Sequence[Draws | None], *, ratio: bool
) -> Draws | None:
    """Loss in each joint draw, (B, R); None when a run has no number or no draws of the headline."""
    losses = [
        loss(
            on_scale(column, ratio=ratio),
            better=headline.better,
            ideal=float(on_scale(headline.ideal, ratio=ratio)),
        )
        for headline, column in zip(headlines, columns, strict=True)
        if headline is not None and _tested(headline) and column is not None
    ]
    return np.column_stack(losses) if len(losses) == len(headlines) else None


def _group(number: int, runs: Sequence[Snapshot], lines: Sequence[Line]) -> Group:
    questions = [next((q for q in run.facts.questions if q.number == number), None) for run in runs]
    losses = [line.losses for line in lines if line.losses is not None]
    means = mean_ranks(np.stack(losses)) if losses else np.empty((0, len(runs)))
    return Group(
        number,
        next((question.name for question in questions if question), ""),
        tuple(question.verdict if question else "not measured" for question in questions),
        tuple(lines),
        rank_shares(means),
        means,
        next((question.reason for question in questions if question and question.reason), ""),
    )
