"""Heads are told from stripped brains and stripped; what cannot be stripped says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plausibrain.cohorts.volumes import Volume, read_label_map, read_volume
from plausibrain.evaluation import stripping
from plausibrain.evaluation.segmenters import synthseg_style
from plausibrain.evaluation.stripping import LARGEST_OUTSIDE, make_overview, strip
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.simulator.subject import Grid, SimulatedPerson, simulate_subject


@pytest.fixture(scope="module")
def subject() -> dict[bool, SimulatedPerson]:
    """One subject at 2 mm, with and without the head around the brain."""
    cohort = table_cohort(1, seed=11, name="one")
    return {
        alone: simulate_subject(
            0, cohort.volumes.iloc[0], age=40.0, seed=11, grid=Grid(2.0), skull_strip=alone
        )
        for alone in (False, True)
    }


def test_a_stripped_image_is_returned_as_it_is(subject: dict[bool, SimulatedPerson]) -> None:
    image = subject[True].image
    result = strip(image)
    assert result.image is image
    assert result.facts["stripped"] == 1
    assert result.facts["stripped_here"] == 0
    assert result.reasons == ()


def test_the_head_is_taken_off_and_the_brain_stays(subject: dict[bool, SimulatedPerson]) -> None:
    head = subject[False]
    result = strip(head.image)
    assert (result.facts["stripped"], result.facts["stripped_here"]) == (0, 1)
    kept = result.image.data > 0
    white = np.isin(head.labels.data, (2, 41, 10, 49, 16))
    outside = head.labels.data > 100
    assert kept[white].mean() > 0.98
    assert kept[outside].mean() < 0.1
    counted = head.volumes["TIV"] / 1000
    assert result.facts["mask_ml"] == pytest.approx(counted, rel=0.12)


def test_axes_of_the_file_do_not_matter(subject: dict[bool, SimulatedPerson]) -> None:
    image = subject[False].image
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = image.shape[0] - 1
    turned = Volume(np.flip(image.data, 0), image.affine @ flip)
    first, second = strip(image), strip(turned)
    assert second.facts == pytest.approx(first.facts)
    np.testing.assert_array_equal(first.image.data, second.image.data)


def test_a_head_without_a_credible_brain_is_named(
    subject: dict[bool, SimulatedPerson], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = subject[False].image
    monkeypatch.setattr(
        stripping, "brain_mask", lambda canonical, overview, device: np.zeros(canonical.shape, bool)
    )
    result = strip(image)
    assert result.image is image
    assert "could not be cut out" in result.reasons[0]


def test_noise_without_a_brain_gives_an_empty_mask() -> None:
    rng = np.random.default_rng(0)
    image = Volume(rng.random((64, 64, 64)).astype(np.float32), np.diag([3.0, 3.0, 3.0, 1.0]))
    result = strip(image)
    assert result.reasons or result.facts["mask_ml"] > 0
    constant = replace(image, data=np.ones((64, 64, 64), np.float32))
    assert make_overview(constant).outside_share == 1.0


def test_the_rule_is_part_of_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    synthseg_style.version.cache_clear()
    before = synthseg_style.version(2)
    monkeypatch.setattr(stripping, "RULE", stripping.RULE + 1)
    synthseg_style.version.cache_clear()
    after = synthseg_style.version(2)
    synthseg_style.version.cache_clear()
    assert after != before


STRIPPED = ("malf/*_SS.nii.gz", "oasis_trt/*_brain.nii.gz", "ds002748/*_T1w.nii.gz")
HEADS = ("heads/*_T1w.nii.gz", "ixi_2mm/*_ds.nii.gz")


@pytest.mark.parametrize(("pattern", "alone"), [*((p, True) for p in STRIPPED), *((p, False) for p in HEADS)])
def test_real_scans_are_told_apart(shared_data: Path, pattern: str, alone: bool) -> None:
    files = sorted((shared_data / "t1w").glob(pattern))[::5]
    assert files
    for path in files:
        share = make_overview(stripping.to_canonical(read_volume(path))).outside_share
        assert (share <= LARGEST_OUTSIDE) == alone, path.name


def test_a_real_head_loses_its_skull_and_keeps_its_brain(shared_data: Path) -> None:
    """FreeSurfer's labels of the one labelled head are the witness."""
    folder = shared_data / "t1w" / "heads"
    image = read_volume(folder / "dktatlas_T1w.nii.gz")
    labels = stripping.to_canonical(read_label_map(folder / "dktatlas_aparc+aseg.nii.gz")).data
    kept = strip(image).image.data > 0
    assert kept[labels > 0].mean() > 0.99
