"""Power spectrum of the grey values inside a brain."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.volumes import Volume
from plausibrain.evaluation.tissues import Tissues

#: Half width of the soft edge of the mask; a hard one would ring.
EDGE_MM = 3.0
MIN_WAVES = 10


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Waves of the brain.

    Attributes
    ----------
    frequency : ndarray of float32, (I, J, K // 2 + 1)
        Per mm.
    power : ndarray of float32, same shape
    highest : float
        Highest frequency that the coarsest axis can hold, per mm.
    """

    frequency: np.ndarray
    power: np.ndarray
    highest: float


def spectrum_of(image: Volume, tissues: Tissues) -> Spectrum:
    """Power of every spatial frequency inside the brain.

    Parameters
    ----------
    image : Volume
        Box around the brain.
    tissues : Tissues

    Notes
    -----
    The median of the brain is taken off and the mask has soft edges, so that the outline of the brain adds
    little.
    """
    voxel = image.voxel_size_mm
    widths = [EDGE_MM / size for size in voxel]
    window = ndimage.gaussian_filter(tissues.brain.astype(np.float32), widths)
    window = np.maximum(2 * window - 1, 0)
    deviations = (tissues.data - np.float32(np.median(tissues.brain_values))) * window
    shape = tuple(fft.next_fast_len(n, real=True) for n in deviations.shape)
    power = np.square(np.abs(fft.rfftn(deviations, shape)))
    axes = [
        fft.fftfreq(shape[0], voxel[0]),
        fft.fftfreq(shape[1], voxel[1]),
        fft.rfftfreq(shape[2], voxel[2]),
    ]
    squares = [np.square(a).astype(np.float32) for a in axes]
    frequency = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2])
    return Spectrum(frequency, power, 0.5 / max(voxel))


def radial_power(spectrum: Spectrum, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle frequency and mean power of every ring that holds enough waves.

    Parameters
    ----------
    spectrum : Spectrum
    edges : ndarray, (n + 1,)
        Ascending, per mm.

    Returns
    -------
    centres, means : ndarray, (at most n,)

    Raises
    ------
    MeasurementError
        When fewer than three rings are left, or the image is empty.
    """
    ring = np.digitize(spectrum.frequency.ravel(), edges)
    counts = np.bincount(ring, minlength=len(edges) + 1)[1 : len(edges)]
    sums = np.bincount(ring, weights=spectrum.power.ravel(), minlength=len(edges) + 1)[1 : len(edges)]
    bins = (counts >= MIN_WAVES) & (sums > 0)
    if bins.sum() < 3:
        raise MeasurementError("the brain is too small, or too even, for a spectrum")
    centres = np.sqrt(edges[1:] * edges[:-1])
    return centres[bins], sums[bins] / counts[bins]
