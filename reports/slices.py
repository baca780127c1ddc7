"""Pictures of images on the page: chosen by the run, inlined up to a budget, each beside a real neighbour."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.text_files import require_regular_file
from plausibrain.reports.formatting import fixed, is_missing
from plausibrain.reports.measure_labels import measure_label
from plausibrain.reports.run_folder import Run
from plausibrain.reports.structure_names import structure_label

FOLDER = "slices"
#: End of the name of the outlines that belong to a picture, where it has a label map.
OUTLINES = "-outlines.png"
#: Of all pictures of a page, before they are written as text.
BUDGET_BYTES = 6_000_000
#: Of all small volumes of a page, before they are written as text.
VOLUME_BUDGET_BYTES = 2_200_000
PLANES = "three planes through the middle of the brain, from above, from the front and from the right"
TITLES = {
    (0, "random"): ("Random selection", "Generated images selected at random."),
    (1, "excluded"): ("Excluded images", "The first in the order of the table."),
    (1, "lowest quality"): (
        "Least reliable segmentations",
        "Generated images whose segmentation is predicted to be worst.",
    ),
    (2, "worst"): (
        "Most unusual volumes",
        "Generated subjects whose most unusual structure is farthest from reference subjects of the same "
        "age and sex.",
    ),
    (2, "typical"): (
        "Most typical volumes",
        "The generated subject whose most unusual structure is the least unusual.",
    ),
    (7, "worst"): (
        "Images that stand out most",
        "Generated images whose most unusual quality measure is farthest from reference images.",
    ),
    (7, "typical"): (
        "Image that stands out least",
        "The generated image whose most unusual quality measure is the least unusual.",
    ),
    (9, "copies"): (
        "Most like a training image",
        "The generated images most like a training image, each with that image and with the most similar "
        "held-out subject of the reference.",
    ),
    (9, "near_duplicates"): (
        "Most like each other",
        "The generated subjects who are nearest to another generated subject.",
    ),
}
#: What the pictures of a group show, by whether the images were chosen because they are alike.
HOW = {
    False: "Each generated image is shown above the reference subject of the same sex and nearest age. The "
    "subject’s left is on the left of the first two planes; white matter has the same grey value throughout.",
    True: "The brains are stripped and aligned as for the comparison, so that a copy shows the same folds in "
    "the same places. The subject’s left is on the left of the first two planes.",
}
KINDS = {"generated": "Generated", "reference": "Real", "training": "Training"}


@dataclass(frozen=True)
class Slice:
    """One picture.

    Attributes
    ----------
    cohort : str
    caption, alt : str
        What it is, and for subjects who do not see it what it shows.
    source : str
        The picture as data URI; empty where it could not be drawn.
    outlines : str
        Outlines of the segmentation to lay over it, as data URI; empty where there are none.
    """

    cohort: str
    caption: str
    alt: str
    source: str
    outlines: str = ""


@dataclass(frozen=True)
class SliceGroup:
    """Pictures that were chosen by one rule, in pairs or threes.

    Attributes
    ----------
    title, note : str
    pairs : tuple of tuple of Slice
    alike : bool
        Whether they are shown because they are alike, side by side, and not one above the other.
    """

    title: str
    note: str
    pairs: tuple[tuple[Slice, ...], ...]
    alike: bool = False

    @property
    def outlined(self) -> bool:
        """Whether some picture has outlines."""
        return any(picture.outlines for pair in self.pairs for picture in pair)


@dataclass(frozen=True)
class SmallVolume:
    """A volume to look around in.

    Attributes
    ----------
    name : str
    packed : str
        Base64 of what `plausibrain.evaluation.slices.View.volume` packed.
    beside : int or None
        Place in the list of the reference volume that is shown beside it, at the same position.
    """

    name: str
    packed: str
    beside: int | None = None


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
    pictures = table[table.question == question]
    return [_group(run, question, str(name), rows) for name, rows in pictures.groupby("group", sort=False)]


def volumes_of(run: Run) -> list[SmallVolume]:
    """Return the volumes to look around in, as far as the budget of the page allows."""
    table, left, volumes = run.table("slices"), VOLUME_BUDGET_BYTES, list[SmallVolume]()
    places: dict[int, int] = {}  # pair -> place of its generated volume
    for _, row in table[table.volume != ""].iterrows():
        content = _content(run, str(row.volume))
        left -= len(content)
        if left < 0:
            break
        if content:
            title = TITLES.get((int(row.question), str(row.group)), (str(row.group), ""))[0]
            beside = "" if row.cohort == "generated" else "beside it: "
            text = base64.b64encode(content).decode("ascii")
            if row.cohort == "generated":
                places[int(row.pair)] = len(volumes)
            elif int(row.pair) in places:
                place = places.pop(int(row.pair))
                volumes[place] = replace(volumes[place], beside=len(volumes))
            volumes.append(SmallVolume(f"{title}: {beside}{subject_text(row)}", text))
    return volumes


def _affordable(run: Run, table: pd.DataFrame) -> set[str]:
    """Files of the first pairs whose sizes add up to the budget; pictures that are missing cost nothing."""
    left, files = BUDGET_BYTES, set[str]()
    for _, rows in table.groupby("pair", sort=False):
        left -= sum(len(_content(run, name)) for file in rows.file for name in (str(file), outlines_of(file)))
        if left < 0:
            break
        files.update(rows.file)
    return files


def outlines_of(file: object) -> str:
    """Name the outlines of a picture.

    Examples
    --------
    >>> outlines_of("03-0-generated.png")
    '03-0-generated-outlines.png'
    """
    return f"{str(file).removesuffix('.png')}{OUTLINES}"


def picture_bytes(run: Run, file: object) -> bytes:
    """Return the bytes of a picture of a run; none where it has no such picture."""
    return _content(run, str(file))


def picture_of(run: Run, row: pd.Series, caption: str) -> Slice:
    """Return the picture of one row of the table of pictures, with its outlines.

    Parameters
    ----------
    run : Run
    row : Series
        Of the table ``slices``.
    caption : str
    """
    source = _as_uri(_content(run, str(row.file)))
    outlines = _as_uri(_content(run, outlines_of(row.file))) if source else ""
    return Slice(str(row.cohort), caption, f"{caption}: {PLANES}", source, outlines)


def _as_uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}" if content else ""


def _content(run: Run, name: str) -> bytes:
    """Bytes of a picture; nothing where the table names a file outside the folder of pictures."""
    if not name or name in (".", "..") or "\0" in name or Path(name).name != name:
        return b""
    folder = (run.path / FOLDER).resolve()
    try:
        path = (folder / name).resolve()
        if path.parent != folder:  # a link that leads elsewhere
            return b""
        return require_regular_file(path, max_bytes=BUDGET_BYTES).read_bytes()
    except (OSError, RuntimeError, DataError):
        return b""


def _group(run: Run, question: int, name: str, rows: pd.DataFrame) -> SliceGroup:
    title, note = TITLES.get((question, name), (name.capitalize(), ""))
    pairs = tuple(tuple(_slices(run, pair)) for _, pair in rows.groupby("pair", sort=False))
    alike = bool(rows.likeness.notna().any())
    return SliceGroup(title, f"{note} {HOW[alike]}".strip(), pairs, alike)


def _slices(run: Run, pair: pd.DataFrame) -> Iterator[Slice]:
    for _, row in pair.iterrows():
        subject = subject_text(row)
        yield replace(picture_of(run, row, subject), caption=f"{subject}{_why(run, row)}")


def subject_text(row: pd.Series) -> str:
    """Name the subject of a picture: cohort, id, age and sex."""
    kind = KINDS.get(str(row.cohort), str(row.cohort).capitalize())
    age = "age unknown" if is_missing(row.age) else f"{fixed(row.age, 0)} years"
    return ", ".join(part for part in (f"{kind} {row.participant_id}", age, str(row.sex)) if part)


def _why(run: Run, row: pd.Series) -> str:
    """Say what stands out in an image, whom it is like, or what was wrong with it."""
    about = str(row.about)
    parts = []
    if about and not is_missing(row.deviation):
        label = measure_label(run, about) or structure_label(about)
        parts.append(f"{label} {fixed(row.deviation, 1, signed=True)} SD")
    elif about:
        parts.append(f"predicted quality: {about}")
    if not is_missing(row.likeness):
        parts.append(_likeness(row))
    if row.reason:
        parts.append(str(row.reason))
    return f". {'; '.join(parts)}" if parts else ""


def _likeness(row: pd.Series) -> str:
    """Say how like the chosen image this one is, and whether that is more than chance."""
    if row.group == "near_duplicates":
        text, rule = f"Distance {fixed(row.likeness, 2)}", "near-duplicates lie below"
    else:
        whom = "Nearest training image" if row.cohort == "training" else "Nearest held-out subject"
        text, rule = f"{whom}, correlation {fixed(row.likeness, 2)}", "copies from"
    if not row.verdict:
        return text
    limit = "" if is_missing(row.limit) else f" ({rule} {fixed(row.limit, 2)})"
    return f"{text}: {row.verdict}{limit}"
