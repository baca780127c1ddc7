"""The comparison page: what its template shows, in words and positions; no statistics here."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.rounding import MAX_DECIMALS
from plausibrain.reports.compare.marks import MARKS, dumbbells, scale_rows
from plausibrain.reports.compare.protocol import pairing
from plausibrain.reports.compare.results import MIXED, NOT_JUDGED, NOT_RESOLVED, Comparison, Group, Line, Pair
from plausibrain.reports.compare.tallies import Tally, standings, tallies
from plausibrain.reports.environment import render
from plausibrain.reports.formatting import MISSING, estimate, fixed, interval, listing, number, shown_unit
from plausibrain.reports.slices import SliceGroup
from plausibrain.reports.structure_names import region_label, side, structure_label

Changes = Mapping[tuple[int, int], pd.DataFrame]
FDR = 0.05
FIRST_STRUCTURES = 4  # per pair on the first screen
NAMED_RUNS = 3  # in the answer; more are in the table of ranks
FIRST_RUNS = 3  # other runs whose structures are named there
SHOWN_STRUCTURES = 12  # per pair before the fold; the rest is in the table below it


@dataclass(frozen=True)
class QuestionRow:
    """One line of the table that answers first."""

    number: int
    name: str
    verdicts: tuple[str, ...]
    outcome: str
    resolved: bool
    because: str


def comparison_page(comparison: Comparison, changes: Changes, pictures: SliceGroup | None = None) -> str:
    """Return the page of a comparison.

    Parameters
    ----------
    comparison : Comparison
        What was found.
    changes : mapping of (first, second) to DataFrame
        Structures that moved, by places of the runs.
    pictures : SliceGroup, optional
        The same requests as every run generated them.

    Returns
    -------
    str
        One self-contained HTML document.
    """
    measured = [group for group in comparison.groups if _shown(group)]
    return render(
        "compare.html",
        comparison=comparison,
        names=comparison.names,
        marks=[MARKS[place % len(MARKS)] for place in range(len(comparison.runs))],
        answer=answer(comparison, changes),
        lede=lede(comparison),
        first_moved=first_moved(comparison, changes),
        detectable=detectable,
        standings=standings(comparison),
        many=_many(comparison),
        level=level_text(comparison.level),
        pictures=pictures,
        questions=[_question(comparison, group) for group in measured],
        unmeasured=_unmeasured(comparison),
        scale=scale_rows(comparison.lines),
        sharing=_sharing(comparison),
        moved=[_moved(comparison, places, table) for places, table in changes.items() if places[0] == 0],
        groups=[_group(group) for group in measured],
        pair_with_first=pair_with_first,
    )


def _unmeasured(comparison: Comparison) -> dict[str, list[str]]:
    """Names of the questions without a headline, by reason."""
    reasons: dict[str, list[str]] = {}
    for group in comparison.groups:
        if not _shown(group):
            reasons.setdefault(group.reason, []).append(f"{group.number}. {group.name}")
    return reasons


def wins(comparison: Comparison) -> dict[int, list[str]]:
    """Return the names of the questions that each run wins, by place."""
    won: dict[int, list[str]] = {place: [] for place in range(len(comparison.runs))}
    for group in comparison.groups:
        if group.winner is not None:
            won[group.winner].append(group.name)
    return won


def answer(comparison: Comparison, changes: Changes) -> str:
    """Return which run to keep, with the count of questions behind it.

    Questions without a number in two of the runs count as not measured, and those on which the design of the
    requests supports no verdict as not judged, never as unresolved.
    """
    if not comparison.n_tests:
        return "Nothing can be compared"
    scores = tallies(comparison)
    leaders = [place for place, score in enumerate(scores) if score.better and not score.worse]
    best = [p for p in leaders if scores[p].better == max(scores[q].better for q in leaders)]
    if len(best) == 1:
        return f"Keep {comparison.names[best[0]]}: {scores[best[0]].text}"
    if any(score.better for score in scores):
        return f"No single best run. {_open_choice(comparison, best, scores)}"
    for part in first_moved(comparison, changes):
        for row in part["rows"]:
            if row["state"] != "inconclusive":
                return f"No question is decided. {row['label']} is {row['judgement']} in {part['second']}"
    return f"No difference is resolved: {scores[0].text}"


def _shown(group: Group) -> bool:
    """Tell whether some run measured the question."""
    return bool(group.lines) and set(group.verdicts) != {"not measured"}


def _open_choice(comparison: Comparison, best: Sequence[int], scores: Sequence[Tally]) -> str:
    """Name the runs between which nothing decides, or what each of a few runs is better and worse on."""
    names = comparison.names
    if best:
        order = [row.place for row in standings(comparison)] or list(best)
        best = sorted(best, key=order.index)
        first = [names[place] for place in best[:NAMED_RUNS]]
        more = f" or one of {len(best) - NAMED_RUNS} more" if len(best) > NAMED_RUNS else ""
        score = scores[best[0]]
        return f"Keep {' or '.join(first)}{more}: better on {score.better}, worse on 0"
    if len(names) <= NAMED_RUNS:
        return "; ".join(f"{name}: {score.text}" for name, score in zip(names, scores, strict=True))
    return "Every run that is better than another on some question is worse on another one"


def lede(comparison: Comparison) -> str:
    """Return on which questions each run is better and which are unresolved, in full sentences."""
    if not comparison.n_tests:
        return "No metric has a number in two of the runs; each report gives the reason."
    parts = [
        f"{comparison.names[place]} is significantly better on {listing(_quoted(names))}."
        for place, names in wins(comparison).items()
        if names
    ]
    measured = [group for group in comparison.groups if group.judged]
    not_judged = [group.name for group in comparison.groups if group.compared and not group.judged]
    partly = [group for group in measured if group.winner is None and not group.mixed and _beaten(group)]
    mixed_names = [group.name for group in measured if group.winner is None and group.mixed]
    contests = [*mixed_names, *(group.name for group in partly)]
    still = [group.name for group in measured if group.winner is None and group.name not in contests]
    words = "are not worse than any other run" if _many(comparison) else ""
    parts += [f"On “{group.name}”: {_order(comparison, group)} {words}".strip() + "." for group in partly]
    parts += [f"Mixed on {listing(_quoted(mixed_names))}."] if mixed_names else []
    withheld = (
        f"Not judged, because the requests do not support it: {listing(_quoted(not_judged))}."
        if not_judged
        else ""
    )
    if measured and len(still) == len(measured):
        within = "On every question the difference is negligible or within chance at this number of subjects."
        return f"{within} {withheld}".strip()
    return " ".join([*parts, f"Unresolved: {listing(_quoted(still))}." if still else "", withheld]).strip()


def first_moved(comparison: Comparison, changes: Changes) -> list[dict[str, Any]]:
    """Name the structures that changed most between the first run and each other one, both sides as one."""
    return [
        {"first": comparison.names[a], "second": comparison.names[b], "n": len(table), "rows": _named(table)}
        for (a, b), table in changes.items()
        if a == 0 and len(table) and b <= FIRST_RUNS
    ]


def _named(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table[table.q < FDR]
    rows = rows.assign(size=rows.difference.abs(), label=rows.structure.map(region_label))
    ranking = rows.sort_values("size", ascending=False, kind="stable")
    labels = ranking.label.drop_duplicates().head(FIRST_STRUCTURES)
    return [_moved_region(str(label), rows[rows.label == label]) for label in labels]


def _moved_region(label: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Say by how much a region changed, side by side where both did, and whether it came closer."""
    rows = rows.sort_values("structure", kind="stable")  # left before right
    sides = [side(str(name)) for name in rows.structure]
    changes = [
        f"{name} {_sd(row.difference)} SD ({_sd(row.ci_low)} to {_sd(row.ci_high)}), "
        f"from {fixed(row.d_first, 2)} to {fixed(row.d_second, 2)}"
        for name, (_, row) in zip(sides, rows.iterrows(), strict=True)
    ]
    state, judgement = _direction(sides, rows.nearer.astype(int).tolist())
    return {
        "label": label,
        "state": state,
        "judgement": judgement,
        "text": "; ".join(change.strip() for change in changes),
    }


