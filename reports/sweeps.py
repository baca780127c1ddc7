"""The sections of one-factor sweeps that lie in a run folder: strips, requested against measured, leakage.

`plausibrain sweep --out RUN/sweep` (or `RUN/sweeps/NAME`) leaves them there.
"""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.requested_volumes import MEASURE_LABELS
from plausibrain.cohorts.schemas import SWEEP_VERDICTS
from plausibrain.cohorts.tables import read_table
from plausibrain.cohorts.text_files import read_json, require_regular_file
from plausibrain.reports.extra_section import ExtraSection, Picture, worst_verdict
from plausibrain.reports.formatting import (
    MISSING,
    bound,
    count,
    estimate,
    fixed,
    interval,
    is_missing,
    p_value,
)
from plausibrain.reports.result_tables import Cell, ResultTable
from plausibrain.reports.run_folder import Run

VERDICTS, SUMMARY, PICTURE = "sweep_verdicts.tsv", "sweep.json", "sweep.png"
PATTERNS = (f"sweep*/{VERDICTS}", f"sweeps/*/{VERDICTS}")
#: A picture may take this much of the page.
PICTURE_BUDGET_BYTES = 4_000_000
MOST_SWEEPS = 8
ASKS = (
    "When one condition varies and all else, noise included, stays the same: does the image follow the "
    "request, inside and outside the range of the reference, and does anything else move that should not?"
)
HOW = (
    "Every strip is one subject with one noise. Slopes of measured on requested volume, and changes of other "
    "measures over the range of the reference, are averaged over strips with an interval from Student’s t; "
    "the design is that of figures 2 and 4 of the latent diffusion paper [@Pinaya2022]."
)
CAPTION = (
    "Strips: an axial and a coronal slice at every request; frames are black inside the range of the "
    "reference, orange outside it and red outside the range of the training data as well. Below: requested "
    "against measured, and what else moved."
)


def sweep_sections(run: Run) -> list[ExtraSection]:
    """Return a section per sweep in the run folder, by the name of its folder; none when there are none."""
    root = run.path.resolve()
    folders = {path.parent for pattern in PATTERNS for path in run.path.glob(pattern)}
    inside = sorted(f for f in folders if f.resolve().is_relative_to(root))[:MOST_SWEEPS]
    return [_section(folder, number) for number, folder in enumerate(inside, 1)]


def _section(folder: Path, number: int) -> ExtraSection:
    verdicts, facts = read_table(folder / VERDICTS, SWEEP_VERDICTS), _facts(folder)
    condition = str(facts.get("condition") or folder.name)
    return ExtraSection(
        f"sweep-{number}", f"One-factor sweep: {condition}", ASKS, worst_verdict(verdicts.verdict),
        _lede(verdicts, facts, condition), methods=HOW, pictures=tuple(_pictures(folder, facts, condition)),
        tables=(_table(verdicts),),
    )  # fmt: skip


def _facts(folder: Path) -> Mapping[str, Any]:
    try:
        content = read_json(folder / SUMMARY)
    except (FileNotFoundError, DataError):
        return {}
    return content if isinstance(content, dict) else {}


def _lede(verdicts: pd.DataFrame, facts: Mapping[str, Any], condition: str) -> str:
    slopes = verdicts[verdicts.quantity == "slope"]
    parts = []
    for _, row in slopes[slopes.estimate.notna()].iterrows():
        ends = interval(row.ci_low, row.ci_high)
        brackets = "" if ends == MISSING else f" (95 % CI {ends})"
        parts.append(f"{estimate(row.estimate, row.ci_low, row.ci_high)} {row.range}{brackets}")
    slope = f"Slope of measured on requested {condition}, 1 is perfect: {', '.join(parts)}."
    if slopes.empty:
        slope = f"No volume answers a request of {condition} directly; what moves with it is shown below."
    elif not parts:
        slope = f"No strip has two images from which a slope of measured on requested {condition} follows."
    leaks = verdicts[verdicts.quantity.str.startswith("leak") & (verdicts.verdict == "fail")]
    names = ", ".join(
        f"{_measure(str(row.quantity))} ({fixed(row.estimate, 1, signed=True)} %)"
        for _, row in leaks.iterrows()
    )
    leakage = f" The request also moves what it should not: {names}." if names else ""
    return f"{slope}{leakage}{_size(verdicts, facts)}"


def _size(verdicts: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    """Say how many images and strips there are, and what keeps them from a verdict."""
    n, n_strips = facts.get("n_images"), int(verdicts.n_strips.max()) if len(verdicts) else 0
    strips = "one strip" if n_strips == 1 else f"{count(n_strips)} strips"
    images = "" if is_missing(n) else f" {count(n)} images in {strips}."
    few = verdicts[(verdicts.verdict == "inconclusive") & verdicts.ci_low.isna()]
    return images + (" Too few strips for intervals and verdicts." if len(few) else "")


def _pictures(folder: Path, facts: Mapping[str, Any], condition: str) -> Iterator[Picture]:
    path = folder / PICTURE
    try:
        if path.resolve().parent != folder.resolve():  # a link that leads elsewhere
            return
        content = require_regular_file(path, max_bytes=PICTURE_BUDGET_BYTES).read_bytes()
    except (OSError, DataError):
        return
    whole = facts.get("all") or {}
    slope = "" if is_missing(whole.get("slope")) else f", slope {fixed(whole['slope'], 2)}"
    source = f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"
    alt = (
        f"Slices of images whose {condition} varies, requested against measured{slope}, and what else moved."
    )
    yield Picture("Strips, requested against measured, and leakage", source, alt, CAPTION)


def _table(verdicts: pd.DataFrame) -> ResultTable:
    columns = ("Number", "Images", "Estimate", "95 % CI", "Margin", "p", "Strips", "Verdict", "Note")
    rows = tuple(
        (
            Cell(_name(str(row.quantity), str(row.unit)), kind="name"),
            Cell(str(row.range), kind="text"),
            Cell(
                estimate(row.estimate, row.ci_low, row.ci_high, signed=True),
                None if is_missing(row.estimate) else float(row.estimate),
            ),
            Cell(interval(row.ci_low, row.ci_high, signed=True)),
            Cell(f"{bound(row.margin_low)} to {bound(row.margin_high)}"),
            Cell(p_value(row.p), None if is_missing(row.p) else float(row.p)),
            Cell(count(row.n_strips), float(row.n_strips)),
            Cell(str(row.verdict), kind="verdict"),
            Cell(str(row.reason), kind="text"),
        )
        for _, row in verdicts.iterrows()
    )
    return ResultTable("Verdicts on the sweep", "", columns, rows)


def _name(quantity: str, unit: str) -> str:
    text = "Slope of measured on requested" if quantity == "slope" else f"Leak into {_measure(quantity)}"
    return f"{text} ({unit})" if unit and quantity != "slope" else text


def _measure(quantity: str) -> str:
    """Return what a request leaks into, in words."""
    name = quantity.removeprefix("leak into ")
    return MEASURE_LABELS.get(name, name)
