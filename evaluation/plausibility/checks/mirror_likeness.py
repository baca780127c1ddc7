"""Whether one half of the brain is a mirror image of the other, detail by detail."""

import numpy as np
from scipy import ndimage

from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View

#: Detail below this is compared, voxels of the file.
_DETAIL = 1.0
_SHIFTS = range(-8, 9)


@check(
    label="Correlation of fine detail with its mirror image",
    high="one half of the brain repeats the other, mirrored",
    bounds=(-1.0, 1.0),
)
def mirror_likeness(native: View) -> float:
    """Return the largest correlation of fine detail with its mirror image, over planes near the middle."""
    brain = native.masks["wm"] | native.masks["gm"]
    detail = native.data - ndimage.gaussian_filter(native.data, _DETAIL)
    centre = round(2 * float(np.average(np.arange(brain.shape[0]), weights=brain.sum((1, 2)))))
    best = -1.0
    thin = (slice(None), slice(None, None, 2), slice(None, None, 2))
    for shift in _SHIFTS:
        best = max(best, _correlation(detail[thin], brain[thin], centre + shift))
    return best


def _correlation(detail: np.ndarray, brain: np.ndarray, total: int) -> float:
    """Correlation of voxels i and total - i."""
    n = detail.shape[0]
    left = np.arange(max(0, total - n + 1), (total + 1) // 2)
    right = total - left
    if len(left) < 5:
        return -1.0
    both = brain[left] & brain[right]
    a, b = detail[left][both], detail[right][both]
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 100 and a.std() > 0 and b.std() > 0 else -1.0
