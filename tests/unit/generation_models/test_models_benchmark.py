"""Models are scored on the same subjects; results are used again; the page says what the tables say."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import models as benchmark
from benchmarks.models import ASKED, REFERENCE, Plan, contestants, score
from benchmarks.models_page import NOTHING, write_page
from benchmarks.models_picture import by_age, draw_examples, plt
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.bids import image_path
from plausibrain.cohorts.cohort import read_cohort, write_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.volumes import Volume, write_volume
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.model import ImageGrid
from plausibrain.generation.norms import LATERAL_VENTRICLES

N = 12
SETTINGS = Settings(n_resamples=100, n_splits=20, wasabi_repeats=10)


@pytest.fixture
def plan(tmp_path, monkeypatch) -> Plan:
    """Subjects without drawings; a segmenter that knows the truth, and errs for what a model drew."""
    plan = Plan(tmp_path / "work", N, 70, "truth", 1, SETTINGS)
    truth = {place: table_cohort(N, seed=70 + k, name=place) for k, place in enumerate((REFERENCE, ASKED))}

    def segment(self, cohort, place):
        volumes = truth.get(place, truth[ASKED]).volumes
        if place not in truth:
            volumes = volumes * np.random.default_rng(0).uniform(0.7, 1.3, volumes.shape)
        segmented = replace(cohort, images=None, volumes=volumes, segmenter="truth")
        return write_cohort(segmented, self.folder("segmented", place))

    monkeypatch.setattr(Plan, "draw", lambda self, place, grid: replace(truth[place], volumes=None))
    monkeypatch.setattr(Plan, "segment", segment)
    return plan


@pytest.mark.slow
def test_the_page_says_what_the_tables_say(plan, tiny_checkpoint, tmp_path):
    rows = score([str(tiny_checkpoint)], plan, training=None, options={"steps": "2", "device": "cpu"})
    said = {"n": N, "seed": 70, "segmenter": "truth", "n_pairs": 10}
    page = write_page(rows, plan.work / "comparison", tmp_path / "page.md", said).read_text()
    lines = [line for line in page.splitlines() if line.startswith("| Latent diffusion (checkpoint")]
    subjects = read_cohort(plan.folder("segmented", rows[1].run.name))
    analysed = subjects.included  # an untrained model makes impossible heads, which are excluded
    measured = analysed.volumes[list(LATERAL_VENTRICLES)].sum(axis=1)
    r = np.corrcoef(analysed.subjects["requested_ventricle_mm3"], measured)[0, 1]
    assert f"| {r:.3g} [" in lines[1]
    assert lines[0].endswith(f"{NOTHING} | {NOTHING} | {NOTHING} |")
    assert f"{NOTHING}: not measured in these runs; no split-half reference in these runs." in page
    assert f"**{rows[1].label}.** " in page
    for row, run in zip(("| Held-out", "| Latent"), rows, strict=True):
        card = json.loads((run.run / "scorecard.json").read_text())
        assert any(line.startswith(row) for line in page.splitlines())
        sentences = [
            h["sentence"] for q in card["questions"] for h in q["headlines"] if h["verdict"] == "fail"
        ]
        assert all(f"- {sentence}" in page for sentence in sentences)
    assert (plan.work / "comparison/compare.html").exists()
    assert list(subjects.subjects["participant_id"]) == list(
        table_cohort(N, seed=71, name="x").subjects["participant_id"]
    )


def test_a_second_run_only_judges_what_changed(plan, tiny_checkpoint, monkeypatch):
    judged = []
    monkeypatch.setattr(benchmark, "run", lambda config, progress: judged.append(config.out.name))
    for place in (REFERENCE, ASKED, "a", "b"):
        plan.segment(replace(table_cohort(N, seed=71, name=place), volumes=None), place)
    for _ in range(2):
        for place in ("a", "b"):
            plan.judge(place, place, training=None)
    assert judged == ["a", "b"]
    plan.judge("a", "another name", training=None)
    changed = read_cohort(plan.folder("segmented", "b"))
    write_cohort(replace(changed, volumes=changed.volumes * 1.1), plan.folder("segmented", "b"))
    plan.judge("b", "b", training=None)
    assert judged == ["a", "b", "a", "b"]
    plan.judge("b", "b", training=plan.folder("segmented", REFERENCE))
    assert judged[4:] == ["b"]


def test_models_are_called_by_their_folders(tiny_checkpoint, tmp_path):
    (one,) = contestants([str(tiny_checkpoint)], {"steps": "7", "files": "only folder knows it"})
    assert (one.label, one.place) == ("Latent diffusion", tiny_checkpoint.name)
    assert one.model.description["steps"] == 7
    (named,) = contestants([f"ldm={tiny_checkpoint}"], {})
    assert (named.model.checkpoint_hash, named.facts) == (one.model.checkpoint_hash, {})
    with pytest.raises(DataError, match="is taken"):
        contestants([str(tiny_checkpoint), str(tiny_checkpoint)], {})
    write_volume(Volume(np.ones((4, 4, 4)), np.eye(4)), tmp_path / "images" / "a.nii.gz")
    with pytest.raises(DataError, match="images draws on another grid than"):
        contestants([str(tiny_checkpoint), f"folder={tmp_path / 'images'}"], {})
    with pytest.raises(DataError, match="is no checkpoint"):
        contestants([str(tmp_path)], {})


def test_training_subjects_are_not_held_out(plan, tmp_path):
    write_cohort(table_cohort(4, seed=71, name="seen"), tmp_path / "seen")
    with pytest.raises(DataError, match="simulated with seed 70 or 71"):
        benchmark._training(plan, tmp_path / "seen", ImageGrid.of((2, 2, 2), np.eye(4)))


def test_the_same_subjects_are_shown_of_every_model(tmp_path):
    subjects = table_cohort(5, seed=1, name="asked")
    ages = subjects.subjects["age"].to_numpy()
    rows = by_age(subjects, 3)
    assert list(ages[rows]) == [ages.min(), np.median(ages), ages.max()]
    folders = {}
    for title, grey in (("Subjects", 0.2), ("Model", 0.9)):
        folders[title] = tmp_path / title
        for name in subjects.subjects["participant_id"].iloc[rows]:
            path = image_path(folders[title], str(name))
            write_volume(Volume(np.full((8, 9, 10), grey, dtype=np.float32), np.eye(4)), path)
    picture = plt.imread(draw_examples(folders, subjects, tmp_path / "docs/samples.png"))
    left, right = np.array_split(picture[:, :, 0], 2, axis=1)
    assert np.median(left[left < 1]) == pytest.approx(0.2, abs=0.01)
    assert np.median(right[right < 1]) == pytest.approx(0.9, abs=0.01)
