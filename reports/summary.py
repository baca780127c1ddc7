"""A summary of a run on two pages of PDF: the answer with a brain, and the table of headline metrics."""

import textwrap
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from plausibrain.cohorts.store import write_atomic
from plausibrain.reports.figure import FIGURES
from plausibrain.reports.findings import answer, biases, faults, unjudged
from plausibrain.reports.formatting import estimate, interval, is_missing, shown_unit
from plausibrain.reports.run_folder import Run
from plausibrain.reports.svg import INK_2, INK_3, VERDICT_COLOURS, drawing

A4_INCHES = (8.27, 11.69)
LEFT, RIGHT, TOP = 0.08, 0.92, 0.95
STEP = 0.0175  # of the page's height, one line of 10-point text
WRAPPED = 92  # letters
COLUMNS = (LEFT, 0.5, 0.8)
BRAIN = "brain_sizes"
LOWEST_BRAIN = 0.15  # of the page; below, there is no room for it


def write_summary(run: Run, path: Path) -> Path:
    """Write the summary of a run.

    Parameters
    ----------
    run : Run
    path : Path
        PDF file.

    Returns
    -------
    Path
        The file, of two pages.
    """

    def save(target: Path) -> None:
        with drawing("summary"), PdfPages(target, metadata={"CreationDate": None}) as pages:
            for page in (_first_page(run), _second_page(run)):
                pages.savefig(page)

    return write_atomic(path, save)


def _page() -> Figure:
    return Figure(A4_INCHES, facecolor="white")


def _first_page(run: Run) -> Figure:
    page = _page()
    y = _write(page, TOP, f"plausibrain summary: {run.scorecard.get('name', '')}", size=9, color=INK_3)
    y = _write(page, y - STEP / 2, answer(run.scorecard), size=17, weight="bold", width=52)
    for title, findings in (("Largest differences by structure", biases(run)), ("Headlines", faults(run))):
        if findings:
            y = _write(page, y - STEP, title, weight="bold")
        for f in findings:
            page.text(0.36, y, f.text, fontsize=10, va="top")
            page.text(RIGHT, y, f.verdict, fontsize=10, va="top", ha="right", color=_colour(f.verdict))
            y = _write(page, y, f.name, color=INK_2, width=34)
    reasons = unjudged(run)
    y = _write(page, y - STEP, "Without a verdict", weight="bold") if reasons else y
    for u in reasons:
        y = _write(page, y, f"{u.names}: {u.state} ({u.reason})", color=INK_2)
    _brain(run, page, y - 2 * STEP)
    return page


def _brain(run: Run, page: Figure, top: float) -> None:
    FIGURES.discover("plausibrain.reports.figures")
    plugin = FIGURES[BRAIN]
    table = plugin.select(run)
    height = min(0.3, top - 0.04)
    if table.empty or height < LOWEST_BRAIN:
        return
    axes = page.add_axes((LEFT, top - height, RIGHT - LEFT, height))
    plugin.function(table, ax=axes)
    axes.set_position((LEFT, top - height + 0.05, RIGHT - LEFT, height - 0.07))


def _second_page(run: Run) -> Figure:
    page = _page()
    y = _write(page, TOP, "Headline metrics", size=14, weight="bold")
    rows = [(q, h) for q in run.questions for h in q["headlines"] if not is_missing(h.get("estimate"))]
    for question in dict.fromkeys(str(q["name"]) for q, _ in rows):
        own = [h for q, h in rows if q["name"] == question]
        y = _write(page, y - STEP / 3, question, weight="bold", color=INK_2)
        for headline in own:
            y = _row(page, y, headline)
    settings = run.settings
    n = f"{settings.get('n_resamples', '')} bootstrap resamples" if settings.get("n_resamples") else ""
    note = f"95 % intervals in brackets. plausibrain {version('plausibrain')}; {n}; protocol "
    _write(page, 0.05, f"{note}{str(run.scorecard.get('fingerprint') or '')[:12]}.", size=8, color=INK_3)
    return page


def _row(page: Figure, y: float, h: Mapping[str, Any]) -> float:
    unit, low, high = h.get("unit") or "", h.get("ci_low"), h.get("ci_high")
    ends = "" if is_missing(low) else f" ({interval(low, high, unit)})"
    verdict = str(h.get("verdict") or "")
    cells: Sequence[tuple[str, str]] = (
        (str(h.get("label") or h["name"])[:56], INK_2),
        (f"{estimate(h['estimate'], low, high, unit)} {shown_unit(unit)}".rstrip() + ends, "black"),
        (verdict, _colour(verdict)),
    )
    for x, (text, colour) in zip(COLUMNS, cells, strict=True):
        page.text(x, y, text, fontsize=9, va="top", color=colour)
    return y - STEP


def _write(
    page: Figure, y: float, text: str, *, size: float = 10, width: int = WRAPPED, **style: Any
) -> float:
    """Write wrapped lines from the left margin down; return where the next line begins."""
    lines = textwrap.wrap(text, width) or [""]
    page.text(LEFT, y, "\n".join(lines), fontsize=size, va="top", linespacing=1.25, **style)
    return y - len(lines) * STEP * size / 10


def _colour(verdict: str) -> str:
    return VERDICT_COLOURS.get(verdict, VERDICT_COLOURS[""])
