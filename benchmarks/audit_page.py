"""Print docs/audit.tsv and docs/audit.md from the log of `benchmarks.audit_cells`.

    python -m benchmarks.audit_page trials.jsonl --out docs

Every number of the page, in sentences as in tables, is taken from the table.
"""

import argparse
import datetime
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from benchmarks.audit_cells import CELLS, PREDICTED, PUBLISHED, SETTINGS, Cell
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.tables import Column, Schema, write_table

#: What a row counts.
FAIL, HEADLINE, COVERED, SEEN = "fail", "headline fails", "interval covers", "published procedure sees"
#: A published procedure sees a defect beyond what this share of perfect generators gives.
ORDINARY = 0.95
TABLE = Schema(
    "audit_cells",
    (
        Column("cell", "str", "Kind of cohorts, or defect"),
        Column("n_reference", "int", "Subjects of the reference"),
        Column("n_generated", "int", "Subjects of the generated cohort"),
        Column("question", "int", "Question that must say fail; 0 for a perfect generator"),
        Column("counted", "str", f"{FAIL}, {HEADLINE}, {COVERED} or {SEEN}"),
        Column("name", "str", "Headline or published procedure; empty for a verdict as a whole"),
        Column("count", "int", "How often it happened"),
        Column("trials", "int", "Simulated comparisons"),
        Column("share", "float", "Their ratio"),
        Column("ci_low", "float", "Lower end of its exact 95 % interval (Clopper-Pearson)"),
        Column("ci_high", "float", "Upper end of its exact 95 % interval (Clopper-Pearson)"),
    ),
    description="Verdicts and intervals of simulated comparisons, by cell.",
)


