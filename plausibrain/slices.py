"""Pictures of images for the report: chosen by rule and seed, never by hand, a real neighbour beside each."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cohorts.cohort import Cohort
from cohorts.errors import PlausibrainError
from cohorts.schemas import SLICES
from cohorts.store import write_atomic
from plausibrain.image_files import image_and_label_files

N_RANDOM, N_WORST, N_TYPICAL, N_QUALITY = 4, 3, 1, 2
FOLDER = "slices"


@dataclass(frozen=True)
class Choice:
    """A generated image that will be shown.

    Attributes
    ----------
    row : int
        In the generated cohort.
    question : int
        0 for random images.
    group : str
    about : str
    deviation : float
    """

    row: int
    question: int
    group: str
    about: str = ""
    deviation: float = float("nan")


def write_slices(
    reference: Cohort, generated: Cohort, cases: pd.DataFrame, out: Path, *, seed: int
) -> pd.DataFrame:
    """Draw pictures of chosen images into ``out/slices`` and return their table.

    Parameters
    ----------
    reference, generated : Cohort
    cases : DataFrame
        Columns of `cohorts.schemas.CASES`.
    out : Path
        Run folder.
    seed : int
        Of the random images.

    Returns
    -------
    DataFrame
        Columns of `cohorts.schemas.SLICES`; without rows when a cohort has no images.
    """
    cohorts = {"reference": reference, "generated": generated}
    files = {r: image_and_label_files(c, out / "segmented" / r) or _images(c) for r, c in cohorts.items()}
    columns = [column.name for column in SLICES.columns]
    for old in (out / FOLDER).glob("*.png"):
        old.unlink()
    if files["generated"] is None or files["reference"] is None:
        return pd.DataFrame(columns=columns)
    rows: list[dict[str, object]] = []
    everyone = [row for row, path in enumerate(files["reference"][0]) if path is not None]
    free: dict[tuple[int, str], list[int]] = {}
    for number, choice in enumerate(_choices(generated, files["generated"][0], cases, seed)):
        unseen = free.setdefault((choice.question, choice.group), list(everyone))
        shown = [("generated", choice.row)]
        partner = _neighbour(generated, choice.row, reference, unseen)
        if partner is not None:
            unseen.remove(partner)
            shown.append(("reference", partner))
        for role, row in shown:
            images, labels = files[role]  # type: ignore[misc]
            name = f"{number:02d}-{role}.png"
            remark = _draw(images[row], labels[row], out / FOLDER / name)
            rows.append(_described(cohorts[role], row, choice, role, number, name, remark))
    return pd.DataFrame(rows, columns=columns)


def _images(cohort: Cohort) -> tuple[tuple[Path | None, ...], tuple[Path | None, ...]] | None:
    """Images without label maps."""
    return None if cohort.images is None else (cohort.images, (None,) * len(cohort))


def _choices(
    generated: Cohort, images: tuple[Path | None, ...], cases: pd.DataFrame, seed: int
) -> Iterator[Choice]:
    """Random images; the least segmentable; the worst and the most typical of each question with scores."""
    people = generated.people
    shown = np.array([path is not None for path in images])
    included = np.flatnonzero(shown & (people["status"] == "ok").to_numpy())
    by_id = np.argsort(people["participant_id"].to_numpy(dtype=str)[included], kind="stable")
    order = included[by_id][np.random.default_rng(seed).permutation(len(included))]
    yield from (Choice(int(row), 0, "random") for row in order[:N_RANDOM])
    yield from _least_segmentable(generated, shown)
    rows = {name: row for row, name in enumerate(people["participant_id"]) if shown[row]}
    own = cases[(cases["cohort"] == "generated") & cases["participant_id"].isin(rows)]
    for question, part in own.groupby("question"):
        ranked = part.sort_values(["score", "participant_id"], ascending=[False, True], kind="stable")
        for group, chosen in (("worst", ranked.head(N_WORST)), ("typical", ranked.tail(N_TYPICAL))):
            for _, case in chosen.iterrows():
                yield Choice(
                    rows[case["participant_id"]], int(str(question)), group, str(case["about"]),
                    float(case["deviation"]),
                )  # fmt: skip


def _least_segmentable(generated: Cohort, shown: np.ndarray) -> Iterator[Choice]:
    """Excluded images, and those whose segmentation is predicted to be worst."""
    out = np.flatnonzero(shown & (generated.people["status"] != "ok").to_numpy())
    yield from (Choice(int(row), 1, "excluded") for row in out[:N_QUALITY])
    if generated.qc is None:
        return
    lowest = generated.qc.min(axis=1).to_numpy()
    ranked = np.argsort(np.where(np.isfinite(lowest) & shown, lowest, np.inf), kind="stable")
    for row in ranked[: min(N_QUALITY, int(np.isfinite(lowest).sum()))]:
        scores = generated.qc.iloc[int(row)]
        worst = str(scores.idxmin())
        yield Choice(int(row), 1, "lowest quality", f"{worst} {scores[worst]:.2f}")


def _neighbour(generated: Cohort, row: int, reference: Cohort, free: list[int]) -> int | None:
    """Row of the real person of the same sex who is nearest in age and not shown in this group yet."""
    person, people = generated.people.iloc[row], reference.people.iloc[free]
    same = people[(people["sex"] == person["sex"]) & (people["status"] == "ok")]
    distance = (same["age"].astype(float) - float(person["age"])).abs()
    if distance.isna().all():
        return None
    ordered = same.assign(distance=distance).sort_values(["distance", "participant_id"], kind="stable")
    return int(ordered.index[0])


def _draw(image: Path | None, labels: Path | None, path: Path) -> str:
    """Write one picture; an image that cannot be drawn leaves none, and the reason."""
    from cohorts.volumes import read_label_map, read_volume
    from evaluation.slices import three_planes

    if image is None:
        return "this row has no image"
    try:
        picture = three_planes(read_volume(image), None if labels is None else read_label_map(labels))
    except PlausibrainError as error:
        return str(error)
    write_atomic(path, lambda temporary: temporary.write_bytes(picture.png()))
    return picture.remark


def _described(
    cohort: Cohort, row: int, choice: Choice, role: str, number: int, name: str, remark: str
) -> dict[str, object]:
    person = cohort.people.iloc[row]
    own = role == "generated"
    return {
        "file": name, "question": choice.question, "group": choice.group, "pair": number, "cohort": role,
        "participant_id": person["participant_id"], "age": float(person["age"]), "sex": str(person["sex"]),
        "about": choice.about if own else "", "deviation": choice.deviation if own else float("nan"),
        "reason": str(person["reason"]) if own and choice.group == "excluded" else remark,
    }  # fmt: skip
