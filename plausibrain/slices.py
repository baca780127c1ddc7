"""Pictures of chosen images for the report, a real neighbour or whoever is most like it beside each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import OK, Cohort
from plausibrain.cohorts.errors import PlausibrainError
from plausibrain.cohorts.schemas import NEAREST, SLICES
from plausibrain.cohorts.store import write_atomic
from plausibrain.features import hashes_of
from plausibrain.image_files import SCRATCH, image_and_label_files
from plausibrain.image_selection import Beside, Choice, choices

if TYPE_CHECKING:
    from plausibrain.evaluation.image_job import ImageRecord
    from plausibrain.evaluation.image_source import Source

FOLDER = "slices"
#: End of the name of the outlines of a picture, which the report looks for.
OUTLINES = "-outlines.png"


def write_slices(
    reference: Cohort,
    generated: Cohort,
    cases: pd.DataFrame,
    out: Path,
    *,
    seed: int,
    training: Cohort | None = None,
    nearest: pd.DataFrame | None = None,
    records: "Mapping[str, Mapping[int, ImageRecord]] | None" = None,
    voxel_mm: float = 1.0,
) -> pd.DataFrame:
    """Draw pictures of chosen images into ``out/slices`` and return their table.

    Parameters
    ----------
    reference, generated : Cohort
    cases : DataFrame
        Columns of `plausibrain.cohorts.schemas.CASES`.
    out : Path
        Run folder.
    seed : int
        Of the random images.
    training : Cohort, optional
    nearest : DataFrame, optional
        Columns of `plausibrain.cohorts.schemas.NEAREST`: who is like whom.
    records : mapping, optional
        By role and row, what became of images that were visited; what a visit left is not made again.
    voxel_mm : float
        Resolution at which the images were compared.

    Returns
    -------
    DataFrame
        Columns of `plausibrain.cohorts.schemas.SLICES`; without rows when a cohort has no images.
    """
    columns = [column.name for column in SLICES.columns]
    for old in (out / FOLDER).glob("*"):
        if old.suffix in (".png", ".vol"):
            old.unlink()
    cohorts = {"reference": reference, "generated": generated, "training": training}
    sides = {
        role: _Side.of(cohort, out, role, (records or {}).get(role), voxel_mm)
        for role, cohort in cohorts.items()
    }
    pages_of = {role: side for role, side in sides.items() if side is not None}
    if "reference" not in pages_of or "generated" not in pages_of:
        return pd.DataFrame(columns=columns)
    page = _Page(pages_of, out / FOLDER, voxel_mm)
    likeness = NEAREST.empty() if nearest is None or not len(nearest) else nearest
    selection = choices(generated, pages_of["generated"].shown, cases, likeness, seed=seed)
    return pd.DataFrame([row for choice in selection for row in page.rows(choice)], columns=columns)


@dataclass(frozen=True, eq=False)
class _Side:
    """A cohort with its images; None in a row without one."""

    cohort: Cohort
    sources: "tuple[Source | None, ...]"

    @classmethod
    def of(
        cls,
        cohort: Cohort | None,
        out: Path,
        role: str,
        records: "Mapping[int, ImageRecord] | None",
        voxel_mm: float,
    ) -> "_Side | None":
        """Return the cohort with its images, and with label maps where it has them."""
        from plausibrain.evaluation.image_source import Source
        from plausibrain.evaluation.scratch import Scratch

        if cohort is None:
            return None
        files = image_and_label_files(cohort, out / "segmented" / role)
        if files is None and cohort.images is not None:
            files = cohort.images, (None,) * len(cohort)
        if files is None:
            return None
        scratch = Scratch(out / SCRATCH, voxel_mm)
        hashes = hashes_of(records, len(cohort)) or [None] * len(cohort)
        rows = zip(*files, hashes, strict=True)
        return cls(
            cohort,
            tuple(
                None if image is None else Source(image, labels, known, scratch)
                for image, labels, known in rows
            ),
        )

    @property
    def shown(self) -> np.ndarray:
        """Which rows have an image."""
        return np.array([source is not None for source in self.sources])

    def row_of(self, participant_id: str) -> int | None:
        """Return the row of a subject, or None where there is none."""
        names = self.cohort.subjects["participant_id"].to_numpy(dtype=str)
        rows = np.flatnonzero(names == str(participant_id))
        return int(rows[0]) if len(rows) else None


@dataclass
class _Page:
    """Pictures as they are drawn: numbered, no real neighbour twice in one group."""

    sides: Mapping[str, _Side]
    folder: Path
    voxel_mm: float
    free: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    number: int = -1

    def rows(self, choice: Choice) -> Iterator[dict[str, object]]:
        """Draw a chosen image and those beside it; yield a row for each."""
        self.number += 1
        names = self.sides["generated"].cohort.subjects["participant_id"]
        own = Beside("generated", str(names.iloc[choice.row]))
        neighbours = [(own, choice.row)]
        for beside in choice.beside or self._neighbour(choice):
            side = self.sides.get(beside.cohort)
            row = None if side is None else side.row_of(beside.participant_id)
            if row is not None:
                neighbours.append((beside, row))
        for place, (beside, row) in enumerate(neighbours):
            yield self._row(choice, beside, row, place)

    def _neighbour(self, choice: Choice) -> tuple[Beside, ...]:
        """Return the real subject of the same sex, nearest in age, who is not shown in this group yet."""
        real = self.sides["reference"]
        everyone = np.flatnonzero(real.shown).tolist()
        free = self.free.setdefault((choice.question, choice.group), everyone)
        subject = self.sides["generated"].cohort.subjects.iloc[choice.row]
        subjects = real.cohort.subjects.iloc[free]
        same = subjects[(subjects["sex"] == subject["sex"]) & (subjects["status"] == OK)]
        distance = (same["age"].astype(float) - float(subject["age"])).abs()
        if distance.isna().all():
            return ()
        nearest = same.assign(distance=distance).sort_values(["distance", "participant_id"], kind="stable")
        free.remove(int(nearest.index[0]))
        return (Beside("reference", str(nearest["participant_id"].iloc[0])),)

    def _row(self, choice: Choice, beside: Beside, row: int, place: int) -> dict[str, object]:
        """Draw one image and describe it."""
        side = self.sides[beside.cohort]
        name = f"{self.number:02d}-{place}-{beside.cohort}.png"
        remark, volume = self._picture(
            side.sources[row], self.folder / name, in_pose=bool(choice.beside), whole=choice.look_around
        )
        subject, own = side.cohort.subjects.iloc[row], place == 0
        return {
            "file": name, "question": choice.question, "group": choice.group, "pair": self.number,
            "cohort": beside.cohort, "participant_id": subject["participant_id"],
            "age": float(subject["age"]),
            "sex": subject["sex"] if isinstance(subject["sex"], str) else "",
            "about": choice.about if own else "",
            "deviation": choice.deviation if own else float("nan"), "likeness": float(beside.likeness),
            "limit": float(beside.limit), "verdict": beside.verdict, "volume": volume,
            "reason": str(subject["reason"]) if own and choice.group == "excluded" else remark,
        }  # fmt: skip

    def _picture(self, source: "Source | None", path: Path, *, in_pose: bool, whole: bool) -> tuple[str, str]:
        """Write a picture, and a small volume if asked; return what was wrong, and the name of the volume.

        An image that cannot be shown leaves nothing but the reason.
        """
        if source is None:
            return "this row has no image", ""
        try:
            view = source.view(self.voxel_mm)
        except PlausibrainError as error:
            return str(error), ""
        picture = view.pose if in_pose else view.planes
        if not picture.pixels.size:
            return picture.remark, ""
        _write(path, picture.png())
        if outlines := picture.outline_png():
            _write(path.with_name(f"{path.stem}{OUTLINES}"), outlines)
        if not whole:
            return picture.remark, ""
        target = path.with_suffix(".vol")
        _write(target, view.volume())
        return picture.remark, target.name


def _write(path: Path, content: bytes) -> None:
    write_atomic(path, lambda temporary: temporary.write_bytes(content))