def _sd(value: float) -> str:
    return fixed(value, 2, signed=True)


def _direction(sides: Sequence[str], nearer: Sequence[int]) -> tuple[str, str]:
    """Return state and words: closer, further, or both on different sides.

    Examples
    --------
    >>> _direction(["left", "right"], [1, 0])
    ('fail', 'further from the reference (left)')
    """
    words = {1: ("fail", "further from the reference"), 2: ("pass", "closer to the reference")}
    places = {place: [s for s, n in zip(sides, nearer, strict=True) if n == place] for place in (1, 2)}
    parts = [
        (state, text if len(places[place]) == len(sides) else f"{text} ({listing(places[place])})")
        for place, (state, text) in words.items()
        if places[place]
    ]
    if not parts:
        return "inconclusive", "equally far from the reference, or unresolved"
    return parts[0][0] if len(parts) == 1 else "inconclusive", "; ".join(text for _, text in parts)


def level_text(level: float) -> str:
    """Write the level of the intervals in percent, with digits enough to tell it from 100.

    Examples
    --------
    >>> level_text(0.95), level_text(1 - 0.05 / 30), level_text(1 - 0.05 / 1330)
    ('95.00', '99.83', '99.9962')
    """
    return fixed(100 * level, max(2, 1 - math.floor(math.log10(100 * (1 - level)))))


