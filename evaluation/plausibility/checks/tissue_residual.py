"""How far grey values lie from the mean of their label nearby: an image that is not what its labels say.

Averages and patchworks of heads, blobs and noise raise it. A uniform scan with lesions has a little more.
"""

import numpy as np
from scipy import ndimage

from plausibrain.evaluation.plausibility.registry import check
from plausibrain.evaluation.plausibility.scene import View

#: The level of a tissue may drift over this distance (bias field), mm.
_DRIFT_MM = 12.0


@check(
    label="Residual of rendering each tissue by its mean",
    unit="of the grey-white contrast",
    high="grey values do not fit the tissues they are labelled as",
    bounds=(0.0, np.inf),
)
def tissue_residual(coarse: View) -> float:
    """Return the root mean square of grey value minus the local mean of its tissue, over the contrast.

    Notes
    -----
    Over cortex and white matter at 2 mm; the local mean is a Gaussian average (SD 12 mm) over the tissue.
    """
    total, n = 0.0, 0
    for name in ("wm", "gm"):
        mask = coarse.masks[name]
        weight = ndimage.gaussian_filter(mask.astype(np.float32), _DRIFT_MM / coarse.voxel_mm)
        level = ndimage.gaussian_filter(coarse.data * mask, _DRIFT_MM / coarse.voxel_mm)
        rest = coarse.data[mask] - level[mask] / np.maximum(weight[mask], 1e-6)
        total, n = total + float(np.square(rest, dtype=np.float64).sum()), n + len(rest)
    return float(np.sqrt(total / max(n, 1))) / coarse.contrast
