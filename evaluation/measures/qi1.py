"""Share of the air that is brighter than noise: ghosts and blood that moved during the scan.

Near zero in most scans, zero in nearly every generated one, and blind where the background is empty (it does
not apply there). Large values are a sign; small ones are no proof.
"""

import numpy as np
from scipy import ndimage

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.air_mask import Air
from plausibrain.evaluation.measuring import measure

#: In median absolute deviations.
BRIGHT = 10.0
#: Nearer to the head than this share of the greatest distance, light comes from the head itself.
NEAR = 0.10


@measure(
    label="Artefacts in air (QI1)",
    unit="share",
    better="lower",
    bounds=(0.0, 1.0),
    source=("Mortamet2009", "Esteban2017"),
)
def qi1(air: Air) -> float:
    """Return the share of air voxels that are bright, away from the head, and not alone.

    Notes
    -----
    Bright is above 10 median absolute deviations of air; single voxels are opened away. MRIQC does the same
    with its own air mask.

    References
    ----------
    Mortamet et al. 2009 (key Mortamet2009).
    """
    spread = air.mad
    if spread == 0:
        raise MeasurementError("more than half of the air has the same grey value")
    bright = air.mask & (air.data > BRIGHT * spread)
    away = _distance(air.head, air.voxel_mm)
    bright &= away >= NEAR * float(away[air.mask].max())
    return float(ndimage.binary_opening(bright).sum() / air.mask.sum())


def _distance(head: np.ndarray, voxel_mm: tuple[float, float, float]) -> np.ndarray:
    """Distance to the head, mm, from every second voxel: the rule needs no more."""
    coarse = ndimage.distance_transform_edt(~head[::2, ::2, ::2], sampling=[2 * size for size in voxel_mm])
    for axis in range(3):
        coarse = np.repeat(coarse, 2, axis=axis)
    return np.asarray(coarse[tuple(slice(0, n) for n in head.shape)])
