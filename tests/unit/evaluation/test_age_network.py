"""The network of age and sex: it learns a signal that is there, none that is not, and stays on its device."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils import backend_registration

from plausibrain.evaluation.age_network import Subjects, TrainingPlan, cross_fitted, trained

ROOT = Path(__file__).parents[3]
PLAN = TrainingPlan(epochs=12, batch=8, channels=(1, 4, 8), learning_rate=1e-2)
N, SIDE = 80, 12


def subjects(seed: int, *, signal: bool = True) -> Subjects:
    """A ball whose brightness falls with age, and a bar at the front that men have."""
    rng = np.random.default_rng(seed)
    age, male = rng.uniform(20, 80, N), (np.arange(N) % 2).astype(float)
    images = rng.normal(0.3, 0.05, (N, SIDE, SIDE, SIDE))
    if signal:
        images[:, 3:9, 3:7, 3:9] += ((age - 50) / 60)[:, None, None, None]
        images[:, 2:10, 9:11, 2:10] += 0.6 * male[:, None, None, None]
    return Subjects(images.astype(np.float32), age, male)


@pytest.fixture(scope="module")
def fold() -> np.ndarray:
    return np.arange(N) // 2 % 2


def test_a_signal_is_learnt_and_found_in_new_images(fold):
    reference, generated = subjects(0), subjects(1)
    held_out, others = cross_fitted(reference, fold, replace(generated, age=np.empty(0)), plan=PLAN)
    for prediction, truth in ((held_out, reference), (others, generated)):
        assert np.corrcoef(prediction.age, truth.age)[0, 1] > 0.8
        assert ((prediction.sex > 0) == (truth.male == 1)).mean() > 0.8


def test_noise_teaches_nothing_about_those_held_out(fold):
    """80 subjects: r beyond 0.37 comes by chance once in 1,000; a leak would be far above."""
    held_out, _ = cross_fitted(subjects(2, signal=False), fold, subjects(3), plan=replace(PLAN, epochs=4))
    assert abs(np.corrcoef(held_out.age, subjects(2, signal=False).age)[0, 1]) < 0.37


def test_the_same_seed_gives_the_same_numbers(fold):
    short = replace(PLAN, epochs=1)
    first, again = (cross_fitted(subjects(4), fold, subjects(5), plan=short)[0].age for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_network_sees_new_images_on_the_footing_of_its_training_images():
    """Mean and variance of batch norm are those of all training images, after however few steps.

    By definition a batch of all of them then passes a network that is used as it passes one in training; the
    variance of a batch has no n - 1, which is what the tolerance is for.
    """
    few = subjects(3)
    rows = np.arange(len(few.age))
    network, _, _ = trained(
        few, rows, TrainingPlan(epochs=2, batch=len(rows), channels=(1, 4, 8), learning_rate=0.02)
    )
    images = torch.from_numpy(few.images).float()[:, None]
    with torch.no_grad():
        in_use = network.features(images)
        in_training = network.train().features(images)
    assert float((in_use - in_training).abs().max()) < 0.01 * float(in_training.abs().max())


def test_no_operation_mixes_devices():
    if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
        pytest.skip("this torch has no backend in Python")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.unit.evaluation.age_network_on_fake_gpu"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.stdout.strip() == "step: gpu, prediction: gpu, mixed: refused", ran.stderr[-2000:]


def test_reference_is_worth_more_images_than_weights_need():
    from plausibrain.evaluation.networks.age_sex_network import AgeSexNetwork, parameters_of

    assert parameters_of(AgeSexNetwork()) < 250_000
    assert AgeSexNetwork()(torch.rand(2, 1, 40, 56, 40)).shape == (2, 2)
