import numpy as np
import pytest

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.tissues import Tissues, mad, tissue_masks

LABELS = {
    "gm": (3, 42, 1012, 2035),
    "wm": (2, 41, 77, 251, 25),
    "csf": (4, 43, 5, 14, 15, 136),
    "other": (10, 16, 17, 47, 31, 80),
    "outside": (0, 24, 85, 511, 530, 99999, -5),
}


@pytest.mark.parametrize(("group", "labels"), LABELS.items())
def test_every_label_falls_into_its_tissue(group, labels):
    masks = tissue_masks(np.array(labels).reshape(1, 1, -1))
    for tissue in ("gm", "wm", "csf"):
        assert masks[tissue].all() == (tissue == group)
        assert masks[tissue].any() == (tissue == group)
    assert masks["brain"].all() == (group != "outside")
    assert masks["brain"].any() == (group != "outside")


def test_mad_of_normal_values_is_their_standard_deviation():
    values = np.random.default_rng(0).normal(5.0, 2.0, 200_000)
    # Standard error of the MAD is 1.17 sigma / sqrt(n).
    assert mad(values) == pytest.approx(2.0, abs=4 * 1.17 * 2 / np.sqrt(200_000))


def test_a_tissue_of_a_few_voxels_has_no_number():
    labels = np.full((10, 10, 10), 2)
    labels[0, 0, :5] = 3
    tissues = Tissues(np.ones(labels.shape, np.float32), **tissue_masks(labels))
    assert tissues.median("wm") == 1
    with pytest.raises(MeasurementError, match="5 voxels of cortical grey matter; at least 100"):
        tissues.values("gm")


def test_inner_white_matter_leaves_one_voxel_all_around():
    labels = np.zeros((12, 12, 12), int)
    labels[2:10, 2:10, 2:10] = 2
    tissues = Tissues(np.ones(labels.shape, np.float32), **tissue_masks(labels))
    assert tissues.inner_wm.sum() == 6**3