def detectable(value: float, unit: str) -> str:
    """Write a minimum detectable difference; an en dash where the resampled differences do not vary.

    Examples
    --------
    >>> detectable(0.0312, "SD"), detectable(1e-6, "SD"), detectable(0.0, "SD")
    ('0.031', '< 0.0001', '–')
    """
    text = number(value, unit, significant=2)
    if any(digit in text for digit in "123456789"):
        return text
    return f"< {10**-MAX_DECIMALS:.{MAX_DECIMALS}f}" if value > 0 else MISSING


def _quoted(names: Sequence[str]) -> list[str]:
    return [f"“{name}”" for name in names]


def _beaten(group: Group) -> dict[tuple[int, ...], list[int]]:
    """List the runs that are nearer, by the runs that are further away."""
    places = range(len(group.verdicts))
    table: dict[tuple[int, ...], list[int]] = {}
    for place in places:
        further = tuple(other for other in places if other != place and group.beats(place, other))
        if further:
            table.setdefault(further, []).append(place)
    return table


def _order(comparison: Comparison, group: Group) -> str:
    """Say which runs are nearer than which: "A and B over C"; of many runs those that none is nearer than."""
    names = comparison.names
    if _many(comparison):
        return _few([names[place] for place in _leaders(group)]) or "each is worse than another"
    return "; ".join(
        f"{listing([names[place] for place in nearer])} over {listing([names[place] for place in further])}"
        for further, nearer in _beaten(group).items()
    )


def _many(comparison: Comparison) -> bool:
    return len(comparison.names) > NAMED_RUNS


def _leaders(group: Group) -> list[int]:
    """List the runs that beat some run and are beaten by none."""
    places = range(len(group.verdicts))
    return [
        place
        for place in places
        if any(group.beats(place, other) for other in places)
        and not any(group.score(other, place)[0] for other in places)
    ]


def _few(names: Sequence[str]) -> str:
    """List names, the first few of many."""
    more = len(names) - NAMED_RUNS
    return listing([*names[:NAMED_RUNS], f"{more} more"] if more > 0 else list(names))


def _question(comparison: Comparison, group: Group) -> QuestionRow:
    names, winner = comparison.names, group.winner
    if winner is not None:
        outcome, because = names[winner], _decisive(comparison, group)
    elif group.mixed:
        outcome, because = MIXED, _decisive(comparison, group)
    elif _beaten(group):
        outcome = _order(comparison, group)
        because = _decisive(comparison, group)
    elif group.compared and not group.judged:
        outcome, because = NOT_JUDGED, "The design of the requests does not support a verdict."
    else:
        outcome, because = NOT_RESOLVED, _blind(group)
    return QuestionRow(
        group.number, group.name, group.verdicts, outcome, outcome not in (NOT_RESOLVED, NOT_JUDGED), because
    )


def _decisive(comparison: Comparison, group: Group) -> str:
    """Name the clearest headline for each pair of runs that the question tells apart."""
    winner = group.winner
    texts = []
    for place in _deciding(comparison, group) if winner is None else [winner]:
        for other in range(len(comparison.names)):
            candidates = [
                (line, pair)
                for line in group.lines
                for pair in line.pairs
                if pair.nearer == place and other in (pair.first, pair.second) and other != place
            ]
            if candidates:
                texts.append(_change(comparison, *max(candidates, key=lambda item: _clarity(item[1])), place))
    return "; ".join(texts[:1] if _many(comparison) else texts)


def _deciding(comparison: Comparison, group: Group) -> Sequence[int]:
    """List the runs whose lead is explained: of many the leaders, the best rank first."""
    if not _many(comparison):
        return range(len(comparison.names))
    leaders = set(_leaders(group))
    return [row.place for row in standings(comparison) if row.place in leaders] or range(
        len(comparison.names)
    )


