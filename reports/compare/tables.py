"""The tables of a comparison: every headline of every pair, ranks, and the structures that moved."""

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from plausibrain.cohorts.tables import Column, Schema, write_table
from plausibrain.reports.compare.protocol import pairing
from plausibrain.reports.compare.results import NOT_JUDGED, NOT_RESOLVED, Comparison, Group, Line, Pair
from plausibrain.reports.compare.statistics import rank_shares

_QUESTION = Column("question", "int", "Question of the scorecard, 1 to 10; 0 for all of them")
_HEADLINE = Column("headline", "str", "Name of the headline; empty for a whole question")
_FIRST = Column("run_first", "str", "Name of the first run")
_SECOND = Column("run_second", "str", "Name of the second run")

COMPARE = Schema(
    "compare",
    (
        _QUESTION,
        _HEADLINE,
        Column("label", "str", "The headline in words"),
        Column("unit", "str", "Unit of every number of the row but p, correlation and levels"),
        Column("better", "str", "Direction: closer to the ideal, higher or lower"),
        Column("ideal", "float", "Ideal value"),
        _FIRST,
        _SECOND,
        Column("value_first", "float", "Estimate of the first run"),
        Column("ci_low_first", "float", "Lower end of its interval, as its own report states it"),
        Column("ci_high_first", "float", "Upper end of its interval"),
        Column("value_second", "float", "Estimate of the second run"),
        Column("ci_low_second", "float", "Lower end of its interval, as its own report states it"),
        Column("ci_high_second", "float", "Upper end of its interval"),
        Column("difference", "float", "Second minus first"),
        Column("ci_low", "float", "Lower end of the interval of the difference"),
        Column("ci_high", "float", "Upper end of the interval of the difference"),
        Column("ci_level", "float", "Level of the interval, adjusted for all headlines and pairs"),
        Column("p", "float", "Two-sided p of the difference, not adjusted"),
        Column("resolved", "str", "yes when the interval excludes zero, else no; missing without a number"),
        Column("mde", "float", "Smallest difference that would be resolved with 80 % power"),
        Column("worsening", "float", "Loss of the second minus loss of the first; negative is better"),
        Column("worsening_scale", "str", "unit, or logarithm of the factor by which a ratio is further"),
        Column("worsening_low", "float", "Lower bound, at the same level"),
        Column("worsening_high", "float", "Upper bound, at the same level"),
        Column("nearer_ideal", "str", "Run nearer the ideal, 'not resolved', 'negligible' or 'not judged'"),
        Column("correlation", "float", "Correlation of both estimates over resamples: what pairing saves"),
        Column("reference_subjects", "str", "same, other or unknown"),
        Column("generated_subjects", "str", "same, other or unknown"),
        Column("standard_errors", "str", "joint resamples, or independent where resamples are absent"),
        Column("n_generated_first", "float", "Generated subjects of the first run"),
        Column("n_generated_second", "float", "Generated subjects of the second run"),
        Column("status", "str", "ok, or missing"),
        Column("reason", "str", "Why a number is missing"),
    ),
    description="Every headline of every pair of runs.",
)

RANKS = Schema(
    "ranks",
    (
        _QUESTION,
        _HEADLINE,
        Column("run", "str", "Name of the run"),
        Column("rank", "int", "1 is nearest the ideal"),
        Column("share", "float", "Share of joint bootstrap resamples in which the run has this rank"),
    ),
    description="Rank stability per headline, per question by mean rank over its headlines, and over all "
    "questions by the mean of those (question 0).",
)

MOVED = Schema(
    "moved",
    (
        _FIRST,
        _SECOND,
        Column("structure", "str", "FreeSurfer name, or TIV"),
        Column("d_first", "float", "Adjusted difference from the reference in the first run", "SD"),
        Column("d_second", "float", "Adjusted difference from the reference in the second run", "SD"),
        Column("difference", "float", "Second minus first", "SD"),
        Column("ci_low", "float", "Lower end of its 95 % interval, approximate", "SD"),
        Column("ci_high", "float", "Upper end of its 95 % interval, approximate", "SD"),
        Column("p", "float", "Two-sided p, approximate"),
        Column("q", "float", "Benjamini-Hochberg over the structures of the pair"),
        Column("correlation", "float", "Of the volumes of the same subjects in both runs; 0 when not paired"),
        Column("nearer", "int", "When q < 0.05: 1 or 2, the run resolved to be nearer zero; else 0"),
    ),
    description="Which structures moved between two runs.",
)


