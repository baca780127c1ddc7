"""The shipped limits flag implausible images of simulated subjects and let the sound ones pass.

The labels are the true ones, so that no network runs; checks of labels alone are left out. How images fare
after segmentation is measured by ``benchmarks.implausible_images``.
"""

import numpy as np
import pandas as pd
import pytest

from benchmarks.implausible_kinds import KINDS, Sound
from makers.calibrate_plausibility import limits_of
from makers.measure_age_bias import age_biases, bias_bands
from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.evaluation.plausibility.judging import (
    all_checks,
    implausible,
    measure_scene,
    shipped_limits,
)
from plausibrain.evaluation.plausibility.scene import make_scene
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.simulator.subject import Grid, simulate_subject

#: Words of the reason that each kind must get; cut brains and wrong voxel sizes show in segmented labels.
EXPECTED = {
    "blur, SD 3 mm": "blurred",
    "mean of two heads": "blurred",
    "patchwork of two heads, 12 mm": "seam",
    "patchwork of two heads, 24 mm": "seam",
    "hole of 20 mm": "hole",
    "over-smoothing (median of 5 mm, three times)": "blurred",
    "checkerboard of 2 mm": "textured",
}
_OF_IMAGES = ("border_strength", "fine_drop", "fine_noise", "seams", "shading", "void", "mirror_likeness")


@pytest.fixture(scope="module")
def scans() -> list[tuple[Sound, dict[str, float]]]:
    """Two subjects that calibrated nothing, at 2 mm, stripped."""
    cohort = table_cohort(2, seed=97, name="two", age=(30.0, 70.0))
    made = []
    for row in range(2):
        age = float(cohort.subjects["age"].iloc[row])
        subject = simulate_subject(
            row, cohort.volumes.iloc[row], age=age, seed=97, grid=Grid(2.0), skull_strip=True
        )
        labels = np.where(subject.labels.data > 100, 0, subject.labels.data)
        volumes = {str(name): float(mm3) for name, mm3 in subject.volumes.items()}
        made.append((Sound(subject.image, labels), volumes))
    return made


def image_reasons(image: Volume, labels: np.ndarray, volumes: dict[str, float]) -> tuple[str, ...]:
    values = measure_scene(make_scene(image, LabelMap(labels, image.affine), volumes))
    limits = shipped_limits()["limits"]["coarse"]
    table = {"limits": {"coarse": {name: limits[name] for name in _OF_IMAGES if name in limits}}}
    return implausible(values, fine=False, table=table)


def test_sound_subjects_pass(scans) -> None:
    for scan, volumes in scans:
        assert image_reasons(scan.image, scan.labels, volumes) == ()


@pytest.mark.parametrize("kind", EXPECTED)
def test_an_implausible_image_gets_its_reason(kind: str, scans) -> None:
    (scan, volumes), (other, _) = scans
    image = KINDS[kind](scan, other, np.random.default_rng(0))
    assert image.shape == scan.image.shape
    assert any(EXPECTED[kind] in reason for reason in image_reasons(image, scan.labels, volumes))


def test_every_check_has_limits_for_both_voxel_sizes() -> None:
    limits = shipped_limits()["limits"]
    for plugin in all_checks():
        for size in ("fine", "coarse"):
            low, high = plugin.limits or limits[size][plugin.name]
            assert low < high
        assert (plugin.limits is None) == (plugin.name in limits["fine"])


def test_limits_hold_every_group_and_leave_room() -> None:
    rng = np.random.default_rng(1)
    groups = [rng.normal(0.0, 1.0, 40), rng.normal(10.0, 2.0, 40)]
    low, high = limits_of(groups)
    assert low < groups[0].min()
    assert high > groups[1].max()
    # four standard deviations and a half, which 40 values estimate to a fifth
    assert low == pytest.approx(-4.5, rel=0.4)
    assert high == pytest.approx(10 + 4.5 * 2, rel=0.2)


def test_a_bias_that_grows_with_age_is_withheld() -> None:
    """5 % per decade is beyond the limit of 3 %; half a percent is not, whatever the mean bias."""
    rng = np.random.default_rng(0)
    age = np.linspace(20, 88, 30)
    rows = []
    for region, slope in (("Putamen", 0.05), ("Thalamus", 0.005)):
        for segmenter, bias in (("fine", 0.1), ("coarse", -0.2)):
            true = rng.uniform(5e3, 9e3, len(age))
            measured = true * np.exp(bias + slope * age / 10 + 0.01 * rng.standard_normal(len(age)))
            names = {"segmenter": segmenter, "region": region}
            rows.append(pd.DataFrame({"age": age, "true": true, "measured": measured}).assign(**names))
    found = age_biases(bias_bands(pd.concat(rows))).set_index("region")
    assert found.loc["Putamen", "slope"] == pytest.approx(5.0, abs=0.3)
    assert found["withheld"].to_dict() == {"Putamen": True, "Thalamus": False}
    assert found.loc["Putamen", "low"] < 5.0 < found.loc["Putamen", "high"]
