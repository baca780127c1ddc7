"""A simulated subject has the volumes asked for, no fold, and depends on (seed, subject) alone."""

from importlib import resources

import numpy as np
import pytest
import torch
from scipy.ndimage import label as components

from plausibrain.cohorts.bids import label_path
from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import structure
from plausibrain.cohorts.volumes import read_label_map
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject
from plausibrain.generation.norms import (
    LATERAL_VENTRICLES,
    VOLUME_NAMES,
    draw_subjects,
    draw_volumes,
    subject_rng,
)
from plausibrain.generation.simulator.anatomy import MODEL_FILE, SHAPE, STEP_MM, load_anatomy
from plausibrain.generation.simulator.cohort import claim_folder, simulate_cohort, subjects_shown
from plausibrain.generation.simulator.deformation import flow_of_divergence, subject_grid, to_voxels
from plausibrain.generation.simulator.labelling import level_of_volume
from plausibrain.generation.simulator.rendering import draw_scanner
from plausibrain.generation.simulator.spatial import jacobian_determinant
from plausibrain.generation.simulator.subject import (
    SHAPE_STREAM,
    Grid,
    count_volumes,
    deform,
    simulate_subject,
)

SEED = 1
COARSE = Grid(3.0)


def test_volumes_are_those_asked_for(subjects, subject):
    _, volumes = subjects
    error = (subject.volumes / volumes.loc[0] - 1).abs()
    large = volumes.loc[0] > 20_000
    # A boundary can only move by whole voxels: large structures lie within 1 %, the smallest (300 mm3, eleven
    # voxels of 27 mm3) within two voxels.
    assert error[large].max() < 0.01
    assert ((subject.volumes - volumes.loc[0]).abs()[~large] < 54 + 0.05 * volumes.loc[0][~large]).all()


def test_no_fold(subject):
    assert jacobian_determinant(subject.displacement / STEP_MM).min() > 0


@pytest.mark.parametrize("number", [363, 455])
def test_subjects_whose_volumes_ask_for_too_much_do_not_fold_either(number):
    """The two of 800 subjects who did before steering stopped in time."""
    everybody = draw_subjects(number + 1, seed=2026)
    targets = draw_volumes(everybody.loc[[number]], seed=2026).loc[number].to_dict()
    rng = subject_rng(2026, number, SHAPE_STREAM)
    displacement = deform(load_anatomy(coarse=True), targets, rng)
    assert jacobian_determinant(displacement / STEP_MM).min() > 0


def test_all_structures_are_there_and_large_ones_hang_together(subject):
    labels = subject.labels.data
    for name in VOLUME_NAMES[1:]:
        assert (labels == structure(name).index).any(), name
    for name in ("Left-Cerebral-White-Matter", "Right-Putamen", "Brain-Stem", "Left-Thalamus"):
        parts, n = components(labels == structure(name).index, np.ones((3, 3, 3)))
        assert np.bincount(parts.ravel())[1:].max() / (parts > 0).sum() > 0.95, (name, n)


def test_left_lies_on_the_left(subject):
    x = (
        subject.labels.affine[0, 0]
        * np.argwhere(subject.labels.data == structure("Left-Putamen").index)[:, 0]
    )
    other = (
        subject.labels.affine[0, 0]
        * np.argwhere(subject.labels.data == structure("Right-Putamen").index)[:, 0]
    )
    assert x.mean() < other.mean()


def test_tissues_are_ordered_as_in_a_t1w(subject):
    image, labels = subject.image.data, subject.labels.data
    mean = {name: image[labels == structure(name).index].mean() for name in VOLUME_NAMES[1:]}
    assert (
        mean["Left-Cerebral-White-Matter"]
        > mean["Left-Thalamus"]
        > mean["Left-Cerebral-Cortex"]
        > mean["CSF"]
    )
    assert np.isfinite(image).all()
    assert image.min() >= 0


def test_same_subject_again_and_another_one(subjects, subject):
    table, volumes = subjects
    again = simulate_subject(0, volumes.loc[0], age=table.loc[0, "age"], seed=SEED, grid=COARSE)
    np.testing.assert_array_equal(again.labels.data, subject.labels.data)
    np.testing.assert_array_equal(again.image.data, subject.image.data)
    other = simulate_subject(1, volumes.loc[0], age=table.loc[0, "age"], seed=SEED, grid=COARSE)
    cortex = structure("Left-Cerebral-Cortex").index
    first, second = subject.labels.data == cortex, other.labels.data == cortex
    assert 2 * (first & second).sum() / (first.sum() + second.sum()) < 0.75


def test_large_ventricles_on_request(subjects):
    table, volumes = subjects
    wanted = volumes.loc[2].copy()
    factor = 90_000 / wanted[list(LATERAL_VENTRICLES)].sum()
    wanted[list(LATERAL_VENTRICLES)] *= factor
    drawn = simulate_subject(2, wanted, age=table.loc[2, "age"], seed=SEED, grid=COARSE)
    assert drawn.volumes[list(LATERAL_VENTRICLES)].sum() == pytest.approx(90_000, rel=0.05)
    # The ventricles push the caudate aside and do not eat it.
    for name in ("Left-Caudate", "Right-Caudate"):
        assert drawn.volumes[name] == pytest.approx(wanted[name], rel=0.05)
    assert jacobian_determinant(drawn.displacement / STEP_MM).min() > 0


