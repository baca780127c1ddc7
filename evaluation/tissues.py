"""Tissues of a labelled brain: which voxels count as grey matter, white matter, ventricles and brain."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from scipy import ndimage

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.structures import STRUCTURES, Structure

#: Fewer voxels give no stable median or spread.
MIN_VOXELS = 100
NAMES = {"csf": "ventricles", "gm": "cortical grey matter", "wm": "cerebral white matter"}
_VENTRICLES = ("Lateral-Ventricle", "Inf-Lat-Vent", "3rd-Ventricle", "4th-Ventricle", "5th-Ventricle")
_OUTSIDE = ("background", "extracerebral")


@dataclass(frozen=True, eq=False)
class Tissues:
    """Masks of one labelled image, with its grey values.

    Attributes
    ----------
    data : ndarray of float32, (I, J, K)
        Grey values; the median of white matter is 1000.
    csf, gm, wm : ndarray of bool, (I, J, K)
        Ventricles, cerebral cortex, cerebral white matter (lesions included).
    brain : ndarray of bool, (I, J, K)
        Every structure of the brain with its ventricles; not the fluid around it, of which stripped images
        keep more or less.
    """

    data: np.ndarray
    csf: np.ndarray
    gm: np.ndarray
    wm: np.ndarray
    brain: np.ndarray

    def values(self, tissue: str) -> np.ndarray:
        """Grey values of one tissue, (n,).

        Parameters
        ----------
        tissue : {"csf", "gm", "wm"}

        Raises
        ------
        MeasurementError
            When it has fewer than `MIN_VOXELS` voxels.
        """
        return self._values[tissue] if tissue in self._values else self._take(tissue)

    def median(self, tissue: str) -> float:
        """Median grey value of one tissue."""
        return float(np.median(self.values(tissue)))

    def mad(self, tissue: str) -> float:
        """Median absolute deviation of one tissue, scaled to the standard deviation of a normal one."""
        return mad(self.values(tissue))

    @cached_property
    def inner_wm(self) -> np.ndarray:
        """White matter without its outermost voxels, where other tissue shines in, bool (I, J, K)."""
        return ndimage.binary_erosion(self.wm, ndimage.generate_binary_structure(3, 2))

    @cached_property
    def brain_values(self) -> np.ndarray:
        """Grey values inside the brain, (n,)."""
        return self.data[self.brain]

    @cached_property
    def _values(self) -> dict[str, np.ndarray]:
        return {}

    def _take(self, tissue: str) -> np.ndarray:
        values = self.data[getattr(self, tissue)]
        if len(values) < MIN_VOXELS:
            raise MeasurementError(
                f"{len(values)} voxels of {NAMES[tissue]}; at least {MIN_VOXELS} are needed"
            )
        self._values[tissue] = values
        return values


def mad(values: np.ndarray) -> float:
    """Median absolute deviation over 0.6745, the normal distribution's third quartile.

    Examples
    --------
    >>> round(mad(np.array([1.0, 2.0, 3.0, 4.0, 100.0])), 4)
    1.4826
    """
    return float(np.median(np.abs(values - np.median(values)))) / 0.6744897501960817


def tissue_masks(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Masks of ventricles (``csf``), cortex (``gm``), cerebral white matter (``wm``) and ``brain``.

    Parameters
    ----------
    labels : ndarray of int, (I, J, K)
        FreeSurfer's labels; what it does not name counts as background.

    Returns
    -------
    dict of str to ndarray of bool, (I, J, K)
    """
    bits = _lookup()
    codes = np.where((labels >= 0) & (labels < len(bits)), labels, 0)
    membership = bits[codes]
    return {name: (membership & bit) > 0 for name, bit in _BITS.items()}


_BITS = {"csf": 1, "gm": 2, "wm": 4, "brain": 8}


@cache
def _lookup() -> np.ndarray:
    table = np.zeros(max(s.index for s in STRUCTURES) + 1, np.uint8)
    for structure in STRUCTURES:
        table[structure.index] = sum(_BITS[name] for name in _groups(structure))
    return table


def _groups(structure: Structure) -> tuple[str, ...]:
    if structure.tissue in _OUTSIDE or structure.name in ("CSF", "Optic-Chiasm"):
        return ()
    whole = structure.part_of or structure.region
    if whole == "Cerebral-Cortex":
        return ("gm", "brain")
    if whole == "Cerebral-White-Matter":
        return ("wm", "brain")
    ventricle = structure.region in _VENTRICLES or (
        structure.part_of in _VENTRICLES and structure.tissue == "csf"
    )
    return ("csf", "brain") if ventricle else ("brain",)
