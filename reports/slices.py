"""Pictures of images on the page: chosen by the run, inlined up to a budget, each beside a real neighbour."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from reports.formatting import fixed, is_missing
from reports.measure_labels import measure_label
from reports.run_folder import Run
from reports.structure_names import structure_label

FOLDER = "slices"
#: Of all pictures of a page, before they are written as text.
BUDGET_BYTES = 6_000_000
PLANES = "three planes through the middle of the brain, from above, from the front and from the right"
TITLES = {
    (0, "random"): ("Drawn at random", "Generated images drawn by seed, not by eye."),
    (1, "excluded"): ("Excluded images", "The first in the order of the table."),
    (1, "lowest quality"): (
        "Least reliable segmentations",
        "Generated images whose segmentation is predicted to be worst.",
    ),
    (2, "worst"): (
        "Most unusual volumes",
        "Generated people whose most unusual structure is farthest from real people of the same age and sex.",
    ),
    (2, "typical"): (
        "Most typical volumes",
        "The generated person whose most unusual structure is the least unusual.",
    ),
    (7, "worst"): (
        "Images that stand out most",
        "Generated images whose most unusual quality measure is farthest from real images.",
    ),
    (7, "typical"): (
        "Image that stands out least",
        "The generated image whose most unusual quality measure is the least unusual.",
    ),
}


@dataclass(frozen=True)
class Slice:
    """One picture.

    Attributes
    ----------
    cohort : str
    caption, alt : str
        What it is, and for people who do not see it what it shows.
    source : str
        The picture as data URI; empty where it could not be drawn.
    """

    cohort: str
    caption: str
    alt: str
    source: str


@dataclass(frozen=True)
class SliceGroup:
    """Pairs of pictures that were chosen by one rule."""

    title: str
    note: str
    pairs: tuple[tuple[Slice, ...], ...]


def slices_of(run: Run, question: int) -> list[SliceGroup]:
    """Return the pictures that belong to a question, as far as the budget of the page allows.

    Parameters
    ----------
    run : Run
    question : int
        0 for the random images.
    """
    table = run.table("slices")
    table = table[table.file.isin(_affordable(run, table))]
    chosen = table[table.question == question]
    return [_group(run, question, str(name), rows) for name, rows in chosen.groupby("group", sort=False)]


def _affordable(run: Run, table: pd.DataFrame) -> set[str]:
    """Files of the first pairs whose sizes add up to the budget; pictures that are missing cost nothing."""
    left, kept = BUDGET_BYTES, set[str]()
    for _, rows in table.groupby("pair", sort=False):
        paths = [run.path / FOLDER / str(name) for name in rows.file]
        left -= sum(path.stat().st_size for path in paths if path.is_file())
        if left < 0:
            break
        kept.update(rows.file)
    return kept


def _group(run: Run, question: int, name: str, rows: pd.DataFrame) -> SliceGroup:
    title, note = TITLES.get((question, name), (name.capitalize(), ""))
    pairs = tuple(tuple(_slices(run, pair)) for _, pair in rows.groupby("pair", sort=False))
    return SliceGroup(title, note, pairs)


def _slices(run: Run, pair: pd.DataFrame) -> Iterator[Slice]:
    for _, row in pair.iterrows():
        path = run.path / FOLDER / str(row.file)
        content = path.read_bytes() if path.is_file() else b""
        source = f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}" if content else ""
        person = _person(row)
        yield Slice(str(row.cohort), f"{person}{_why(run, row)}", f"{person}: {PLANES}", source)


def _person(row: pd.Series) -> str:
    kind = "Generated" if row.cohort == "generated" else "Real"
    age = "age unknown" if is_missing(row.age) else f"{fixed(row.age, 0)} years"
    return ", ".join(part for part in (f"{kind} {row.participant_id}", age, str(row.sex)) if part)


def _why(run: Run, row: pd.Series) -> str:
    """Say what stands out in an image, or what was wrong with it."""
    about = str(row.about)
    parts = []
    if about and not is_missing(row.deviation):
        label = measure_label(run, about) or structure_label(about)
        parts.append(f"{label} {fixed(row.deviation, 1, signed=True)} SD")
    elif about:
        parts.append(f"predicted quality: {about}")
    if row.reason:
        parts.append(str(row.reason))
    return f". {'; '.join(parts)}" if parts else ""
