"""The page ``docs/models_scores.md``: the table of the latent diffusion paper, conditioning, verdicts and ranks.

Every number is read from the run folders; a number that a run does not have is a dash, with the reason below.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.machine import stamp
from plausibrain.analysis.feature_samples import FEATURE_SPACE
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.tables import read_table
from plausibrain.evaluation.diversity.pair_table import all_similarities
from plausibrain.reports.compare.tables import RANKS
from plausibrain.reports.run_folder import Run, read_run

NOTHING = "–"
#: Requested volumes: quantity of `results.tsv` and what the page calls it.
OBEDIENCE = {
    "ventricle_volume_r": "ventricles: r",
    "ventricle_volume_slope": "slope",
    "brain_volume_r": "brain: r",
    "brain_volume_slope": "slope",
}
INTRODUCTION = """# How good are the small models?

Printed by `python -m benchmarks.models CHECKPOINT … --n {n}` on {stamp}.

Every model generated images of the same {n} subjects, whose age, sex, ventricle and brain volume are those of simulated subjects that no model
has seen. The reference is another {n} held-out subjects. All images lie on one grid and went through `{segmenter}`. The
first row is the subjects themselves whose conditions were requested: what a perfect model would score. *95 %
intervals in brackets.* The simulator is not the world: these numbers rank models trained on it, and say nothing of models trained on
real subjects.
"""


@dataclass(frozen=True)
class Row:
    """One cohort of the page.

    Attributes
    ----------
    label : str
    run : Path
        Its run folder.
    facts : mapping
        How the model was trained and how long it draws.
    """

    label: str
    run: Path
    facts: Mapping[str, Any] = field(default_factory=dict)


def write_page(
    rows: Sequence[Row], comparison: Path, out: Path, said: Mapping[str, Any], *, picture: Path | None = None
) -> Path:
    """Write the page.

    Parameters
    ----------
    rows : sequence of Row
        The held-out subjects first.
    comparison : Path
        Folder that `plausibrain.reports.compare.compare.compare_runs` wrote of the same runs.
    out : Path
    said : mapping
        ``n``, ``segmenter`` and further settings, as they are to be printed.
    picture : Path, optional
        Of the same subjects as every model draws them.

    Returns
    -------
    Path
    """
    opened = {row.label: read_run(row.run) for row in rows}
    lines = [
        INTRODUCTION.format(stamp=stamp(), **said),
        *shown(picture, out), *as_in_the_paper(opened), *conditioning(opened), *verdicts(opened), *ranks(comparison, opened),
        *headlines(opened), *wrong(opened), *all_distances(opened), *training(rows),
    ]  # fmt: skip
    return write_text_atomic(out, "\n".join(lines) + "\n")


def shown(picture: Path | None, page: Path) -> Iterator[str]:
    """Yield the picture, where there is one."""
    if picture is not None:
        link = os.path.relpath(picture, page.parent)
        yield f"![The youngest, the median and the oldest of those requested, as every model generates them]({link})\n"


def as_in_the_paper(runs: Mapping[str, Run]) -> Iterator[str]:
    """Yield table 1 of Pinaya et al. 2022: distance to real images, and similarity of pairs."""
    first = next(iter(runs.values()))
    space = feature_space(first)
    similarities = {plugin.name: plugin.label for plugin in all_similarities()}
    header = ["", "Fréchet distance ↓", *similarities.values()]
    yield "## Table 1 of the latent diffusion paper, with its row of real images\n"
    yield from (table_line(header), table_line(["---"] * len(header)))
    missing: dict[str, None] = {}
    for label, run in runs.items():
        distance = value(run, "feature_distances", "frechet", structure=space)
        pairs = [value(run, "pair_similarity", name, cohort="generated") for name in similarities]
        yield table_line([label, *(_cell(number, missing) for number in (distance, *pairs))])
    pairs = [value(first, "pair_similarity", name, cohort="reference") for name in similarities]
    halves = value(first, "feature_distances", "frechet", structure=space)
    yield table_line(
        ["Reference subjects", _null(halves, missing), *(_cell(number, missing) for number in pairs)]
    )
    yield from _reasons(missing)
    yield (
        f"\nFréchet distance of features `{space or 'none'}`; for the reference, between its random halves. Its size is "
        "that of this network and this n, so it cannot be compared with published ones. Similarities are means over "
        "pairs of images of one cohort: the target is the reference's value, lower is no better.\n"
    )


def conditioning(runs: Mapping[str, Run]) -> Iterator[str]:
    """Yield requested against measured volumes."""
    yield "## Requested against measured\n"
    yield from table_of_conditioning(runs)
    yield (
        "\nThe row of held-out subjects shows what the segmenter alone loses. Slopes here are plain; the sentences below "
        "and the verdict of question 6 hold age, sex and the other requests equal, so their numbers differ.\n"
    )


def table_of_conditioning(runs: Mapping[str, Run]) -> Iterator[str]:
    """Yield a line for every run."""
    yield from (table_line(["", *OBEDIENCE.values()]), table_line(["---"] * (len(OBEDIENCE) + 1)))
    missing: dict[str, None] = {}
    for label, run in runs.items():
        numbers = [value(run, "conditioning", quantity, cohort="generated") for quantity in OBEDIENCE]
        yield table_line([label, *(_cell(number, missing) for number in numbers)])
    yield from _reasons(missing)


def verdicts(runs: Mapping[str, Run]) -> Iterator[str]:
    """Yield the verdict of every question and model."""
    yield "## Verdicts\n"
    yield from (table_line(["", *runs]), table_line(["---"] * (len(runs) + 1)))
    asked = [run.questions for run in runs.values()]
    for same in zip(*asked, strict=True):
        yield table_line([f"{same[0]['number']}. {same[0]['name']}", *(str(q["verdict"]) for q in same)])
    yield table_line(["**All**", *(f"**{run.scorecard['verdict']}**" for run in runs.values())])
    yield ""


def ranks(comparison: Path, runs: Mapping[str, Run]) -> Iterator[str]:
    """Yield the mean rank of every model per question, over joint bootstrap draws."""
    table = read_table(comparison / "ranks.tsv", RANKS)
    of_questions = (table["headline"].isna() | (table["headline"] == "")) & (table["question"] > 0)
    table = table[of_questions]  # question 0 is all of them together
    if table.empty:
        return
    table = table.assign(weighted=table["rank"] * table["share"])
    mean = table.pivot_table(index="question", columns="run", values="weighted", aggfunc="sum")
    names = {q["number"]: q["name"] for q in next(iter(runs.values())).questions}
    yield "## Mean rank (1 is nearest the ideal), over joint bootstrap draws of all runs\n"
    yield from (table_line(["", *runs]), table_line(["---"] * (len(runs) + 1)))
    for number, row in mean.iterrows():
        yield table_line([f"{number}. {names[number]}", *(f"{row[label]:.1f}" for label in runs)])
    yield ""


def headlines(runs: Mapping[str, Run]) -> Iterator[str]:
    """Yield every headline number that some model has."""
    yield "## Headline metrics\n"
    yield from (table_line(["", "unit", "ideal", *runs]), table_line(["---"] * (len(runs) + 3)))
    of_runs = [
        {h["name"]: h for question in run.questions for h in question["headlines"]} for run in runs.values()
    ]
    for name, first in of_runs[0].items():
        numbers = [run.get(name, {}) for run in of_runs]
        if any(number.get("estimate") is not None for number in numbers):
            ideal = f"{first['ideal']:g}"
            yield table_line([first["label"], first["unit"], ideal, *(map(_headline_cell, numbers))])
    yield ""


def _headline_cell(headline: Mapping[str, Any]) -> str:
    if headline.get("estimate") is None:
        return NOTHING
    interval = (
        "" if headline.get("ci_low") is None else f" [{headline['ci_low']:.3g}, {headline['ci_high']:.3g}]"
    )
    return f"{headline['estimate']:.3g}{interval} {headline['verdict']}"


def wrong(runs: Mapping[str, Run]) -> Iterator[str]:
    """Yield what the reports find wrong with each model."""
    yield "## What is wrong with each\n"
    for label, run in runs.items():
        yield f"**{label}.** {run.scorecard['sentence']}\n"
        found = [h for question in run.questions for h in question["headlines"] if h["verdict"] == "fail"]
        yield from (f"- {headline['sentence']}" for headline in found)
        if found:
            yield ""


def all_distances(runs: Mapping[str, Run]) -> Iterator[str]:
    """Yield every distance between image features, beside two halves of the reference."""
    first = next(iter(runs.values())).table("results")
    rows = first[first["analysis"] == "feature_distances"]
    if rows.empty:
        return
    yield "## Every distance between image features\n"
    yield from (
        table_line(["", "features", "reference halves", *runs]),
        table_line(["---"] * (len(runs) + 3)),
    )
    missing: dict[str, None] = {}
    for row in rows.itertuples():
        numbers = [
            value(run, "feature_distances", str(row.quantity), structure=str(row.structure))
            for run in runs.values()
        ]
        extractor = str(row.structure).partition(":")[0]
        halves = _null(numbers[0], missing)
        yield table_line(
            [str(row.quantity), extractor, halves, *(_cell(number, missing) for number in numbers)]
        )
    yield from _reasons(missing)
    yield ""


def training(rows: Sequence[Row]) -> Iterator[str]:
    """Yield on what and how long the models were trained, and how long they draw."""
    known = [row for row in rows if row.facts]
    if not known:
        return
    yield "## How they were made\n"
    yield (
        "Times of training are by the clock, with other programs beside: up to several times those that the pages of single "
        "models give for one free core.\n"
    )
    header = ["", "trained on", "steps", "training", "seconds an image", "checkpoint"]
    yield from (table_line(header), table_line(["---"] * len(header)))
    for row in known:
        stages = row.facts.get("stages", {})
        steps = (
            ", ".join(f"{name} {stage.get('steps', NOTHING)}" for name, stage in stages.items()) or NOTHING
        )
        seconds = sum(stage.get("seconds", 0.0) for stage in stages.values())
        subjects = row.facts.get("n_trained_on")
        drawn, digest = row.facts.get("seconds_per_image", np.nan), str(row.facts.get("checkpoint", ""))
        yield table_line(
            [
                row.label,
                NOTHING if subjects is None else f"{subjects} images",
                steps,
                f"{seconds / 60:.0f} min" if seconds else NOTHING,
                f"{drawn:.2g}",
                f"`{digest[:12]}`",
            ]
        )
    yield ""


def feature_space(run: Run) -> str:
    """Return the extractor that the headlines use, with its hash; empty when there is none."""
    results = run.table("results")
    names = results.loc[results["analysis"] == "feature_distances", "structure"].dropna().unique()
    for wanted in FEATURE_SPACE:
        for name in names:
            if str(name).partition(":")[0] == wanted:
                return str(name)
    return ""


def value(
    run: Run, analysis: str, quantity: str, *, structure: str = "", cohort: str = "difference"
) -> pd.Series | None:
    """Return the row of `results.tsv` over all subjects, or None when the run has none."""
    table = run.table("results")
    chosen = table[
        (table["analysis"] == analysis) & (table["quantity"] == quantity) & (table["stratum"] == "all")
        & (table["structure"].fillna("") == structure) & (table["cohort"] == cohort)
    ]  # fmt: skip
    return chosen.iloc[0] if len(chosen) else None


def _cell(row: pd.Series | None, missing: dict[str, None]) -> str:
    """Return estimate and interval; a dash when there is none, and keep the reason."""
    if row is None or not np.isfinite(row["estimate"]):
        reason = "" if row is None else row["reason"]
        missing[str(reason) if isinstance(reason, str) and reason else "not measured in these runs"] = None
        return NOTHING
    interval = f" [{row['ci_low']:.3g}, {row['ci_high']:.3g}]" if np.isfinite(row["ci_low"]) else ""
    return f"{row['estimate']:.3g}{interval}"


def _null(row: pd.Series | None, missing: dict[str, None]) -> str:
    """Return split-half reference of the same number."""
    if row is None or not np.isfinite(row["null_median"]):
        missing["no split-half reference in these runs"] = None
        return NOTHING
    return f"{row['null_median']:.3g} [{row['null_low']:.3g}, {row['null_high']:.3g}]"


def table_line(cells: Sequence[str]) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def _reasons(missing: Mapping[str, None]) -> Iterator[str]:
    if missing:
        yield f"\n{NOTHING}: {'; '.join(missing)}."
