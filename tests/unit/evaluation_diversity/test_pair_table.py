"""Pairs of a cohort: kept, repeated from the store, in any order of rows."""

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.store import Store
from plausibrain.evaluation.diversity import pair_table as module
from plausibrain.evaluation.diversity.pair_table import pair_table
from plausibrain.evaluation.image_source import Source, sources_of
from tests.unit.evaluation_extractors.phantoms import image_cohort

GRID_MM = 2.5  # the coarsest at which every side has 64 voxels


@pytest.fixture(scope="module")
def balls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("balls")
    cohort, labels = image_cohort(folder, 3)
    return cohort, sources_of(cohort.images, labels), folder


@pytest.fixture(scope="module")
def table(balls):
    cohort, sources, folder = balls
    return pair_table(cohort, sources, store=Store(folder / "store"), voxel_mm=GRID_MM, n_pairs=3)


def test_every_pair_has_both_similarities(table):
    assert list(table.columns) == ["first", "second", "four_component_gradient", "ms_ssim", "reason"]
    assert len(table) == 3
    assert table[["ms_ssim", "four_component_gradient"]].apply(lambda v: v.between(-1, 1)).all(axis=None)
    assert (table["reason"] == "").all()


def test_nothing_is_compared_twice(balls, table, monkeypatch):
    cohort, sources, folder = balls

    def never(self: Source, voxel_mm: float) -> np.ndarray:
        raise AssertionError("the image was read again")

    monkeypatch.setattr(Source, "brain", never)
    again = pair_table(cohort, sources, store=Store(folder / "store"), voxel_mm=GRID_MM, n_pairs=3)
    pd.testing.assert_frame_equal(again, table)


def test_pairs_do_not_depend_on_the_order_of_rows(balls, table):
    cohort, sources, folder = balls
    order = [2, 0, 1]
    mixed = pair_table(
        cohort.select(order),
        [sources[k] for k in order],
        store=Store(folder / "store"),
        voxel_mm=GRID_MM,
        n_pairs=3,
    )
    pd.testing.assert_frame_equal(mixed, table)


def test_few_images_are_held_at_a_time(balls, table, tmp_path, monkeypatch):
    cohort, sources, _ = balls
    most = 0
    inner = module.Comparison._prepared

    def watch(self: module.Comparison, row: int) -> tuple:
        nonlocal most
        found = inner(self, row)
        most = max(most, len(self.held))
        return found

    monkeypatch.setattr(module.Comparison, "_prepared", watch)
    fresh = pair_table(cohort, sources, store=Store(tmp_path), voxel_mm=GRID_MM, n_pairs=3)
    assert most == 2
    pd.testing.assert_frame_equal(fresh, table)


def test_an_image_that_cannot_be_read_costs_its_pairs_only(balls, tmp_path):
    cohort, sources, folder = balls
    broken = folder / "broken.nii.gz"
    broken.write_bytes(b"nothing")
    changed = [Source(broken, sources[0].labels), *sources[1:]]
    found = pair_table(cohort, changed, store=Store(tmp_path), voxel_mm=GRID_MM, n_pairs=3)
    lost = (found["first"] == "p0") | (found["second"] == "p0")
    assert found.loc[lost, "ms_ssim"].isna().all()
    assert (found.loc[lost, "reason"] != "").all()
    assert found.loc[~lost, "ms_ssim"].notna().all()
