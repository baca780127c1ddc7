"""Who is shown, by rule: the most alike first, each beside whom it is like; and which files are written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.schemas import CASES, NEAREST, SLICES
from plausibrain.cohorts.tables import read_table, write_table
from plausibrain.image_selection import N_COPIES, N_NEAR_DUPLICATES, Choice, choices
from plausibrain.slices import OUTLINES, write_slices
from tests.unit.plausibrain.test_features import VOXEL_MM, images_of

IMAGE, NETWORK = "low_resolution:12345678", "segmenter_bottleneck:12345678"


def subjects(n: int) -> Cohort:
    ids = [f"g{row}" for row in range(n)]
    return Cohort("g", pd.DataFrame({"participant_id": ids, "subject": ids, "age": 50.0, "sex": "F"}))


def nearest_rows(similarity: list[float], distance: list[float], to: list[str]) -> pd.DataFrame:
    """Rows of `NEAREST` in image space for g0, g1 …, and misleading ones in another space."""
    n = len(similarity)
    table = pd.DataFrame(
        {
            "participant_id": [f"g{row}" for row in range(n)], "extractor": IMAGE,
            "nearest_training": [f"t{row}" for row in range(n)], "similarity": similarity, "p_copy": 0.5,
            "copy": (np.array(similarity) >= 0.8).astype(float), "limit": 0.8,
            "nearest_held_out": [f"r{row}" for row in range(n)], "similarity_held_out": 0.3,
            "nearest_generated": to, "distance_generated": distance,
            "near_duplicate": (np.array(distance) < 2).astype(float), "limit_generated": 2.0,
        }
    )  # fmt: skip
    other = table.assign(extractor=NETWORK, similarity=table["similarity"].to_numpy()[::-1])
    return pd.concat([other, table], ignore_index=True)[[c.name for c in NEAREST.columns]]


def alike(group: str, nearest: pd.DataFrame, n: int = 6) -> list[Choice]:
    generated = subjects(n)
    found = choices(generated, np.ones(n, dtype=bool), CASES.empty(), nearest, seed=0)
    return [choice for choice in found if choice.group == group]


def test_the_most_similar_are_shown_with_training_and_held_out_image():
    to = ["g1", "g0", "g1", "g1", "g1", "g1"]
    found = alike("copies", nearest_rows([0.2, 0.9, 0.5, 0.85, 0.7, np.nan], [5.0] * 6, to))
    assert [choice.row for choice in found] == [1, 3, 4, 2][:N_COPIES]
    first = found[0].beside
    assert [(b.cohort, b.participant_id) for b in first] == [("training", "t1"), ("reference", "r1")]
    assert (first[0].likeness, first[0].limit, first[0].verdict) == (0.9, 0.8, "copy")
    assert first[1].likeness == 0.3
    assert first[1].verdict == ""
    assert found[2].beside[0].verdict == "not a copy"


def test_near_duplicates_are_pairs_each_shown_once():
    distance = [1.0, 1.0, 3.0, 1.5, 1.5, 9.0]
    found = alike("near_duplicates", nearest_rows([0.1] * 6, distance, ["g1", "g0", "g0", "g4", "g3", "g2"]))
    assert [(c.row, c.beside[0].participant_id, c.beside[0].verdict) for c in found] == [
        (0, "g1", "near-duplicate"), (3, "g4", "near-duplicate"), (2, "g0", "not a near-duplicate"),
    ][:N_NEAR_DUPLICATES]  # fmt: skip


def test_without_training_images_there_are_near_duplicates_and_no_copies():
    nearest = nearest_rows([np.nan] * 6, [1.0] * 6, ["g1", "g0", "g3", "g2", "g5", "g4"])
    assert alike("copies", nearest) == []
    assert len(alike("near_duplicates", nearest)) == N_NEAR_DUPLICATES
    assert alike("near_duplicates", NEAREST.empty()) == []


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cohort]:
    folder = tmp_path_factory.mktemp("cohorts")
    return {name: images_of(folder / name, 3, seed) for name, seed in (("r", 10), ("g", 20), ("t", 30))}


def test_pictures_of_copies_near_duplicates_and_volumes_to_look_around_in(
    cohorts: dict[str, Cohort], tmp_path: Path
):
    nearest = nearest_rows([0.9, 0.3, 0.2], [1.0, 1.0, 4.0], ["g1", "g0", "g0"])
    ids, scores = ["g0", "g1", "g2"], [0.5, 2.0, 1.0]
    cases = pd.DataFrame({"cohort": "generated", "participant_id": ids, "question": 2, "score": scores})
    cases = cases.assign(about="Left-Hippocampus", deviation=1.0)
    (tmp_path / "slices").mkdir()
    for old in ("99-x.png", "99-x.vol"):
        (tmp_path / "slices" / old).write_bytes(b"of an earlier run")
    table = write_slices(
        cohorts["r"],
        cohorts["g"],
        cases,
        tmp_path,
        seed=0,
        training=cohorts["t"],
        nearest=nearest,
        voxel_mm=VOXEL_MM,
    )
    write_table(table, tmp_path / "slices.tsv", SLICES)
    table = read_table(tmp_path / "slices.tsv", SLICES)
    copies = table[table["group"] == "copies"].groupby("pair")
    assert copies["cohort"].agg(tuple).unique().tolist() == [("generated", "training", "reference")]
    first = next(iter(copies))[1]
    assert first["participant_id"].tolist() == ["g0", "t0", "r0"]
    assert first["verdict"].fillna("").tolist() == ["", "copy", ""]
    near_duplicates = (
        table[table["group"] == "near_duplicates"].groupby("pair")["participant_id"].agg(list).tolist()
    )
    assert near_duplicates == [["g0", "g1"], ["g2", "g0"]]
    assert not table["reason"].fillna("").str.contains("no ").any()
    written = {path.name for path in (tmp_path / "slices").iterdir()}
    volumes = table[table["volume"].fillna("") != ""]
    outlines = {name for name in written if name.endswith(OUTLINES)}
    assert outlines
    assert {name.removesuffix(OUTLINES) + ".png" for name in outlines} <= set(table["file"])
    assert written - outlines == set(table["file"]) | set(volumes["volume"])
    # the most unusual and the most typical subject, each with a real neighbour
    assert volumes["group"].tolist() == ["worst", "worst", "typical", "typical"]
    assert volumes["participant_id"].tolist()[::2] == ["g1", "g0"]


def test_a_training_cohort_without_images_leaves_its_pictures_out(cohorts: dict[str, Cohort], tmp_path: Path):
    nearest = nearest_rows([0.9, 0.3, 0.2], [1.0, 1.0, 4.0], ["g1", "g0", "g0"])
    bare = replace(cohorts["t"], images=None)
    table = write_slices(
        cohorts["r"],
        cohorts["g"],
        CASES.empty(),
        tmp_path,
        seed=0,
        training=bare,
        nearest=nearest,
        voxel_mm=VOXEL_MM,
    )
    copies = table[table["group"] == "copies"].groupby("pair")["cohort"].agg(tuple)
    assert copies.unique().tolist() == [("generated", "reference")]


def test_a_picture_that_cannot_be_aligned_says_so(cohorts: dict[str, Cohort], tmp_path: Path):
    """The image of g0 has lost its labels since it was compared."""
    folder = tmp_path / "moved"
    folder.mkdir()
    path = folder / "sub-0_T1w.nii.gz"
    path.write_bytes(cohorts["g"].images[0].read_bytes())
    generated = replace(cohorts["g"], images=(path, *cohorts["g"].images[1:]))
    nearest = nearest_rows([0.9, 0.3, 0.2], [1.0, 1.0, 4.0], ["g1", "g0", "g0"])
    table = write_slices(
        cohorts["r"], generated, CASES.empty(), tmp_path, seed=0, nearest=nearest, voxel_mm=VOXEL_MM
    )
    lost = table[(table["group"] == "near_duplicates") & (table["participant_id"] == "g0")]
    assert set(lost["reason"]) == {"no label map to align the brain by"}
    assert not any((tmp_path / "slices" / name).exists() for name in lost["file"])
