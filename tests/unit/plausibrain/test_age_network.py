"""When a run trains the network of age and sex, what it leaves in the cohorts, and that it trains once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain import age_network
from plausibrain.age_network import INPUT, is_wanted, with_network_ages, with_network_input
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.schemas import NETWORK_AGE, NETWORK_SEX
from plausibrain.config import ImageSettings, RunConfig
from plausibrain.evaluation import age_network as training
from plausibrain.evaluation.extractors import brain_4mm
from plausibrain.features import Features

SIDE, N = 12, 44


def cohort(name: str, seed: int, n: int = N) -> Cohort:
    """Vectors of small images that grow darker with age; men have a bright front."""
    rng = np.random.default_rng(seed)
    age, male = rng.uniform(20, 80, n), np.arange(n) % 2 == 1
    images = rng.normal(0.3, 0.03, (n, SIDE, SIDE, SIDE))
    images[:, 3:9, 3:7, 3:9] += ((age - 50) / 60)[:, None, None, None]
    images[:, 2:10, 9:11, 2:10] += 0.6 * male[:, None, None, None]
    vectors = images.reshape(n, -1).astype(np.float32)
    vectors[0] = np.nan  # an image that could not be read
    ids = [f"{name}{i}" for i in range(n)]
    subjects = pd.DataFrame({"participant_id": ids, "subject": ids, "age": age, "status": "ok", "reason": ""})
    subjects["sex"] = np.where(male, "M", "F")
    return Cohort(
        name=name, subjects=subjects, source=Path(), images=tuple(Path(f"{i}.nii.gz") for i in ids),
        features={f"{INPUT}:abc": vectors, "low_resolution:abc": np.zeros((n, 2))},
    )  # fmt: skip


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = training.TrainingPlan
    monkeypatch.setattr(brain_4mm, "SHAPE", (SIDE, SIDE, SIDE))
    monkeypatch.setattr(
        training, "TrainingPlan",
        lambda seed: plan(epochs=12, batch=8, channels=(1, 4, 8), learning_rate=1e-2, seed=seed),
    )  # fmt: skip
    monkeypatch.setattr(age_network, "N_FOLDS", 2)


SETTINGS = ImageSettings(age_network="on", age_network_least=40)


@pytest.mark.usefixtures("tiny")
def test_predictions_become_columns_and_the_images_go(tmp_path, monkeypatch):
    features = Features(
        cohort("r", 0), cohort("g", 1), protocol={"extractors": [f"{INPUT}:abc", "low_resolution:abc"]}
    )
    result = with_network_ages(features, SETTINGS, tmp_path, device="cpu")
    assert result.protocol["extractors"] == ["low_resolution:abc"]
    for side in (result.reference, result.generated):
        assert set(side.features) == {"low_resolution:abc"}
        predicted = side.subjects[[NETWORK_AGE, NETWORK_SEX]].to_numpy()
        assert np.isfinite(predicted).all(axis=1).tolist() == [False] + [True] * (N - 1)
        assert np.corrcoef(predicted[1:, 0], side.subjects["age"][1:])[0, 1] > 0.6
    monkeypatch.setattr(training, "cross_fitted", None)  # a second run finds all in the store
    again = with_network_ages(features, SETTINGS, tmp_path, device="cpu")
    pd.testing.assert_frame_equal(again.generated.subjects, result.generated.subjects)


def test_without_its_images_nothing_changes(tmp_path):
    features = Features(cohort("r", 0), cohort("g", 1))
    bare = Features(
        *(age_network._without(c, f"{INPUT}:abc") for c in (features.reference, features.generated))
    )
    assert with_network_ages(bare, SETTINGS, tmp_path) is bare


@pytest.mark.usefixtures("tiny")
def test_too_few_readable_images_give_no_columns(tmp_path):
    features = Features(cohort("r", 0, n=40), cohort("g", 1))
    result = with_network_ages(features, SETTINGS, tmp_path)
    assert NETWORK_AGE not in result.generated.subjects
    (note,) = result.reference.notes
    assert note.message.endswith("39 reference images with age and sex, at least 40 are needed")
    assert set(result.generated.features) == {"low_resolution:abc"}


@pytest.mark.parametrize(
    ("choice", "least", "gpu", "wanted"),
    [("auto", 40, False, False), ("auto", 40, True, True), ("on", 40, False, True), ("on", 200, True, False),
     ("off", 40, True, False)],
)  # fmt: skip
def test_it_is_trained_with_a_gpu_or_on_request_and_with_enough_images(
    choice, least, gpu, wanted, monkeypatch
):
    monkeypatch.setattr(age_network, "_has_gpu", lambda device: gpu)
    settings = ImageSettings(age_network=choice, age_network_least=least)
    assert is_wanted(settings, cohort("r", 0), "auto") == wanted
    config = RunConfig.model_validate(
        {
            "reference": {"path": "a"},
            "generated": {"path": "b"},
            "out": "run",
            "images": settings.model_dump(),
        }
    )
    after = with_network_input(config, cohort("r", 0), "auto")
    assert (INPUT in after.images.extractors) == wanted
    assert INPUT not in config.images.extractors


def test_images_that_a_segmented_folder_only_names_count(tmp_path):
    """Such a cohort is read with volumes alone; the record beside them names its images."""
    whole = cohort("r", 0)
    for name in whole.subjects["participant_id"]:
        (tmp_path / f"{name}_T1w.nii.gz").touch()
        (tmp_path / f"{name}_dseg.nii.gz").touch()
    record = pd.DataFrame({"participant_id": whole.subjects["participant_id"]})
    record["image"], record["labels"] = (
        record["participant_id"] + end for end in ("_T1w.nii.gz", "_dseg.nii.gz")
    )
    record.to_csv(tmp_path / "segmentation.tsv", sep="\t", index=False)
    segmented = replace(whole, images=None, source=tmp_path)
    assert is_wanted(SETTINGS, segmented, "cpu")
    assert not is_wanted(SETTINGS, replace(segmented, source=tmp_path / "elsewhere"), "cpu")


def test_a_run_that_asks_for_the_network_says_why_there_is_none(tmp_path):
    few = replace(cohort("r", 0), images=None, features={})
    result = with_network_ages(Features(few, cohort("g", 1)), SETTINGS, tmp_path)
    assert [note.message[:41] for note in result.reference.notes] == [
        "network of age and sex not trained: 0 ref"
    ]
    unasked = ImageSettings(age_network_least=40)
    assert with_network_ages(Features(few, few), unasked, tmp_path).reference.notes == ()