def write_comparison(
    comparison: Comparison, changes: Mapping[tuple[int, int], pd.DataFrame], out: Path
) -> tuple[Path, ...]:
    """Write ``compare.tsv``, ``ranks.tsv`` and ``moved.tsv`` with their data dictionaries.

    Parameters
    ----------
    comparison : Comparison
        What was found.
    changes : mapping of (first, second) to DataFrame
        Structures that moved, by places of the runs.
    out : Path
        Folder to write to.

    Returns
    -------
    tuple of Path
        The three tables.
    """
    return (
        write_table(compare_table(comparison), out / "compare.tsv", COMPARE),
        write_table(rank_table(comparison), out / "ranks.tsv", RANKS),
        write_table(_moved_table(comparison, changes), out / "moved.tsv", MOVED),
    )


def compare_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per headline and pair of runs, with the columns of `COMPARE`."""
    pairs = list(combinations(range(len(comparison.runs)), 2))
    rows = [
        _row(comparison, group, line, places)
        for group in comparison.groups
        for line in group.lines
        for places in pairs
    ]
    return pd.DataFrame(rows, columns=[column.name for column in COMPARE.columns])


def _row(comparison: Comparison, group: Group, line: Line, places: tuple[int, int]) -> dict[str, object]:
    typical, (first, second) = line.headline, places
    problems = [f"{comparison.names[i]}: {line.problems[i]}" for i in places if line.problems[i]]
    overlap = pairing(comparison.runs[first], comparison.runs[second])
    row: dict[str, object] = {
        "question": group.number,
        "headline": line.name,
        "label": typical.title,
        "unit": typical.unit,
        "better": typical.better,
        "ideal": typical.ideal,
        "run_first": comparison.names[first],
        "run_second": comparison.names[second],
        "reference_subjects": overlap.reference,
        "generated_subjects": overlap.generated,
        "status": "missing" if problems else "ok",
        "reason": "; ".join(problems),
    }
    for side, place in (("first", first), ("second", second)):
        headline = line.headlines[place]
        if headline is not None and headline.usable:
            row |= {
                f"value_{side}": headline.estimate,
                f"ci_low_{side}": headline.ci_low,
                f"ci_high_{side}": headline.ci_high,
                f"n_generated_{side}": headline.n_generated,
            }
    pair = next((pair for pair in line.pairs if (pair.first, pair.second) == places), None)
    return row if pair is None else row | _measured(comparison, pair)


def _measured(comparison: Comparison, pair: Pair) -> dict[str, object]:
    return {
        "difference": pair.difference.estimate,
        "ci_low": pair.difference.low,
        "ci_high": pair.difference.high,
        "ci_level": comparison.level,
        "p": pair.p,
        "resolved": "yes" if pair.resolved else "no",
        "mde": pair.resolvable,
        "worsening": pair.worsening.estimate,
        "worsening_scale": "logarithm" if pair.ratio else "unit",
        "worsening_low": pair.worsening.low,
        "worsening_high": pair.worsening.high,
        "nearer_ideal": _nearer(comparison, pair),
        "correlation": pair.joint.correlation,
        "standard_errors": "joint resamples" if pair.joint.from_draws else "independent",
    }


def _nearer(comparison: Comparison, pair: Pair) -> str:
    if not pair.judged:
        return NOT_JUDGED
    if pair.negligible:
        return "negligible"
    return NOT_RESOLVED if pair.nearer is None else comparison.names[pair.nearer]


def rank_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per headline or question, run and rank, with the columns of `RANKS`."""
    rows = [
        (0, "", comparison.names[run], rank + 1, share)
        for run, shares in enumerate(rank_shares(comparison.mean_ranks))
        for rank, share in enumerate(shares)
        if np.isfinite(share)
    ]
    for group in comparison.groups:
        for name, ranks in [("", group.ranks), *((line.name, line.ranks) for line in group.lines)]:
            if np.isfinite(ranks).all() and group.lines:
                rows += [
                    (group.number, name, comparison.names[run], rank + 1, ranks[run, rank])
                    for run in range(len(ranks))
                    for rank in range(len(ranks))
                ]
    return pd.DataFrame(rows, columns=[column.name for column in RANKS.columns])


def _moved_table(comparison: Comparison, changes: Mapping[tuple[int, int], pd.DataFrame]) -> pd.DataFrame:
    parts = [
        table.assign(run_first=comparison.names[first], run_second=comparison.names[second])
        for (first, second), table in changes.items()
        if len(table)
    ]
    return pd.concat(parts, ignore_index=True) if parts else MOVED.empty()
