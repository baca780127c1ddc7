"""The population model of anatomy: what ships, read once.

Everything lies in one symmetric atlas space, millimetres from the centre of the head, x to the right.
Because the model is symmetric, half of it is kept: the side of a point is the sign of its x. Signed
distances are negative inside.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from plausibrain.generation.simulator.spatial import resize

STEP_MM = 4.0
SHAPE = (47, 57, 54)
CENTRE = (23.0, 28.0, 26.5)
MODEL_FILE = "anatomy.npz"


@dataclass(frozen=True)
class Field:
    """Channels on a regular grid of the right half of atlas space.

    Attributes
    ----------
    data : Tensor, (C, I, J, K)
        Values; the first voxel of I lies on the midline.
    low_mm : Tensor, (3,)
        Atlas position of voxel (0, 0, 0).
    step_mm : float
        Distance between voxels.
    """

    data: Tensor
    low_mm: Tensor
    step_mm: float

    def voxels(self, places: Tensor) -> Tensor:
        """Return voxel coordinates of folded atlas positions (|x|, y, z), mm, (3, …)."""
        return (places - self.low_mm.to(places.device).view(3, 1, 1, 1)) / self.step_mm

    def to(self, device: torch.device) -> "Field":
        """Return the field on a device."""
        return Field(self.data.to(device), self.low_mm.to(device), self.step_mm)

    def halved(self) -> "Field":
        """Return the field at twice the step, for coarse grids."""
        means = torch.nn.functional.avg_pool3d(self.data[None], 3, 1, 1, count_include_pad=False)[0]
        return Field(means[:, ::2, ::2, ::2].contiguous(), self.low_mm, 2 * self.step_mm)


@dataclass(frozen=True)
class Anatomy:
    """The model, dequantised.

    Attributes
    ----------
    soft : Field
        Share of each coarse class at 4 mm; classes in `soft_names`.
    deep : Field
        Signed distance (mm) of each deep structure of the left side or the midline; ids in `deep_ids`.
    hull : Field
        Signed distance (mm) of head, skull and other envelopes; names in `hull_names`.
    cortex, cerebellum : Field
        Folding patterns: depth from the cerebral and the cerebellar white matter, mm, one channel a pattern.
    modes : Tensor, (M, 3, 47, 57, 54)
        Modes of shape as velocities, mm; one standard deviation each.
    """

    soft: Field
    soft_names: tuple[str, ...]
    deep: Field
    deep_ids: tuple[int, ...]
    hull: Field
    hull_names: tuple[str, ...]
    cortex: Field
    cerebellum: Field
    modes: Tensor

    def envelope(self, name: str) -> int:
        """Return the channel of an envelope."""
        return self.hull_names.index(name)


@cache
def load_anatomy(path: Path | None = None, *, coarse: bool = False) -> Anatomy:
    """Return the model shipped with the package, or one estimated elsewhere.

    Parameters
    ----------
    path : Path, optional
        ``anatomy.npz`` as written by `makers.anatomy.estimation`.
    coarse : bool
        Fields at 2 mm instead of 1 mm, for grids of 1.5 mm and more.

    Returns
    -------
    Anatomy
        On the CPU.
    """
    source = path or Path(str(resources.files("plausibrain.generation") / "data" / MODEL_FILE))
    with np.load(source, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    fields = {name: _field(arrays, name) for name in ("soft", "deep", "hull", "cortex", "cerebellum")}
    if coarse:
        fields |= {name: fields[name].halved() for name in ("deep", "cortex", "cerebellum")}
    return Anatomy(
        **fields,
        soft_names=tuple(str(name) for name in arrays["soft_names"]),
        deep_ids=tuple(int(label) for label in arrays["deep_ids"]),
        hull_names=tuple(str(name) for name in arrays["hull_names"]),
        modes=torch.stack([resize(mode, SHAPE) for mode in _dequantise(arrays, "modes")]),
    )


def _dequantise(arrays: dict[str, np.ndarray], name: str) -> Tensor:
    return torch.from_numpy(arrays[name].astype(np.float32) * float(arrays[f"{name}_scale"]))


def _field(arrays: dict[str, np.ndarray], name: str) -> Field:
    low = torch.from_numpy(arrays[f"{name}_low_mm"].astype(np.float32))
    return Field(_dequantise(arrays, name), low, float(arrays[f"{name}_step_mm"]))
