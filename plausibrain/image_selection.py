"""Which images the report shows: by rule and seed, never by hand."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from plausibrain.analysis.feature_samples import IMAGE_SPACE
from plausibrain.cohorts.cohort import OK, Cohort

N_RANDOM, N_WORST, N_TYPICAL, N_QUALITY = 4, 3, 1, 2
N_COPIES, N_NEAR_DUPLICATES = 4, 3
#: Question whose most unusual and most typical subject can be looked around in.
LOOK_AROUND = 2


@dataclass(frozen=True)
class Beside:
    """An image that is shown beside a chosen one because the two are alike.

    Attributes
    ----------
    cohort : {"reference", "generated", "training"}
    participant_id : str
    likeness : float
        Correlation with the chosen image, or distance to it.
    limit : float
        Correlation from which, or distance below which, this is no chance.
    verdict : str
    """

    cohort: str
    participant_id: str
    likeness: float = float("nan")
    limit: float = float("nan")
    verdict: str = ""


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
    beside : tuple of Beside
        Whom it is like; when empty, a real subject of the same age and sex is shown.
    look_around : bool
        Whether the page gets the whole volume.
    """

    row: int
    question: int
    group: str
    about: str = ""
    deviation: float = float("nan")
    beside: tuple[Beside, ...] = ()
    look_around: bool = False


def choices(
    generated: Cohort, visible: np.ndarray, cases: pd.DataFrame, nearest: pd.DataFrame, *, seed: int
) -> Iterator[Choice]:
    """Yield random images, the least segmentable, the worst and most typical of a question, and those alike.

    Parameters
    ----------
    generated : Cohort
    visible : ndarray of bool, (n,)
        Which rows have an image.
    cases : DataFrame
        Columns of `plausibrain.cohorts.schemas.CASES`.
    nearest : DataFrame
        Columns of `plausibrain.cohorts.schemas.NEAREST`; may be empty.
    seed : int
        Of the random images.
    """
    subjects = generated.subjects
    usable = np.flatnonzero(visible & (subjects["status"] == OK).to_numpy())
    by_id = np.argsort(subjects["participant_id"].to_numpy(dtype=str)[usable], kind="stable")
    order = usable[by_id][np.random.default_rng(seed).permutation(len(usable))]
    yield from (Choice(int(row), 0, "random") for row in order[:N_RANDOM])
    yield from _least_segmentable(generated, visible)
    rows = {str(name): row for row, name in enumerate(subjects["participant_id"]) if visible[row]}
    yield from _unusual(rows, cases)
    own = _image_space(nearest)
    own = own[own["participant_id"].isin(rows)]
    yield from _copies(rows, own)
    yield from _near_duplicates(rows, own)


def _unusual(rows: dict[str, int], cases: pd.DataFrame) -> Iterator[Choice]:
    own = cases[(cases["cohort"] == "generated") & cases["participant_id"].isin(rows)]
    for question, part in own.groupby("question"):
        order = part.sort_values(["score", "participant_id"], ascending=[False, True], kind="stable")
        for group, best in (("worst", order.head(N_WORST)), ("typical", order.tail(N_TYPICAL))):
            for place, (_, case) in enumerate(best.iterrows()):
                yield Choice(
                    rows[case["participant_id"]], int(str(question)), group, str(case["about"]),
                    float(case["deviation"]), look_around=question == LOOK_AROUND and place == 0,
                )  # fmt: skip


def _least_segmentable(generated: Cohort, visible: np.ndarray) -> Iterator[Choice]:
    """Excluded images, and those whose segmentation is predicted to be worst."""
    out = np.flatnonzero(visible & (generated.subjects["status"] != OK).to_numpy())
    yield from (Choice(int(row), 1, "excluded") for row in out[:N_QUALITY])
    if generated.qc is None:
        return
    lowest = generated.qc.min(axis=1).to_numpy()
    order = np.argsort(np.where(np.isfinite(lowest) & visible, lowest, np.inf), kind="stable")
    for row in order[: min(N_QUALITY, int(np.isfinite(lowest).sum()))]:
        scores = generated.qc.iloc[int(row)]
        worst = str(scores.idxmin())
        yield Choice(int(row), 1, "lowest quality", f"{worst} {scores[worst]:.2f}")


def _image_space(nearest: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the extractor that the headlines of question 9 use."""
    kind = nearest["extractor"].astype(str).str.partition(":")[0] if len(nearest) else pd.Series(dtype=str)
    return nearest[kind.isin(IMAGE_SPACE).to_numpy(dtype=bool)]


def _copies(rows: dict[str, int], nearest: pd.DataFrame) -> Iterator[Choice]:
    """Images most like a training image, each with that image and with the held-out subject most like it."""
    pairs = nearest[nearest["similarity"].notna()]
    order = pairs.sort_values(["similarity", "participant_id"], ascending=[False, True], kind="stable")
    for _, line in order.head(N_COPIES).iterrows():
        verdict = "copy" if line["copy"] == 1 else "not a copy"
        original = Beside("training", line["nearest_training"], line["similarity"], line["limit"], verdict)
        real = Beside("reference", line["nearest_held_out"], line["similarity_held_out"])
        yield Choice(rows[line["participant_id"]], 9, "copies", beside=(original, real))


def _near_duplicates(rows: dict[str, int], nearest: pd.DataFrame) -> Iterator[Choice]:
    """Pairs of generated images that are nearest to each other, each pair once."""
    pairs = nearest[nearest["nearest_generated"].isin(rows)]
    order = pairs.sort_values(["distance_generated", "participant_id"], kind="stable")
    couples = set[frozenset[str]]()
    for _, line in order.iterrows():
        pair = frozenset((line["participant_id"], line["nearest_generated"]))
        if pair in couples:
            continue
        if len(couples) == N_NEAR_DUPLICATES:
            return
        couples.add(pair)
        verdict = {1.0: "near-duplicate", 0.0: "not a near-duplicate"}.get(line["near_duplicate"], "")
        other = Beside(
            "generated", line["nearest_generated"], line["distance_generated"], line["limit_generated"],
            verdict,
        )  # fmt: skip
        yield Choice(rows[line["participant_id"]], 9, "near_duplicates", beside=(other,))
