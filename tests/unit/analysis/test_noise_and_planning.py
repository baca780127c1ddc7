"""Injected measurement noise is recovered; planned sample sizes hold in simulation."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from benchmarks.plan_power import Case, verdicts
from plausibrain.analysis.noise import estimate_noise
from plausibrain.analysis.planning import check_of, plan_sample_size, verdict_power
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


@pytest.mark.parametrize(
    ("case", "of"),
    [(Case(150, 150, 0.55, 0.45), "structure"), (Case(150, 150, 0.55, 0.45), "head"),
     (Case(400, 400, 0.05, 0.05), "head")],
)  # fmt: skip
def test_planned_power_is_that_of_simulated_reports(case, of):
    """The report's own test on simulated cohorts; `benchmarks.plan_power` has more of them."""
    effect = case.structure if of == "structure" else case.head
    right = "pass" if effect < 0.2 else "fail"
    share = np.mean([verdicts[of] == right for verdicts in simulated_reports(case)])
    planned = verdict_power(case.n_reference, case.n_generated, margin=0.2, effect=effect, alpha=0.05, of=of)
    # Standard error of a share of 40 reports: at most 8 points.
    assert share == pytest.approx(planned, abs=0.2)


@cache
def simulated_reports(case):
    return [verdicts(case, trial) for trial in range(40)]


def test_the_plan_follows_the_correction_of_the_report():
    """What the published formula promised for 180 subjects takes more once structures and headlines count."""
    alone = plan_sample_size(margin=0.2, effect=0.5, power=0.8, alpha=0.05, n_headlines=1, n_structures=1)[
        "n_generated"
    ]
    ours = plan_sample_size(margin=0.2, effect=0.5, power=0.8, alpha=0.05)
    head = plan_sample_size(margin=0.2, effect=0.5, power=0.8, alpha=0.05, of="head")
    parcels = plan_sample_size(margin=0.2, effect=0.5, power=0.8, alpha=0.05, n_structures=100)
    assert alone < head["n_generated"] < ours["n_generated"] < parcels["n_generated"]
    assert "corrected over 25 headlines and over structures" in ours["sentence"]
    with pytest.raises(DataError, match="expected a difference of head or structure, got 'brain'"):
        check_of("brain")


@pytest.mark.parametrize("effect", [0.0, 0.1, 0.5])
def test_planned_number_is_the_smallest_that_suffices(effect):
    plan = plan_sample_size(margin=0.2, effect=effect, power=0.8, alpha=0.05)
    n = plan["n_generated"]
    assert plan["verdict"] == ("pass" if effect < 0.2 else "fail")
    assert verdict_power(n, n, margin=0.2, effect=effect, alpha=0.05) >= 0.8
    assert verdict_power(n - 1, n - 1, margin=0.2, effect=effect, alpha=0.05) < 0.8
    assert f"{n} images against {n} reference subjects" in plan["sentence"]


def test_too_few_real_subjects_for_any_number_of_images():
    plan = plan_sample_size(margin=0.2, effect=0.0, power=0.8, alpha=0.05, n_reference=100)
    assert plan["n_generated"] is None
    assert "no number of images is enough with 100 reference subjects" in plan["sentence"]


def test_more_real_subjects_need_fewer_images():
    few, many = (
        plan_sample_size(margin=0.2, effect=0.0, power=0.8, alpha=0.05, n_reference=n)["n_generated"]
        for n in (300, 3000)
    )
    assert many < few
