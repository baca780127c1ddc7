"""The cortex of a label map becomes parcels of its own side; everything else stays."""

import numpy as np
import pytest

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.structures import find_structure
from plausibrain.cohorts.volumes import LabelMap, to_canonical
from plausibrain.evaluation.parcel_labels import CORTEX, hard_posteriors, with_parcels
from plausibrain.evaluation.posteriors import label_ids
from tests.unit.evaluation_segmenters.hemispheres import make_parcellation, make_posteriors


def whole_cortex(voxel_mm: int = 2) -> LabelMap:
    p = make_posteriors(voxel_mm)
    data = label_ids(p.structures.argmax(0).numpy(), p.left.numpy() > 0.5)
    return LabelMap(data, np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0]))


def test_cortex_becomes_parcels_of_its_side_and_the_rest_stays():
    labels = whole_cortex()
    found = with_parcels(labels, make_parcellation())
    for label, side in zip(CORTEX, ("left", "right"), strict=True):
        mine = np.unique(found.data[labels.data == label])
        assert len(mine) > 1
        known = [find_structure(int(i)) for i in mine]
        assert all(s is not None and s.atlas == "dk" and s.hemisphere == side for s in known)
    rest = ~np.isin(labels.data, CORTEX)
    np.testing.assert_array_equal(found.data[rest], labels.data[rest])


def test_order_of_storage_does_not_matter():
    labels = whole_cortex()
    turned = LabelMap(np.flip(labels.data, 0).transpose(2, 0, 1), _turned(labels))
    found = with_parcels(turned, make_parcellation())
    assert found.shape == turned.shape
    np.testing.assert_array_equal(
        to_canonical(found).data, to_canonical(with_parcels(labels, make_parcellation())).data
    )


def _turned(labels: LabelMap) -> np.ndarray:
    flip = np.eye(4)
    flip[0, 0], flip[0, 3] = -1, labels.shape[0] - 1
    order = np.eye(4)[:, [2, 0, 1, 3]]
    return labels.affine @ flip @ order


def test_parcels_that_are_there_stay():
    labels = with_parcels(whole_cortex(), make_parcellation())
    assert with_parcels(labels) is labels


def test_hard_posteriors_are_the_labels():
    data = whole_cortex().data
    p = hard_posteriors(data, 2)
    back = label_ids(p.structures.argmax(0).numpy(), p.left.numpy() > 0.5)
    np.testing.assert_array_equal(back, data)
    assert p.voxel_mm3 == 8.0


@pytest.mark.parametrize(
    ("data", "voxel", "words"),
    [(3, 1.5, "voxels of 1 or 2 mm"), (10, 1.0, "no cortex"), (0, 1.0, "no cortex")],
)
def test_maps_that_cannot_be_divided_say_why(data, voxel, words):
    labels = LabelMap(np.full((8, 8, 8), data), np.diag([voxel, voxel, voxel, 1.0]))
    with pytest.raises(MeasurementError, match=words):
        with_parcels(labels, make_parcellation())