def summarise(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the counts of a log, one row per cell and what is counted; columns of `TABLE`."""
    rows = []
    for cell in CELLS:
        mine = trials[trials["cell"] == cell.name]
        if mine.empty:
            continue
        rows += [_row(cell, *counted) for counted in _counts(cell, mine, trials)]
    return pd.DataFrame(rows, columns=[column.name for column in TABLE.columns])


def _counts(cell: Cell, mine: pd.DataFrame, trials: pd.DataFrame) -> Iterator[tuple[str, str, int, int]]:
    n = len(mine)
    yield FAIL, "", int((mine["verdict"] == "fail").sum()), n
    headlines = pd.Series([name for failed in mine["failed"] for name in failed], dtype=object)
    for name, count in headlines.value_counts().sort_index().items():
        yield HEADLINE, str(name), int(count), n
    if not cell.question:
        covered = pd.DataFrame(list(mine["covered"]))
        for name in sorted(map(str, covered)):
            flags = covered[name].dropna()
            yield COVERED, str(name), int(flags.sum()), len(flags)
        return
    perfect = trials[trials["cell"].isin([c.name for c in CELLS if c.name in _PERFECT and c.n == cell.n])]
    for name, sign in PUBLISHED.items():
        values, ordinary = (np.array([p[name] for p in part["published"]]) * sign for part in (mine, perfect))
        yield SEEN, name, int((values > np.quantile(ordinary, ORDINARY)).sum()), n


#: Cells that say what is ordinary for published procedures at their n.
_PERFECT = ("perfect generator", "perfect generator, n = 100")


def _row(cell: Cell, counted: str, name: str, count: int, trials: int) -> dict[str, object]:
    low, high = proportion_confint(count, trials, method="beta")
    return {
        "cell": cell.name, "n_reference": cell.n[0], "n_generated": cell.n[1], "question": cell.question,
        "counted": counted, "name": name, "count": count, "trials": trials, "share": count / trials,
        "ci_low": low, "ci_high": high,
    }  # fmt: skip


# --- the page ---


def page(table: pd.DataFrame, printed: str) -> str:
    """Return the page of a table; `printed` says by which command, when and where."""
    perfect, defects = table[table["question"] == 0], table[table["question"] > 0]
    return "\n".join(
        [
            "# Audit: what fails although nothing is wrong, and what is seen\n",
            f"{printed}\n",
            *_method(table),
            "## Perfect generators: any *fail* is false\n",
            *false_alarms(perfect),
            *_perfect_table(perfect),
            "\n## Coverage of 95 % intervals\n",
            *coverage(perfect),
            *_coverage_table(perfect),
            "\n## Power, beside published procedures\n",
            *power(defects),
            *_power_table(defects),
            "",
        ]
    )


def _method(table: pd.DataFrame) -> Iterator[str]:
    n = table.loc[table["counted"] == FAIL, "trials"]
    trials = str(n.min()) if n.min() == n.max() else f"{n.min()} to {n.max()}"
    yield (
        f"Both cohorts of every trial are new samples of the population model; {trials} trials per cell, "
        f"{SETTINGS.n_resamples} resamples, {SETTINGS.n_splits} splits, 200 subjects per cohort "
        "where nothing else is said. Exact 95 % intervals in brackets. "
        f"Headlines about predicted ages and sexes ({', '.join(PREDICTED[:3])}) are judged in a cell of their "
        "own, those about downstream use, requested volumes and images in none. Power and false alarms of all "
        "headlines of volumes, these included, by defect and severity are in `audit_severities.md`.\n"
    )


def false_alarms(perfect: pd.DataFrame) -> Iterator[str]:
    """Say how often perfect generators fail, over all cells and in the worst."""
    verdicts = perfect[perfect["counted"] == FAIL]
    count, n = int(verdicts["count"].sum()), int(verdicts["trials"].sum())
    worst = verdicts.sort_values(["share", "trials"], ascending=[False, True], kind="stable").iloc[0]
    wide = verdicts[verdicts["ci_high"] > LARGEST_UPPER]
    yield (
        f"**{count} of {n} scorecards of perfect generators fail on some headline: {_share(count, n)}.** "
        f"The highest rate is that of *{worst['cell']}*: {_counted(worst)}. The upper bound is above 8 % in "
        f"{len(wide)} of {len(verdicts)} cells.\n"
    )


#: Aims: the upper bound of the false-alarm rate in every cell; how often intervals cover the truth.
LARGEST_UPPER, WANTED_COVERAGE = 0.08, (0.92, 0.98)


def coverage(perfect: pd.DataFrame) -> Iterator[str]:
    """Say how often intervals cover the truth, over all cells and for the worst headline."""
    pooled = _pooled(perfect)
    count, n = int(pooled["count"].sum()), int(pooled["trials"].sum())
    low, high = pooled.iloc[int(pooled["share"].argmin())], pooled.iloc[int(pooled["share"].argmax())]
    inside = int(pooled["share"].between(*WANTED_COVERAGE).sum())
    covered = perfect[perfect["counted"] == COVERED]
    lowest = covered.iloc[int(covered["share"].argmin())]
    n_low = int((covered["share"] < WANTED_COVERAGE[0]).sum())
    yield (
        f"**{_share(count, n)} of {n} intervals cover the truth of a perfect generator.** By headline, over all "
        f"cells, from {_share(low['count'], low['trials'])} (`{low['name']}`) to "
        f"{_share(high['count'], high['trials'])} (`{high['name']}`); {inside} of {len(pooled)} headlines lie "
        f"within 92 to 98 %. In {n_low} of {len(covered)} pairs of cohorts and headline the share is below 92 %; the "
        f"lowest is {_share(lowest['count'], lowest['trials'])}, `{lowest['name']}` under *{lowest['cell']}*. "
        "Only headlines are listed whose truth is the same at any n.\n"
    )


def power(defects: pd.DataFrame) -> Iterator[str]:
    """Say which defects are seen in fewer than four of five trials, and what published procedures see."""
    verdicts = defects[defects["counted"] == FAIL]
    weak = verdicts[verdicts["share"] < 0.8]
    named = "; ".join(f"{row['cell']}: {row['share']:.0%}" for _, row in weak.iterrows()) or "none"
    seen = defects[defects["counted"] == SEEN].groupby("cell")["share"].max()
    unseen = int((seen < 0.5).sum())
    yield (
        f"**The question that must fail does so in at least 80 % of trials for {len(verdicts) - len(weak)} of "
        f"{len(verdicts)} defects** (below: {named}). No published procedure sees {unseen} of {len(seen)} of "
        "them in half of the trials. Each of these is given a false-alarm rate of 5 % here, by its numbers in "
        "as many perfect generators of the same n, which its users do not have; that rate is itself estimated "
        "from these trials.\n"
    )


def _perfect_table(perfect: pd.DataFrame) -> Iterator[str]:
    yield "| cohorts | n | false *fail* | headlines that failed |\n|---|---|---|---|"
    for cell, rows in perfect.groupby("cell", sort=False):
        verdict = rows[rows["counted"] == FAIL].iloc[0]
        yield f"| {cell} | {_n(verdict)} | {_counted(verdict)} | {_headlines(rows)} |"


def _coverage_table(perfect: pd.DataFrame) -> Iterator[str]:
    covered = perfect[perfect["counted"] == COVERED]
    names = sorted(covered["name"].unique())
    yield f"| cohorts | {' | '.join(names)} |\n|---{'|---' * len(names)}|"
    for cell, rows in covered.groupby("cell", sort=False):
        shares = rows.set_index("name")["share"]
        cells = (f"{shares[name]:.0%}" if name in shares else "" for name in names)
        yield f"| {cell} | {' | '.join(cells)} |"
    pooled = _pooled(perfect).set_index("name")
    cells = (_share(pooled.loc[name, "count"], pooled.loc[name, "trials"]) for name in names)
    yield f"| **all** | {' | '.join(cells)} |"


def _power_table(defects: pd.DataFrame) -> Iterator[str]:
    procedures = list(PUBLISHED)
    yield f"| defect | n | question | *fail* | headlines that failed | {' | '.join(_cell(p) for p in procedures)} |"
    yield f"|---|---|---|---|---{'|---' * len(procedures)}|"
    for cell, rows in defects.groupby("cell", sort=False):
        verdict = rows[rows["counted"] == FAIL].iloc[0]
        seen = rows[rows["counted"] == SEEN].set_index("name")["share"]
        shares = " | ".join(f"{seen[name]:.0%}" for name in procedures)
        head = f"{cell} | {_n(verdict)} | {verdict['question']} | {_counted(verdict)}"
        yield f"| {head} | {_headlines(rows)} | {shares} |"


def _cell(text: str) -> str:
    """Return a text for a cell of a table in Markdown."""
    return text.replace("|", "\\|")


def _pooled(perfect: pd.DataFrame) -> pd.DataFrame:
    covered = perfect[perfect["counted"] == COVERED]
    pooled = covered.groupby("name", as_index=False)[["count", "trials"]].sum()
    return pooled.assign(share=pooled["count"] / pooled["trials"])


def _n(row: pd.Series) -> str:
    return f"{row['n_reference']} / {row['n_generated']}"


def _headlines(rows: pd.DataFrame) -> str:
    failed = rows[rows["counted"] == HEADLINE].sort_values("count", ascending=False, kind="stable")
    return ", ".join(f"{row['name']} {row['count']}" for _, row in failed.iterrows())


def _counted(row: pd.Series) -> str:
    return f"{row['count']} of {row['trials']}, {_share(row['count'], row['trials'])}"


def _share(count: int, n: int) -> str:
    low, high = proportion_confint(int(count), int(n), method="beta")
    return f"{count / n:.1%} ({low:.1%} to {high:.1%})"


def read_log(path: Path) -> pd.DataFrame:
    """Return the trials of a log, one row each."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return pd.DataFrame([json.loads(line) for line in lines if line.endswith("}")])


def main() -> None:
    """Write table and page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    given = parser.parse_args()
    table = summarise(read_log(given.log))
    write_table(table, given.out / "audit.tsv", TABLE)
    date = datetime.datetime.now(datetime.UTC).date()
    printed = (
        "Printed by `python -m benchmarks.audit_cells --log LOG` and `python -m benchmarks.audit_page LOG` "
        f"on {date} ({os.cpu_count()} cores)."
    )
    write_text_atomic(given.out / "audit.md", page(table, printed))


if __name__ == "__main__":
    main()
