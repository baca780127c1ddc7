"""One quantity, one verdict: rows of results that a headline judges carry the verdict of that headline.

A row of `results` that stands for itself is judged among the rows of its own table. Where a headline judges
the very same number (a structure of a map, head size), the row takes verdict, margin and intervals from it,
so that no table and no figure says otherwise than the scorecard.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Headline
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.structures import TIV

JUDGED = ("margin_low", "margin_high", "pass_low", "pass_high", "fail_low", "fail_high")
#: Headline about a map -> quantity of its rows; those at the head-size convention of the headlines.
MAPS = {
    "size_worst": "adjusted_d",
    "spread_worst": "sd_ratio",
    "ageing_worst": "group_by_age",
    "sex_worst": "group_by_sex",
}
#: Headline about head size -> quantity of its row; head size cannot be corrected for itself.
HEADS = {"size_head": "adjusted_d", "spread_head": "sd_ratio"}
RATIOS = ("sd_ratio",)


def with_verdicts_of_headlines(
    results: pd.DataFrame, headlines: Sequence[Headline], scorecard: dict[str, Any], settings: Settings
) -> pd.DataFrame:
    """Return the results with the verdicts of the headlines that are about the same numbers.

    Parameters
    ----------
    results : DataFrame
        Rows of `plausibrain.analysis.results.estimate_rows`.
    headlines : sequence of Headline
    scorecard : dict
        The scorecard of the same headlines.
    settings : Settings
    """
    entries = {e["name"]: e for question in scorecard["questions"] for e in question["headlines"]}
    table = results.copy()
    for headline in headlines:
        name = headline.plugin.name
        if headline.status != "ok" or not len(table):
            continue
        if name in MAPS:
            rows = _rows(table, MAPS[name], headline.frame.headsize, "difference")
            _judge_map(table, rows, headline, entries[name], settings)
        elif name in HEADS:
            rows = _rows(table, HEADS[name], "none", "difference")
            _judge_head(table, rows & (table["structure"] == TIV), entries[name])
    return table


def _rows(table: pd.DataFrame, quantity: str, headsize: str, cohort: str) -> pd.Series:
    key = {"quantity": quantity, "headsize": headsize, "cohort": cohort, "stratum": "all", "status": "ok"}
    return (table[list(key)] == pd.Series(key)).all(axis=1)


def _judge_map(
    table: pd.DataFrame, rows: pd.Series, headline: Headline, entry: dict[str, Any], settings: Settings
) -> None:
    test = headline.structures
    if test is None:
        return
    fail_low, fail_high = test.interval(settings.alpha / entry["divisor"])
    failing = {row["structure"] for row in entry["failing"]}
    numbers = np.column_stack([-test.margin, test.margin, test.pass_low, test.pass_high, fail_low, fail_high])
    inside = (numbers[:, 0] <= numbers[:, 2]) & (numbers[:, 3] <= numbers[:, 1])
    numbers = np.exp(numbers) if MAPS[headline.plugin.name] in RATIOS else numbers
    place = {name: i for i, name in enumerate(test.names)}
    # By its design, or because there are too few subjects, nothing of a map is judged.
    withheld = entry["verdict"] == "not judged" or entry["caveat"]
    entries = table[rows & table["structure"].isin(place)]
    for label, name in zip(entries.index, entries["structure"].astype(str), strict=True):
        own = "fail" if name in failing else "pass" if inside[place[name]] else "inconclusive"
        table.loc[[label], list(JUDGED)] = numbers[place[name]]
        table.loc[label, "verdict"] = entry["verdict"] if withheld else own


def _judge_head(table: pd.DataFrame, rows: pd.Series, entry: dict[str, Any]) -> None:
    for label in table.index[rows]:
        table.loc[label, list(JUDGED)] = [entry[key] for key in JUDGED]
        table.loc[label, ["estimate", "ci_low", "ci_high"]] = [
            entry[key] for key in ("estimate", "ci_low", "ci_high")
        ]
        table.loc[label, "verdict"] = entry["verdict"]
