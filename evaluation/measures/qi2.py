"""How far the noise of air is from the distribution that a scanner's coils give it.

Filters, resampling and invented noise change the shape of that distribution. It says little about visible
quality: among MRIQC's rated scans it is lower in the bad ones.
"""

import warnings

import numpy as np
from scipy.stats import FitError, chi2

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.air_mask import Air
from plausibrain.evaluation.measuring import measure

GRID = np.linspace(0.0, 110.0, 1000)
BANDWIDTH = 4.0
COILS = 32
MAX_VALUES = 20_000
MIN_POSITIVE = 1000


@measure(
    label="Misfit of the noise of air (QI2)",
    unit="density",
    better="lower",
    bounds=(0.0, np.inf),
    source=("Mortamet2009", "Esteban2017"),
)
def qi2(air: Air) -> float:
    """Return the mean distance of density and fitted chi-squared density of air over its upper tail.

    Notes
    -----
    Grey values are scaled so that their 99th percentile is 100, smoothed with a Gaussian of width 4, and
    compared from half of the maximum upward, as in MRIQC. At most 20,000 values, evenly chosen by size, so
    that nothing is drawn at random.

    References
    ----------
    Mortamet et al. 2009, equation 3 (key Mortamet2009).
    """
    values = np.sort(air.values)
    if int((values > 0).sum()) < MIN_POSITIVE:
        raise MeasurementError(f"fewer than {MIN_POSITIVE} voxels of air are above zero")
    return noise_misfit(values[np.linspace(0, len(values) - 1, min(len(values), MAX_VALUES)).astype(int)])


def noise_misfit(values: np.ndarray) -> float:
    """Return the misfit of some grey values of air."""
    levels = values.astype(np.float64) * (100.0 / np.percentile(values, 99))
    density = smooth_density(levels)
    n_tail = int(np.argmax(density[::-1] > 0.5 * density.max()))
    if n_tail == 0:
        raise MeasurementError("the noise of air has no upper tail")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the search tries impossible degrees of freedom
        degrees, place, scale = _fit(levels)
    model = chi2.pdf(GRID, degrees, loc=place, scale=scale)
    return float(np.abs(density - model)[-n_tail:].mean())


def _fit(values: np.ndarray) -> tuple[float, float, float]:
    """Degrees of freedom, place and scale of the most likely chi-squared distribution."""
    try:
        degrees, place, scale = chi2.fit(values, COILS)
    except (FitError, ValueError) as error:
        raise MeasurementError(f"no chi-squared distribution fits the noise of air ({error})") from error
    return float(degrees), float(place), float(scale)


def smooth_density(values: np.ndarray) -> np.ndarray:
    """Return the density of values on `GRID`, smoothed by a Gaussian, from fine bins, (1000,)."""
    edges = np.linspace(-0.05, max(float(values.max()), 110.0) + 0.05, 4001)
    counts, _ = np.histogram(values, edges)
    centres = (edges[1:] + edges[:-1]) / 2
    occupancy = counts > 0
    distance = (GRID[:, None] - centres[None, occupancy]) / BANDWIDTH
    weights = counts[occupancy] / (len(values) * BANDWIDTH * np.sqrt(2 * np.pi))
    return np.asarray(np.exp(-0.5 * distance**2) @ weights)
