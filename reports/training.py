"""The page of a training: curves, held-out samples and what was trained on what, from the files it leaves."""

import base64
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.text_files import read_json, require_object
from plausibrain.reports.document import Document, Part, Table, document_page
from plausibrain.reports.formatting import bound, count, listing
from plausibrain.reports.line_charts import Line, line_charts
from plausibrain.reports.slices import Slice

PAGE, FACTS, CURVES, PICTURES = "training.html", "training.json", "curves.json", "samples"
HELD_OUT = "held-out "
MOST_PICTURE_BYTES = 3_000_000

Row = Mapping[str, float]


def write_training_page(folder: Path) -> Path:
    """Write `training.html` from ``training.json``, ``curves.json`` and the pictures in ``samples/``.

    Parameters
    ----------
    folder : Path
        Folder of a training, also of one that still runs.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    DataError
        When the folder holds no training.
    """
    return write_text_atomic(folder / PAGE, document_page(training_document(folder)))


def training_document(folder: Path) -> Document:
    """Return the page of a training as a document."""
    facts, curves = (_read(folder / name) for name in (FACTS, CURVES))
    stages = list(facts.get("stages") or curves)
    stages_with_rows = [stage for stage in stages if curves.get(stage)]
    return Document(
        kind=f"training of {facts.get('model', 'a model')}",
        answer=_answer(stages, curves, facts),
        summary=" ".join(filter(None, (_progress(stage, curves[stage]) for stage in stages_with_rows)))
        or "No held-out number has been computed yet.",
        facts=tuple((str(name), str(text)) for name, text in (facts.get("facts") or {}).items()),
        parts=tuple(
            _part(folder, place, stage, curves[stage], facts)
            for place, stage in enumerate(stages)
            if curves.get(stage)
        ),
        footer="curves.json beside this page holds every number, training.log every line of the log.",
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise DataError(f"expected {path}, but there is none; give the folder of a training") from None
    return require_object(content, path)


def _answer(stages: Sequence[str], curves: Mapping[str, Sequence[Row]], facts: Mapping[str, Any]) -> str:
    """Say how far the training is."""
    steps = facts.get("stages") or {}
    complete = [stage for stage in stages if curves.get(stage) and curves[stage][-1]["step"] >= steps[stage]]
    if len(complete) == len(stages):
        return f"Trained: {listing([f'{stage}, {count(steps[stage])} steps' for stage in stages])}"
    running = next(stage for stage in stages if stage not in complete)
    step = curves[running][-1]["step"] if curves.get(running) else 0
    return f"In training: {running} at step {count(step)} of {count(steps[running])}"


def series(rows: Sequence[Row]) -> dict[str, tuple[list[float], list[float]]]:
    """Return steps and values of each quantity that rows hold, the held-out ones first.

    Examples
    --------
    >>> series([{"step": 1.0, "l1": 0.5}, {"step": 2.0, "l1": 0.25, "held-out l1": 0.3}])
    {'held-out l1': ([2.0], [0.3]), 'l1': ([1.0, 2.0], [0.5, 0.25])}
    """
    points: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        for name, value in row.items():
            if name != "step" and math.isfinite(value):
                steps, values = points.setdefault(name, ([], []))
                steps.append(row["step"])
                values.append(value)
    return dict(sorted(points.items(), key=lambda item: (not item[0].startswith(HELD_OUT), item[0])))


def _progress(stage: str, rows: Sequence[Row]) -> str:
    """Say how the first held-out number of a stage went."""
    for name, (steps, values) in series(rows).items():
        if name.startswith(HELD_OUT) and len(values) > 1:
            return (
                f"{stage.capitalize()}: {name} went from {bound(values[0])} at step {count(steps[0])} to "
                f"{bound(values[-1])} at step {count(steps[-1])}."
            )
    return ""


def _part(folder: Path, place: int, stage: str, rows: Sequence[Row], facts: Mapping[str, Any]) -> Part:
    curves = series(rows)
    lines = [Line(name, *points) for name, points in curves.items()]
    table = Table(
        f"Numbers of {stage}",
        ("Quantity", "First", "Last", "Lowest", "Steps"),
        tuple(
            (name, bound(values[0]), bound(values[-1]), bound(min(values)), count(steps[-1]))
            for name, (steps, values) in curves.items()
        ),
    )
    charts = line_charts(
        f"stage-{place + 1}", f"Curves of {stage}", lines, x_label="Step", y_label="Value",
        caption="Losses are means since the point before; held-out numbers are of subjects that are not "
        "trained on, with the averaged weights.",
    )  # fmt: skip
    entries = (facts.get("pictures") or {}).get(stage) or ()
    pictures = tuple(_picture(folder, str(entry["file"]), str(entry["caption"])) for entry in entries)
    return Part(
        f"stage-{place + 1}", stage.capitalize(), figures=(charts,), tables=(table,),
        pictures=tuple(picture for picture in pictures if picture.source),
    )  # fmt: skip


def _picture(folder: Path, name: str, caption: str) -> Slice:
    """Return a picture of the folder; an empty one where the name leads elsewhere or the file is gone."""
    path = folder / PICTURES / name
    inside = Path(name).name == name and not path.is_symlink() and path.is_file()
    content = path.read_bytes() if inside and path.stat().st_size <= MOST_PICTURE_BYTES else b""
    source = f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}" if content else ""
    return Slice("generated", caption, f"{caption}: three planes through the middle of the image", source)
