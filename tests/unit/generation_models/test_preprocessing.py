"""Alignment undoes any rigid motion in closed form; intensities become 0 to 1; adult brains fit the grids."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.rigid import fit_rigid
from plausibrain.cohorts.structures import structure
from plausibrain.cohorts.volumes import LabelMap, Volume, write_label_map, write_volume
from plausibrain.generation.alignment import atlas_centroids, rigid_to_atlas
from plausibrain.generation.model import ImageGrid
from plausibrain.generation.norms import draw_subjects, draw_volumes
from plausibrain.generation.preprocessing import PRESETS, prepare
from plausibrain.generation.scaler import ConditionScaler
from plausibrain.generation.simulator.subject import Grid, simulate_subject
from plausibrain.generation.training.data import PreparedImages, prepare_cohort


def moved(degrees, shift):
    transform = np.eye(4)
    transform[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    transform[:3, 3] = shift
    return transform


@pytest.fixture(scope="module")
def phantom():
    """A head of balls: every structure of the atlas as 7 mm around its centre, on a 2 mm grid."""
    grid = PRESETS["2mm"].grid
    voxels = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    world = voxels @ grid.matrix[:3, :3].T + grid.matrix[:3, 3]
    labels = np.zeros(grid.shape, dtype=np.int32)
    labels[np.linalg.norm((world - [0, -18, 15]) / [65, 85, 70], axis=-1) < 1] = 2
    for name, centre in atlas_centroids().iterrows():
        labels[np.linalg.norm(world - centre.to_numpy(), axis=-1) < 4] = structure(name).index
    return Volume((labels > 0) * 50.0 + (labels == 10) * 50.0, grid.matrix), LabelMap(labels, grid.matrix)


@pytest.mark.parametrize(("degrees", "shift"), [((0, 0, 0), (9, -4, 3)), ((12, -7, 20), (-30, 15, 40))])
def test_any_rigid_motion_is_undone(degrees, shift, phantom):
    labels = phantom[1]
    motion = moved(degrees, shift)
    elsewhere = LabelMap(labels.data, motion @ labels.affine)
    # The balls' own centres miss the atlas's by part of a voxel, the same before and after the motion.
    found = rigid_to_atlas(elsewhere) @ motion
    assert np.allclose(found, rigid_to_atlas(labels), atol=1e-9)
    assert np.linalg.norm(found[:3, 3]) < 1.0


def test_kabsch_agrees_with_scipy_and_never_reflects():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(20, 3))
    target = points @ Rotation.from_euler("xyz", [30, 40, 50], degrees=True).as_matrix().T
    target += rng.normal(size=target.shape, scale=0.05)
    expected, _ = Rotation.align_vectors(target - target.mean(0), points - points.mean(0))
    assert np.allclose(fit_rigid(points, target)[:3, :3], expected.as_matrix(), atol=1e-10)
    assert np.linalg.det(fit_rigid(points, points * [-1, 1, 1])[:3, :3]) == pytest.approx(1)


def test_the_atlas_is_symmetric_and_lies_where_mni_does():
    atlas = atlas_centroids()
    left = atlas[atlas.index.str.startswith("Left-")]
    right = atlas.loc[left.index.str.replace("Left-", "Right-")]
    assert np.allclose(left.to_numpy() * [-1, 1, 1], right.to_numpy(), atol=0.02)
    # TzourioMazoyer2002; the rest of a rigid fit between two average anatomies is below 4 mm.
    assert np.linalg.norm(atlas.loc["Right-Putamen"] - [25.8, 4.4, 2.4]) < 4
    assert np.linalg.norm(atlas.loc["Right-Hippocampus"] - [27.1, -20.3, -10.2]) < 5


def test_a_prepared_image_is_aligned_scaled_and_stripped(phantom):
    image, labels = phantom
    motion = moved((8, 5, -10), (20, 10, -5))
    grid = PRESETS["2mm"].grid
    still = prepare(image, labels, grid)
    turned = prepare(
        Volume(image.data, motion @ image.affine), LabelMap(labels.data, motion @ labels.affine), grid
    )
    assert np.allclose(still.data, turned.data, atol=1e-4)
    assert (still.data.min(), still.data.max()) == (0, 1)
    assert still.shape == (80, 96, 80)


def test_intensity_does_not_depend_on_the_scanners_scale(phantom):
    image, labels = phantom
    grid = PRESETS["4mm"].grid
    other = Volume(image.data * 7 + 3, image.affine)
    assert np.allclose(prepare(image, labels, grid).data, prepare(other, labels, grid).data, atol=1e-5)


def test_whole_heads_keep_what_lies_outside_the_brain(phantom):
    image, labels = phantom
    neck = (labels.data == 0) & (np.arange(labels.shape[2]) < 8)
    with_neck = Volume(np.where(neck, 25.0, image.data), image.affine)
    grid = PRESETS["2mm"].grid
    assert prepare(with_neck, labels, grid).data[2, 2, 2] == 0
    # The brain's 99.5th percentile is 50 or 100: few of its voxels are thalamus.
    kept = prepare(with_neck, labels, grid, skull_strip=False).data[2, 2, 2]
    assert kept == pytest.approx(25 / np.percentile(image.data[labels.data > 0], 99.5), abs=1e-3)


def test_images_without_brain_or_contrast_are_refused(phantom):
    image, labels = phantom
    grid = PRESETS["4mm"].grid
    with pytest.raises(DataError, match="at least 6 of the structures"):
        prepare(image, LabelMap(np.zeros(labels.shape, dtype=int), labels.affine), grid)
    with pytest.raises(DataError, match="contrast"):
        prepare(Volume(np.full(image.shape, 4.0), image.affine), labels, grid)


def test_an_adult_of_the_simulator_fits_the_grid():
    adults = draw_subjects(1, seed=1)
    volumes = draw_volumes(adults, seed=1)
    labels = simulate_subject(0, volumes.iloc[0], age=40.0, seed=1, grid=Grid(4.0)).labels
    transform = rigid_to_atlas(labels)
    brain = np.argwhere((labels.data > 0) & (labels.data < 500) & (labels.data != 24))
    world = brain @ (transform @ labels.affine)[:3, :3].T + (transform @ labels.affine)[:3, 3]
    for preset in (PRESETS["1mm"], PRESETS["2mm"]):
        grid = preset.grid
        voxels = (world - grid.matrix[:3, 3]) / preset.voxel_mm
        outside = ((voxels < -0.5) | (voxels > np.array(grid.shape) - 0.5)).any(axis=1)
        assert outside.mean() < 0.004


def test_cohorts_are_prepared_once(phantom, subjects, tmp_path):
    from plausibrain.cohorts.cohort import Cohort

    image, labels = phantom
    paths = []
    for name in subjects["participant_id"][:2]:
        paths.append(write_volume(image, tmp_path / f"{name}_T1w.nii.gz"))
        write_label_map(labels, tmp_path / f"{name}_dseg.nii.gz")
    cohort = Cohort("two", subjects[:2], images=tuple(paths))
    told = []
    grid = PRESETS["4mm"].grid
    files = prepare_cohort(cohort, grid, tmp_path / "p", progress=lambda done, of: told.append((done, of)))
    times = [path.stat().st_mtime_ns for path in files]
    assert told == [(1, 2), (2, 2)]
    again = prepare_cohort(cohort, grid, tmp_path / "p")
    assert [path.stat().st_mtime_ns for path in again] == times
    scaler = ConditionScaler.fit(subjects[:2].assign(sex=["F", "M"]), ("sex", "age"))
    batch = PreparedImages(files, scaler(subjects[:2])).batch([1, 0])
    assert batch.images.shape == (2, 1, 40, 48, 40)
    assert batch.conditions[:, 1].tolist() == [1.0, 0.0]


def test_a_table_of_segment_names_the_label_maps(phantom, subjects, tmp_path):
    from plausibrain.cohorts.cohort import Cohort
    from plausibrain.generation.training.data import label_files

    image, labels = phantom
    path = write_volume(image, tmp_path / "sub-00_T1w.nii.gz")
    write_label_map(labels, tmp_path / "store" / "x.nii.gz")
    pd.DataFrame({"participant_id": ["sub-00"], "labels": ["store/x.nii.gz"]}).to_csv(
        tmp_path / "segmentation.tsv", sep="\t", index=False
    )
    cohort = Cohort("one", subjects[:1], images=(path,))
    assert label_files(cohort, tmp_path / "segmentation.tsv") == [tmp_path / "store" / "x.nii.gz"]
    with pytest.raises(DataError, match="expected a table with participant_id and labels"):
        label_files(cohort, tmp_path / "none.tsv")


def test_the_scaler_maps_physical_units_and_back_to_data(subjects):
    scaler = ConditionScaler.fit(subjects, ("sex", "age"))
    scaled = scaler(subjects)
    assert scaled.min(0).tolist() == [0, 0]
    assert scaled.max(0).tolist() == [1, 1]
    older = scaler(subjects[:1].assign(age=110.0))  # range 30 to 70: extrapolated, not clipped
    assert older[0, 1] == pytest.approx(2.0)
    assert ConditionScaler.of(scaler.as_data()) == scaler
    with pytest.raises(DataError, match="same in everybody"):
        ConditionScaler.fit(subjects.assign(age=5.0), ("age",))
    with pytest.raises(DataError, match="'weight' is missing"):
        ConditionScaler.fit(subjects, ("weight",))
    with pytest.raises(DataError, match="'sex' has no usable value in row 0"):
        scaler(subjects.assign(sex="X"))
    with pytest.raises(DataError, match="low below its high"):
        ConditionScaler.of({"columns": ["age"], "low": [5], "high": [5]})


def test_a_grid_is_three_sizes_and_an_affine():
    grid = ImageGrid.of([2, 3, 4], np.eye(4))
    assert ImageGrid.of(**grid.as_data()) == grid
    with pytest.raises(DataError, match="expected a grid"):
        ImageGrid.of([2, 3], np.eye(4))
