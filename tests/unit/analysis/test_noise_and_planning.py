"""Injected measurement noise is recovered; planned sample sizes hold in simulation."""

from dataclasses import replace

import numpy as np
import pytest

from plausibrain.analysis.noise import estimate_noise
from plausibrain.analysis.planning import plan_sample_size, verdict_power
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.errors import DataError
from tests.unit.analysis.factory import normal_cohort

SETTINGS = Settings()


def visits(noise: float, n: int = 600):
    truth = normal_cohort(n, 1, name="v")
    rng = np.random.default_rng(5)
    sd = truth.volumes.std().to_numpy()
    errors = [noise * sd * rng.standard_normal(truth.volumes.shape) for _ in range(2)]
    return [replace(truth, volumes=truth.volumes + error) for error in errors], truth


@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_injected_noise_is_recovered(noise):
    both, truth = visits(noise)
    table = estimate_noise(*both, SETTINGS).set_index("structure")
    assert (table["n_subjects"] == 600).all()
    # Within-subject over total SD; relative standard error of an SD of 600 differences: 3 %.
    expected = noise / np.sqrt(1 + noise**2)
    np.testing.assert_allclose(table["noise_sd"], expected, rtol=0.12)
    np.testing.assert_allclose(table["reliability"], 1 / (1 + noise**2), atol=0.05)
    percent = 100 * noise * truth.volumes.std() / truth.volumes.mean()
    np.testing.assert_allclose(table["noise_percent"], percent[table.index], rtol=0.12)


def test_noise_raises_the_margin_of_its_structure():
    settings = Settings(noise={"Left-Amygdala": 0.35, "Brain-Stem": 0.1})
    assert settings.margin_of("Left-Amygdala") == 0.35
    assert settings.margin_of("Brain-Stem") == settings.margin_of("TIV") == 0.2


def test_order_of_visits_and_of_rows_does_not_matter():
    (first, second), _ = visits(0.3, n=60)
    mixed = second.select(np.random.default_rng(0).permutation(60))
    one = estimate_noise(first, mixed, SETTINGS)
    np.testing.assert_allclose(one["noise_sd"], estimate_noise(second, first, SETTINGS)["noise_sd"])


def test_too_few_subjects_in_both_visits():
    (first, second), _ = visits(0.3, n=40)
    ids = [p if i < 5 else f"new {i}" for i, p in enumerate(second.subjects["subject"])]
    strangers = replace(second, subjects=second.subjects.assign(subject=ids))
    with pytest.raises(DataError, match=r"5 subjects are in both visits \(40 and 40 rows\).*the same ids"):
        estimate_noise(first, strangers, SETTINGS)


def test_two_rows_of_one_subject_in_a_visit():
    (first, _), _ = visits(0.3, n=40)
    twice = normal_cohort(40, 1, name="v", rows_per_subject=2)
    with pytest.raises(DataError, match="a subject stands in several rows"):
        estimate_noise(first, twice, SETTINGS)


def simulated(n_reference, n_generated, effect, margin, alpha, draws=6000):
    """Chance of the right verdict from simulated standardised differences with estimated spread."""
    rng = np.random.default_rng(1)
    a = rng.standard_normal((draws, n_reference))
    b = effect + rng.standard_normal((draws, n_generated))
    d = (b.mean(axis=1) - a.mean(axis=1)) / a.std(axis=1, ddof=1)
    se = np.sqrt(1 / n_reference + 1 / n_generated + d**2 / (2 * n_reference))
    if abs(effect) < margin:
        return np.mean((d - 1.645 * se > -margin) & (d + 1.645 * se < margin))
    return np.mean(np.abs(d) - 1.96 * se > margin)


@pytest.mark.parametrize(
    ("n_reference", "n_generated", "effect"),
    [(429, 429, 0.0), (1500, 500, 0.0), (600, 600, 0.05), (150, 150, 0.6), (300, 100, -0.5)],
)
def test_power_is_that_of_a_simulation(n_reference, n_generated, effect):
    planned = verdict_power(n_reference, n_generated, margin=0.2, effect=effect, alpha=0.05)
    # Standard error of 6000 draws: 0.6 %; the plan takes the spread as known: 2 %.
    assert simulated(n_reference, n_generated, effect, 0.2, 0.05) == pytest.approx(planned, abs=0.03)


@pytest.mark.parametrize("effect", [0.0, 0.1, 0.5])
def test_planned_number_is_the_smallest_that_suffices(effect):
    plan = plan_sample_size(margin=0.2, effect=effect, power=0.8, alpha=0.05)
    n = plan["n_generated"]
    assert plan["verdict"] == ("pass" if effect < 0.2 else "fail")
    assert verdict_power(n, n, margin=0.2, effect=effect, alpha=0.05) >= 0.8
    assert verdict_power(n - 1, n - 1, margin=0.2, effect=effect, alpha=0.05) < 0.8
    assert f"{n} images against {n} real subjects" in plan["sentence"]


def test_too_few_real_subjects_for_any_number_of_images():
    plan = plan_sample_size(margin=0.2, effect=0.0, power=0.8, alpha=0.05, n_reference=100)
    assert plan["n_generated"] is None
    assert "no number of images is enough with 100 real subjects" in plan["sentence"]


def test_more_real_subjects_need_fewer_images():
    few, many = (
        plan_sample_size(margin=0.2, effect=0.0, power=0.8, alpha=0.05, n_reference=n)["n_generated"]
        for n in (300, 3000)
    )
    assert many < few
