"""The judgement of a regression check: pass, fail, inconclusive or missing, one per rule and headline."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from plausibrain.cohorts.rounding import rounded_up
from plausibrain.reports.baseline_snapshot import Headline, Snapshot
from plausibrain.reports.check.rules import Rule, Rules
from plausibrain.reports.compare.equal_n import at_equal_n
from plausibrain.reports.compare.protocol import Pairing, joint_draws, pairing
from plausibrain.reports.compare.statistics import (
    POWER,
    Interval,
    Joint,
    join,
    loss_interval,
    on_scale,
    upper_quantile,
)
from plausibrain.reports.compare.structures import PREFIX, join_structure
from plausibrain.reports.formatting import shown_unit

Outcome = Literal["pass", "fail", "inconclusive", "missing", "watched", "not judged", "left out"]
Status = Literal["pass", "fail", "inconclusive", "missing"]
NOT_JUDGED = "not judged"
STRUCTURES_TITLE = "2. Regional volumes: single structures"
EXIT_CODES: dict[str, int] = {"pass": 0, "fail": 1, "inconclusive": 3, "missing": 3}
ORDER: tuple[Outcome, ...] = (
    "fail", "missing", "inconclusive", "watched", "pass", "not judged", "left out",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One rule applied to one headline.

    ``worsening`` is the loss of the run minus the loss of the baseline, in the headline's unit, or a
    logarithm where ``ratio``; ``low`` is its lower bound at the level shared by the whole check (it decides
    *fail*), ``high`` its upper bound at the level of one headline (it decides *pass*).
    """

    rule: str
    name: str
    outcome: Outcome
    reason: str
    baseline: Headline | None = None
    run: Headline | None = None
    question: str = ""
    worsening: float = math.nan
    low: float = math.nan
    high: float = math.nan
    tolerance: float = math.nan
    joint: Joint | None = None
    ratio: bool = False
    advice: str = ""

    @property
    def improved(self) -> bool:
        """True for a pass that is better than the baseline beyond chance."""
        return self.outcome == "pass" and self.high < 0

    @property
    def excess(self) -> float:
        """How far the worsening surely exceeds what is allowed, in margins; infinite without a number."""
        headline = self.run or self.baseline
        margin = headline.margin if headline else math.nan
        scale = margin if margin > 0 else max(self.tolerance, 1e-12)
        return (self.low - self.tolerance) / scale if math.isfinite(self.low) else math.inf

    @property
    def label(self) -> str:
        """Label of the headline, or its name where there is none."""
        headline = self.run or self.baseline
        return headline.title if headline else self.name

    @property
    def unit(self) -> str:
        """Unit of the headline as stored."""
        headline = self.run or self.baseline
        return headline.unit if headline else ""

    @property
    def shown_unit(self) -> str:
        """Unit of the worsening for subjects; a factor has none."""
        return "" if self.ratio else shown_unit(self.unit)