def test_skull_stripping_blanks_the_outside_only(subjects, subject):
    table, volumes = subjects
    stripped = simulate_subject(
        0, volumes.loc[0], age=table.loc[0, "age"], seed=SEED, grid=COARSE, skull_strip=True
    )
    outside = subject.labels.data > 500
    assert (stripped.image.data[outside] == 0).all()
    white = subject.labels.data == 2
    np.testing.assert_array_equal(stripped.image.data[white], subject.image.data[white])


def test_contrast_falls_with_age(subjects):
    _, volumes = subjects

    def contrast(age: float) -> float:
        drawn = simulate_subject(3, volumes.loc[3], age=age, seed=SEED, grid=COARSE)
        image, labels = drawn.image.data, drawn.labels.data
        return float(np.median(image[labels == 2]) / np.median(image[labels == 3]))

    assert contrast(20.0) > contrast(85.0) > 1.0


def test_sites_differ_and_the_usual_one_does_not():
    assert draw_scanner(0, seed=3) == draw_scanner(0, seed=4)
    assert draw_scanner(1, seed=3) != draw_scanner(2, seed=3)


def test_flow_has_the_divergence_asked_for():
    x = subject_grid()
    source = torch.exp(-(x**2).sum(0) / (2 * 20.0**2))
    flow = flow_of_divergence(source) / STEP_MM
    # Central differences of a field that varies over 20 mm, at 4 mm: an error of (4/20)^2/6, below 1 %.
    divergence = sum((torch.roll(flow[i], -1, i) - torch.roll(flow[i], 1, i)) / 2 for i in range(3))
    assert torch.allclose(divergence, source - source.mean(), atol=0.02)
    centre = to_voxels(torch.zeros(3, 1, 1, 1)).flatten()
    assert centre.tolist() == [(n - 1) / 2 for n in SHAPE]


def test_level_of_volume_counts_voxels():
    assert level_of_volume(torch.arange(100.0), 30) == 29.0


def test_counted_volumes_sum_to_the_head():
    labels = np.zeros((4, 4, 4), np.int32)
    labels[0], labels[1, 0] = 2, 24
    counted = count_volumes(labels, 8.0)
    assert counted["Left-Cerebral-White-Matter"] == 128.0
    assert counted["TIV"] == 160.0


def test_cohort_on_disk_resumes_and_reads_back(tmp_path):
    targets = table_cohort(2, seed=5, name="two subjects")
    done: list[int] = []
    cohort = simulate_cohort(
        targets, tmp_path, seed=5, grid=Grid(4.0), on_subject=lambda n_done, n_all: done.append(n_done)
    )
    stamp = cohort.images[0].stat().st_mtime_ns
    again = simulate_cohort(targets, tmp_path, seed=5, grid=Grid(4.0))
    assert done == [1, 2]
    assert again.images[0].stat().st_mtime_ns == stamp
    read = read_cohort(tmp_path)
    np.testing.assert_allclose(read.volumes["TIV"], cohort.volumes["TIV"])
    labels = read_label_map(label_path(cohort.images[1]))
    np.testing.assert_allclose(count_volumes(labels.data, 64.0), again.volumes.iloc[1])


def test_another_cohort_in_the_same_folder_is_refused(tmp_path):
    nobody = table_cohort(0, seed=5, name="nobody")
    claim_folder(tmp_path, nobody, nobody.volumes, {"Seed": 5})
    claim_folder(tmp_path, nobody, nobody.volumes, {"Seed": 5})
    with pytest.raises(DataError, match="holds another simulated cohort"):
        claim_folder(tmp_path, nobody, nobody.volumes, {"Seed": 6})


def test_repeated_subjects_show_the_same_subject():
    collapsed = inject("mode_collapse", table_cohort(12, seed=5, name="twelve"), severity=6.0, seed=0)
    shown = subjects_shown(collapsed, 0)
    assert len(set(shown)) == 2
    assert {seed for _, seed in shown} == {5}
    assert subjects_shown(table_cohort(2, seed=7, name="two"), 0) == [(0, 7), (1, 7)]


def test_a_missing_target_is_named(tmp_path):
    targets = table_cohort(1, seed=5, name="one")
    bare = table_cohort(1, seed=5, name="one").volumes.drop(columns="CSF")
    object.__setattr__(targets, "volumes", bare)
    with pytest.raises(DataError, match="CSF missing"):
        simulate_cohort(targets, tmp_path, seed=5)


def test_the_shipped_model_is_small_symmetric_data_without_pickles():
    path = resources.files("plausibrain.generation") / "data" / MODEL_FILE
    assert path.stat().st_size < 15e6
    anatomy = load_anatomy()
    assert anatomy.soft.data.min() >= 0
    # Shares of the classes at a place sum to one at most, up to rounding of fifteen bytes.
    assert anatomy.soft.data.sum(0).max() < 1.03
    assert anatomy.modes.shape[1:] == (3, *SHAPE)
    assert set(anatomy.deep_ids) == {4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 26, 28}