def _clarity(pair: Pair) -> float:
    error = pair.joint.se_difference
    return abs(pair.difference.estimate) / error if error > 0 else float("inf")


def _change(comparison: Comparison, line: Line, pair: Pair, nearer: int) -> str:
    """Say by how much one run is nearer: "Size, d: A 0.02, B 0.47 SD (nearer by 0.33 to 0.55)"."""
    further = pair.first if nearer == pair.second else pair.second
    unit, change = line.headline.unit, pair.worsening
    values = [
        f"{comparison.names[place]} {estimate(h.estimate, h.ci_low, h.ci_high, h.unit)}"
        for place in (nearer, further)
        if (h := line.headlines[place]) is not None
    ]
    low, high = sorted((abs(change.low), abs(change.high)))
    if pair.ratio:
        reach = f"closer to the ideal by a factor of {interval(math.exp(low), math.exp(high))}"
    else:
        reach = f"{_WORDS[line.headline.better]} by {interval(low, high, unit=unit)}"
    return f"{line.headline.title}: {', '.join(values)} {shown_unit(unit)}".rstrip() + f" ({reach})"


_WORDS = {"closer": "closer to the ideal", "higher": "higher", "lower": "lower"}


def _blind(group: Group) -> str:
    """Say which difference this n detects, or that runs differ without one being better."""
    pairs = [(line, pair) for line in group.lines for pair in line.judged]
    for line, pair in pairs:
        if pair.resolved and not pair.negligible:
            return f"{line.headline.title}: the runs differ, which one is better is not resolved"
    if any(pair.negligible for _, pair in pairs):
        return "The runs differ by less than a tenth of the equivalence margin."
    if pairs and all(pair.difference.estimate == 0 for _, pair in pairs):
        return "The runs do not differ."
    for line, pair in pairs:
        smallest, unit = detectable(pair.resolvable, line.headline.unit), shown_unit(line.headline.unit)
        if smallest != MISSING:
            return f"Minimum detectable difference in {line.headline.title}: {f'{smallest} {unit}'.strip()}"
    return "; ".join(sorted({problem for line in group.lines for problem in line.problems if problem}))


def _group(group: Group) -> dict[str, Any]:
    rows = [(f"{group.number}. {group.name}", group.ranks)] + [
        (line.headline.title, line.ranks) for line in group.lines
    ]
    rank_rows = [(label, ranks.tolist()) for label, ranks in rows if np.isfinite(ranks).all()]
    return {"number": group.number, "name": group.name, "lines": group.lines, "rank_rows": rank_rows}


def pair_with_first(line: Line, place: int) -> Pair | None:
    """Return a headline's comparison of a run with the first one, or None."""
    return next((pair for pair in line.pairs if (pair.first, pair.second) == (0, place)), None)


def _sharing(comparison: Comparison) -> list[dict[str, Any]]:
    """List what each pair shares, and what that saves: median correlation of the headlines over draws."""
    rows = []
    for first, second in combinations(range(len(comparison.runs)), 2):
        correlations = [
            pair.joint.correlation
            for line in comparison.lines
            for pair in line.pairs
            if (pair.first, pair.second) == (first, second)
        ]
        rows.append(
            {
                "names": (comparison.names[first], comparison.names[second]),
                "pairing": pairing(comparison.runs[first], comparison.runs[second]),
                "correlation": float(pd.Series(correlations, dtype=float).median()),
            }
        )
    return rows


def _moved(comparison: Comparison, places: tuple[int, int], table: pd.DataFrame) -> dict[str, Any]:
    differences = table[table.q < FDR]
    mark = MARKS[places[1] % len(MARKS)]
    rows = [
        row | {"mark": mark}
        for row in dumbbells(table.assign(label=[structure_label(str(name)) for name in table.structure]))
    ]
    overlap = pairing(*(comparison.runs[place] for place in places))
    return {
        "first": comparison.names[places[0]],
        "second": comparison.names[places[1]],
        "shared": overlap.reference == "same",
        "paired": overlap.reference == "same" and overlap.generated == "same",
        "correlation": float(table.correlation.median()),
        "n": len(table),
        "moved": len(differences),
        "toward": int((differences.nearer == 2).sum()),
        "away": int((differences.nearer == 1).sum()),
        "rows": rows[:SHOWN_STRUCTURES],
        "rest": rows[SHOWN_STRUCTURES:],
    }
