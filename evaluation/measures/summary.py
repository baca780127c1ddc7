"""Distribution of the grey values of each tissue on the scale where white matter is 1000: a description."""

from collections.abc import Callable

import numpy as np

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.measuring import measure
from plausibrain.evaluation.tissues import Tissues, mad

_TISSUES = {"csf": "ventricles", "gm": "cortex", "wm": "white matter"}


def _kurtosis(values: np.ndarray) -> float:
    """Fourth moment over the squared variance, minus 3."""
    deviations = values.astype(np.float64) - values.mean(dtype=np.float64)
    variance = float(np.mean(deviations**2))
    if variance == 0:
        raise MeasurementError("a tissue has one grey value everywhere")
    return float(np.mean(deviations**4)) / variance**2 - 3.0


_STATISTICS: dict[str, tuple[str, Callable[[np.ndarray], float]]] = {
    "mean": ("mean", lambda v: float(v.mean(dtype=np.float64))),
    "median": ("median", lambda v: float(np.median(v))),
    "p05": ("5th percentile", lambda v: float(np.percentile(v, 5))),
    "p95": ("95th percentile", lambda v: float(np.percentile(v, 95))),
    "stdv": ("standard deviation", lambda v: float(v.std(ddof=0, dtype=np.float64))),
    "mad": ("median absolute deviation", mad),
    "k": ("kurtosis", _kurtosis),
    "n": ("voxels", lambda v: float(len(v))),
}


@measure(
    label="Grey values",
    unit="white matter = 1000",
    source=("Esteban2017",),
    parts={
        f"{tissue}_{name}": f"{tissue_label}, {label}"
        for tissue, tissue_label in _TISSUES.items()
        for name, (label, _) in _STATISTICS.items()
    },
    judged=False,
)
def summary(tissues: Tissues, part: str) -> float:
    """Return one statistic of the grey values of one tissue; kurtosis and voxel counts have no unit."""
    tissue, _, name = part.partition("_")
    return _STATISTICS[name][1](tissues.values(tissue))
