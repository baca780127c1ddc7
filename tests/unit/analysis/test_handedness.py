"""A single subject with left and right exchanged is named, where the reference's asymmetry can tell."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plausibrain.analysis.analyse import _notes
from plausibrain.analysis.handedness import handedness, mirrored_notes
from plausibrain.analysis.joint_design import Frame, build_frame
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.structures import homologue
from plausibrain.generation.defects.left_right_flip import mirror
from tests.unit.analysis.factory import normal_cohort

#: Means of left and right differ by these shares, with a spread of 2 % between subjects.
SHARES = (0.10, -0.08, 0.06, 0.12, -0.10, 0.07)


def asymmetric_cohort(name: str, n: int, seed: int, strength: float = 1.0) -> Cohort:
    cohort = normal_cohort(n, seed, name=name)
    assert cohort.volumes is not None
    volumes, rng = cohort.volumes.copy(), np.random.default_rng(seed)
    lefts = [c for c in volumes if c != "TIV" and homologue(c) in volumes and c.startswith("Left-")]
    for left, share in zip(lefts, SHARES * len(lefts), strict=False):
        ratio = strength * share + 0.02 * rng.standard_normal(n)
        volumes[homologue(left)] = volumes[left] * np.exp(-ratio)
    return replace(cohort, volumes=volumes)


def exchanged(cohort: Cohort, rows: list[int]) -> Cohort:
    assert cohort.volumes is not None
    volumes = cohort.volumes.copy()
    others = [mirror(name, volumes) for name in map(str, volumes.columns)]
    volumes.iloc[rows] = volumes[others].iloc[rows].to_numpy(float)
    return replace(cohort, volumes=volumes)


def frame_of(reference: Cohort, generated: Cohort) -> Frame:
    return build_frame(prepare_samples(reference, generated, min_subjects=20), Settings())


@pytest.mark.parametrize("role", ["reference", "generated"])
def test_one_exchanged_subject_is_named_and_nobody_else(role: str) -> None:
    cohorts = {"reference": asymmetric_cohort("a", 60, 1), "generated": asymmetric_cohort("b", 60, 2)}
    assert not mirrored_notes(frame_of(**cohorts))
    cohorts[role] = exchanged(cohorts[role], [17])
    ((where, note),) = mirrored_notes(frame_of(**cohorts))
    assert (where, note.value) == (role, cohorts[role].subjects["participant_id"].iloc[17])
    assert "look exchanged in 1 of 60 subjects" in note.message


def test_all_exchanged_subjects_score_at_the_mirror_image() -> None:
    reference, generated = asymmetric_cohort("a", 100, 1), asymmetric_cohort("b", 100, 2)
    sound = handedness(frame_of(reference, generated))
    moved = handedness(frame_of(reference, exchanged(generated, list(range(100)))))
    assert moved.scores["generated"] == pytest.approx(-sound.scores["generated"])
    assert sound.scores["generated"].mean() == pytest.approx(1, abs=0.1)
    assert moved.mirrored("generated").all()


@pytest.mark.parametrize("strength", [0.0, 0.05])
def test_nothing_is_said_where_brains_are_alike_on_both_sides(strength: float) -> None:
    generated = exchanged(asymmetric_cohort("b", 60, 2, strength), list(range(30)))
    assert not mirrored_notes(frame_of(asymmetric_cohort("a", 60, 1, strength), generated))


def test_images_without_asymmetry_are_not_called_mirrored() -> None:
    assert not mirrored_notes(
        frame_of(asymmetric_cohort("a", 60, 1), asymmetric_cohort("b", 60, 2, strength=0.0))
    )


def test_the_note_is_in_the_log() -> None:
    reference, generated = asymmetric_cohort("a", 40, 1), exchanged(asymmetric_cohort("b", 40, 2), [3])
    samples = prepare_samples(reference, generated, min_subjects=20)
    notes = _notes(build_frame(samples, Settings()), samples, reference, generated)
    told = notes[notes["message"].str.contains("left and right look exchanged")]
    assert told["cohort"].tolist() == ["generated"]


REAL = {  # how the table is read, separation of its subjects, share of exchanged subjects named
    "ixi_synthseg.csv": ({"sex_coding": "1=M,0=F", "repeats": "first"}, (12, 14), 1.0),
    "aomic_piop2/participants.tsv": ({"volumes": "parts"}, (4, 5), 1.0),
    "fcon1000.csv": ({"sex_coding": "1=M,0=F"}, (1.8, 2.4), 0.0),
}


@pytest.mark.parametrize("name", REAL)
def test_tables_of_real_subjects(name: str, shared_data: Path) -> None:
    """Numbers of docs/bring_your_own.md: one half of a cohort against the other, sound and exchanged."""
    reading, separation, share = REAL[name]
    path = shared_data / "tables" / name
    parts = sorted(path.parent.glob("data-*.tsv"))
    cohort = read_cohort(path, **reading | ({"volumes": parts} if parts else {}))
    rows = np.random.default_rng(0).permutation(len(cohort))
    reference, generated = (cohort.select(np.sort(half)) for half in np.array_split(rows, 2))
    sound = handedness(frame_of(reference, generated))
    assert separation[0] < sound.separation < separation[1]
    assert not sound.mirrored("reference").any()
    assert not sound.mirrored("generated").any()
    every = handedness(frame_of(reference, exchanged(generated, list(range(len(generated))))))
    assert every.mirrored("generated").mean() == pytest.approx(share, abs=0.03)