@dataclass(frozen=True)
class CheckResult:
    """What a regression check found.

    Attributes
    ----------
    status : str
        ``pass``, ``fail``, ``inconclusive`` or ``missing``; the worst of the rows.
    rows : tuple of Row
        One per rule and headline, worst first.
    text, markdown : str
        The result for a terminal and for a pull request.
    files : tuple of Path
        What was written.
    """

    run: Snapshot
    baseline: Snapshot
    pairing: Pairing
    alpha: float
    n_tests: int
    rows: tuple[Row, ...]
    status: Status
    text: str = ""
    markdown: str = ""
    files: tuple[Path, ...] = field(default=())

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 inconclusive or missing (2, usage or data error, is raised instead)."""
        return EXIT_CODES[self.status]

    def count(self, outcome: Outcome) -> int:
        """Count the rows with this outcome."""
        return sum(row.outcome == outcome for row in self.rows)

    @property
    def n_improved(self) -> int:
        """Passes whose improvement is beyond chance."""
        return sum(row.improved for row in self.rows)

    @property
    def culprit(self) -> Row | None:
        """The first row that keeps the check from passing; None when it passes."""
        worst = self.rows[0] if self.rows else None
        return worst if worst is not None and worst.outcome in ("fail", "missing", "inconclusive") else None


@dataclass(frozen=True)
class _Case:
    """One headline on its way to a row."""

    rule: Rule
    name: str
    baseline: Headline | None
    run: Headline | None
    question: str


@dataclass(frozen=True)
class _Shared:
    """What both runs have in common, for the standard errors of their differences."""

    pairing: Pairing
    draws: Sequence[pd.DataFrame | None]
    alike: Mapping[str, float]


def judge(
    run: Snapshot, baseline: Snapshot, rules: Rules, *, alike: Mapping[str, float] | None = None
) -> CheckResult:
    """Compare a run with a baseline.

    Parameters
    ----------
    run, baseline : Snapshot
        Of the same protocol (the caller has seen to that).
    rules : Rules
        What is allowed.
    alike : mapping of structure to float, optional
        Correlation of the same generated subjects in both runs, from `paired_correlations`.

    Returns
    -------
    CheckResult
        Without text and files.

    Raises
    ------
    DataError
        A rule can never apply.

    Notes
    -----
    With K comparisons the lower bound of each has the one-sided error alpha / K, so that the chance of any
    false *fail* is at most alpha (Bonferroni); the upper bound has alpha, so that no headline passes wrongly
    more often.

    A number that no report gives a verdict on (*not judged*, by the design of the requests for example) has
    a distance from its ideal that says nothing of the generator. Where neither run has a verdict the change
    is shown and decides nothing; where only the run lacks one, the number is missing like any other that the
    baseline has.
    """
    names = list(dict.fromkeys([*_numbers(baseline), *_numbers(run)]))
    table = rules.assign(names)
    cases = [_case(rule, name, run, baseline) for rule, members in table for name in members]
    n_tests = sum(_comparable(case) for case in cases)
    context = _Shared(pairing(baseline, run), joint_draws([baseline, run]), dict(alike or {}))
    rows = [_row(case, context, rules.alpha, n_tests) for case in cases]
    rows += [_unmatched(rule) for rule, members in table if not members and rule.required]
    rows.sort(key=_place)
    return CheckResult(
        run, baseline, context.pairing, rules.alpha, n_tests, tuple(rows), _status(rows, rules)
    )


def _place(row: Row) -> tuple[int, bool, float]:
    """Sort key: worst outcome first; among failures single structures first, which name the fault best."""
    is_structure = row.name.startswith(PREFIX)
    if row.outcome == "fail":
        return ORDER.index("fail"), not is_structure, -row.excess
    return ORDER.index(row.outcome), is_structure, 0.0


def _numbers(snapshot: Snapshot) -> dict[str, Headline]:
    return snapshot.headlines | snapshot.structures


def _case(rule: Rule, name: str, run: Snapshot, baseline: Snapshot) -> _Case:
    question = run.questions.get(name) or baseline.questions.get(name)
    title = f"{question.number}. {question.name}" if question else ""
    title = title or (STRUCTURES_TITLE if name.startswith(PREFIX) else "")
    old, new = at_equal_n([_numbers(baseline).get(name), _numbers(run).get(name)])
    return _Case(rule, name, old, new, title)


def _comparable(case: _Case) -> bool:
    return _judged(case.baseline) and _judged(case.run)


def _judged(headline: Headline | None) -> bool:
    return headline is not None and headline.usable and headline.verdict != NOT_JUDGED


def _status(rows: Sequence[Row], rules: Rules) -> Status:
    """Worst outcome; a pass needs a number that passes under a rule that does not only watch."""
    outcomes = {row.outcome for row in rows}
    if "fail" in outcomes:
        return "fail"
    if "missing" in outcomes:
        return "missing"
    if "inconclusive" in outcomes:
        return "inconclusive"
    deciding = {rule.title for rule in rules.rules if not rule.watch}
    if not deciding:
        return "pass" if outcomes & {"pass", "watched"} else "missing"
    return "pass" if any(row.outcome == "pass" and row.rule in deciding for row in rows) else "missing"


def _unmatched(rule: Rule) -> Row:
    return Row(
        rule.title,
        rule.title,
        "missing",
        "no headline of the run or of the baseline has a name that matches the rule",
        advice="Correct the pattern (`plausibrain metrics` lists the names), or set `required: false`.",
    )


def _row(case: _Case, context: _Shared, alpha: float, n_tests: int) -> Row:
    if case.baseline and case.run and case.baseline.usable and case.run.usable:
        forbidden = case.run.verdict in case.rule.verdict_not
        for_show = not (_judged(case.baseline) or _judged(case.run) or case.rule.required)
        if _comparable(case) or for_show or forbidden:
            return _compared(case, case.baseline, case.run, context, alpha, max(n_tests, 1))
    return _not_compared(case)


def _not_compared(case: _Case) -> Row:
    had = _judged(case.baseline)
    if not had and not case.rule.required:
        return Row(
            case.rule.title, case.name, "left out", _absence("the baseline", case.baseline),
            case.baseline, case.run, case.question, advice=_new_number(case),
        )  # fmt: skip
    where, headline = ("the run", case.run) if had else ("the baseline", case.baseline)
    advice = (
        "Find out why the run has no such number, or no verdict on it (its report says so under the "
        "question), and repeat it."
        if had
        else "Make a baseline with a verdict on the number, or set `required: false` in its rule."
    )
    return Row(
        case.rule.title, case.name, "missing", _absence(where, headline),
        case.baseline, case.run, case.question, advice=advice,
    )  # fmt: skip


def _absence(where: str, headline: Headline | None) -> str:
    if headline is not None and headline.usable:
        return f"{where} has a number that is not judged" + _why(headline)
    return f"{where} has no number: {headline.problem if headline else 'no such headline'}"


def _why(headline: Headline) -> str:
    """Say why a report gives no verdict, where it says so."""
    return f": {headline.caveat}" if headline.caveat else ""


def _new_number(case: _Case) -> str:
    new = _judged(case.run)
    return "Write a new baseline to have it checked from now on." if new else ""


def _compared(
    case: _Case,
    baseline: Headline,
    run: Headline,
    context: _Shared,
    alpha: float,
    n_tests: int,
) -> Row:
    ratio = baseline.ratio_scale and run.ratio_scale
    joint = _join(case.name, baseline, run, context, ratio=ratio)
    ideal = float(on_scale(run.ideal, ratio=ratio))
    change = loss_interval(joint, better=run.better, ideal=ideal, alpha_low=alpha / n_tests, alpha_high=alpha)
    tolerance = case.rule.tolerance(baseline)
    outcome, reason = _decide(case, run, change.low, change.high, tolerance)
    return Row(
        case.rule.title, case.name, outcome, reason, baseline, run, case.question,
        change.estimate, change.low, change.high, tolerance, joint, ratio,
        advice=_advice(outcome, reason, change, run, tolerance, alpha),
    )  # fmt: skip


def _join(name: str, baseline: Headline, run: Headline, context: _Shared, *, ratio: bool) -> Joint:
    if name.startswith(PREFIX):
        return join_structure(
            baseline,
            run,
            shared_reference=context.pairing.reference == "same",
            correlation=context.alike.get(name.removeprefix(PREFIX), 0.0),
        )
    columns = [
        table[name].to_numpy() if table is not None and name in table else None for table in context.draws
    ]
    return join(baseline, run, *columns, ratio=ratio)


FORBIDDEN = "its verdict is one that the rule forbids"


def _decide(case: _Case, run: Headline, low: float, high: float, tolerance: float) -> tuple[Outcome, str]:
    if run.verdict and run.verdict in case.rule.verdict_not:
        return "fail", f"{FORBIDDEN}: {run.verdict}"
    if not _comparable(case):
        return "not judged", f"neither report gives a verdict on this number{_why(run)}"
    if not (math.isfinite(low) and math.isfinite(high)):
        return "missing", "neither resamples nor an interval give the uncertainty"
    if low > tolerance:
        return "fail", "worse than the baseline by more than is allowed, beyond chance"
    if high <= tolerance:
        return "pass", "not worse than the baseline by more than is allowed"
    outcome: Outcome = "watched" if case.rule.watch else "inconclusive"
    return outcome, "the interval includes both acceptable and unacceptable change"


def _advice(
    outcome: Outcome, reason: str, change: Interval, run: Headline, tolerance: float, alpha: float
) -> str:
    if outcome == "fail" and reason.startswith(FORBIDDEN):
        return "The report of the run shows under this question how the cohort differs from the reference."
    if outcome == "fail":
        return (
            "Compare both runs (`plausibrain compare BASELINE RUN --out DIR`) to see which structures moved. "
            "If the change is wanted, write a new baseline or allow more in the rules."
        )
    if outcome == "inconclusive":
        return _more_subjects(change, run, tolerance, alpha)
    return ""


def _more_subjects(change: Interval, run: Headline, tolerance: float, alpha: float) -> str:
    """How many subjects would let a run that is no worse pass with 80 % power: intervals shrink with √n."""
    if tolerance <= 0:
        return "With nothing allowed only a resolved improvement passes: set absolute, relative or margin."
    z_pass, z_power = upper_quantile(alpha), upper_quantile(1 - POWER)
    reach = (change.high - change.estimate) * (1 + z_power / z_pass)
    n_needed = run.n_generated * (reach / tolerance) ** 2
    if not math.isfinite(n_needed) or n_needed <= run.n_generated:
        return "The estimate lies near the limit: more subjects than now, or a wider tolerance, would decide."
    return (
        f"About {rounded_up(n_needed):,} generated subjects instead of {run.n_generated:,.0f} would decide "
        "it if nothing has changed; fewer with the same metadata rows and seeds as in the baseline."
    )
