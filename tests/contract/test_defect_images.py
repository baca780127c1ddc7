"""Every injected defect of an image: nothing at severity 0, more with more, reproducible, input untouched."""

import numpy as np
import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import structure
from plausibrain.generation.injection import defects, inject_in_image
from plausibrain.generation.norms import draw_subjects, draw_volumes
from plausibrain.generation.simulator.subject import Grid, SimulatedPerson, simulate_subject

IMAGE = [plugin.name for plugin in defects("image")]


@pytest.fixture(scope="module")
def subject() -> SimulatedPerson:
    subjects = draw_subjects(1, seed=8)
    return simulate_subject(0, draw_volumes(subjects, seed=8).loc[0], age=50.0, seed=8, grid=Grid(2.0))


def change(subject: SimulatedPerson, name: str, severity: float) -> float:
    """How far grey values, labels and affine moved, summed over eight subjects who share the scan."""
    moved = 0.0
    for seed in range(8):
        image, labels = inject_in_image(name, subject.image, subject.labels, severity=severity, seed=seed)
        moved += float(np.abs(image.data - subject.image.data).mean())
        moved += float((labels.data != subject.labels.data).mean())
        moved += float(np.abs(image.affine - subject.image.affine).sum())
    return moved


def test_there_are_defects_of_images():
    assert {"blur", "noise", "ghosting", "bias_field", "wrong_affine", "white_matter_hole"} <= set(IMAGE)


@pytest.mark.parametrize("name", IMAGE)
def test_severity_zero_injects_nothing(subject, name):
    # The Fourier transform and back costs float32 accuracy of grey values near 100.
    assert change(subject, name, 0.0) < 1e-3


@pytest.mark.parametrize("name", IMAGE)
def test_more_severity_changes_more(subject, name):
    severities = next(p for p in defects("image") if p.name == name).severities
    changes = [change(subject, name, severity) for severity in (severities[0], severities[-1])]
    assert 1e-3 < changes[0] < changes[1]


@pytest.mark.parametrize("name", IMAGE)
def test_same_seed_same_defect_and_input_untouched(subject, name):
    before = subject.image.data.copy(), subject.labels.data.copy(), subject.image.affine.copy()
    severity = next(p for p in defects("image") if p.name == name).severities[-1]
    first, again = (
        inject_in_image(name, subject.image, subject.labels, severity=severity, seed=3) for _ in range(2)
    )
    np.testing.assert_array_equal(first[0].data, again[0].data)
    np.testing.assert_array_equal(first[1].data, again[1].data)
    np.testing.assert_array_equal(subject.image.data, before[0])
    np.testing.assert_array_equal(subject.labels.data, before[1])
    np.testing.assert_array_equal(subject.image.affine, before[2])
    assert np.isfinite(first[0].data).all()


def test_mirroring_exchanges_the_names_of_the_sides(subject):
    _, mirrored = inject_in_image("mirrored_image", subject.image, subject.labels, severity=1.0, seed=0)
    left, right = (structure(f"{side}-Putamen").index for side in ("Left", "Right"))
    assert (mirrored.data == left).sum() == (subject.labels.data == right).sum()
    x_left = np.argwhere(mirrored.data == left)[:, 0].mean()
    assert x_left < np.argwhere(mirrored.data == right)[:, 0].mean()


def test_missing_structure_is_missing(subject):
    _, labels = inject_in_image("missing_structure", subject.image, subject.labels, severity=1.0, seed=0)
    assert not (labels.data == structure("Left-Hippocampus").index).any()


def test_a_table_defect_is_no_image_defect(subject):
    with pytest.raises(DataError, match="level 'image'"):
        inject_in_image("flat_ageing", subject.image, subject.labels, severity=1.0, seed=0)
