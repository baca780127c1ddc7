"""SynthSeg's own networks, read from its released files into torch; no TensorFlow.

The user places the files: ``synthseg_2.0.h5`` (needed), ``synthseg_parc_2.0.h5``, ``synthseg_qc_2.0.h5`` with
``synthseg_qc_labels_2.0.npy``, and ``synthseg_topological_classes_2.0.npy`` with
``synthseg_segmentation_labels_2.0.npy``, all from the SynthSeg release. Steps before and after the networks
follow the official program: 1 mm, aligned axes, intensities between the 0.5th and 99.5th percentile, mean
with the mirrored image, posteriors smoothed by 0.5 voxels, largest component of the brain and of each
topological class, volumes as sums of posteriors.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.cohorts.store import hash_file
from plausibrain.cohorts.structures import STRUCTURES, TIV, names, structure
from plausibrain.cohorts.text_files import require_regular_file
from plausibrain.cohorts.volumes import LabelMap, Volume, resample, to_canonical
from plausibrain.evaluation.networks.half_resolution_unet import channels_last
from plausibrain.evaluation.networks.synthseg_network import (
    SynthSegQuality,
    SynthSegUNet,
    load_keras_weights,
    read_keras_weights,
)
from plausibrain.evaluation.segmentation import QC_GROUPS, SEGMENTERS, Segmentation, check_segmentation
from plausibrain.evaluation.working_grid import nearest_on

NAME = "synthseg"
#: Channels of the segmentation: background and the 32 structures, by id.
LABELS = np.array(sorted({0} | {structure(name).index for name in names("aseg")}))
#: Channels of the parcellation: background and the 68 Desikan-Killiany parcels, by id.
PARCELS = np.array(sorted({0} | {s.index for s in STRUCTURES if s.atlas == "dk"}))
_CONNECTING = 0.25
_QC_SIDE = 224
_MULTIPLE = 32
_MOST_LABEL_BYTES = 2**16


@dataclass(frozen=True)
class Networks:
    """The networks found in a folder.

    Attributes
    ----------
    segmentation : SynthSegUNet
    parcellation, quality : Module or None
    topology, quality_labels : ndarray of int or None, (33,)
        Topological class and quality group of each channel.
    """

    segmentation: SynthSegUNet
    parcellation: SynthSegUNet | None
    quality: SynthSegQuality | None
    topology: np.ndarray | None
    quality_labels: np.ndarray | None


@SEGMENTERS.register(
    label="SynthSeg 2.0 (official networks in torch)",
    source=("Billot2023",),
    requires=("h5py",),
    methods="Regional volumes come from the released networks of SynthSeg [@Billot2023], run in PyTorch.",
)
def synthseg_torch(image: Volume, *, networks: str, device: str = "cpu") -> Segmentation:
    """Segment an image with SynthSeg's released networks.

    Parameters
    ----------
    image : Volume, (I, J, K)
    networks : str
        Folder that holds the files; see the module.
    device : str

    Returns
    -------
    Segmentation
        With the Desikan-Killiany parcels and quality scores where their networks are there.

    Raises
    ------
    ToolError
        When ``synthseg_2.0.h5`` is not in the folder.
    DataError
        When a file is not the network expected.
    """
    nets = read_networks(networks, device)
    regular = _prepare(image)
    data, inner = _pad(_rescale(regular.data))
    batch = torch.from_numpy(data)[None, None].to(device)
    posteriors = clean(predict(nets.segmentation, batch), nets.topology)
    labels = LABELS[posteriors.argmax(0).numpy()]
    volumes = _volumes(posteriors[(slice(None), *inner)], LABELS, regular.voxel_volume_mm3)
    volumes[TIV] = sum(volumes.values())
    quality = _quality(nets, labels, device)
    structures = names("aseg")
    if nets.parcellation is not None:
        labels, parcels = _parcellate(nets.parcellation, batch, labels, inner, regular.voxel_volume_mm3)
        volumes |= scaled_to_cortex(parcels, volumes)
        structures = (*structures, *names("dk"))
    own = nearest_on(LabelMap(labels[inner], regular.affine), image)
    result = Segmentation(own, volumes, quality, {}, NAME, version(networks))
    return check_segmentation(result, structures, image)


@lru_cache(maxsize=4)
def version(networks: str) -> str:
    """Return the first digits of the hashes of the network files in a folder."""
    files = sorted(Path(networks).glob("synthseg_*2.0*"))
    return "2.0-" + "-".join(hash_file(path)[:6] for path in files)


@lru_cache(maxsize=1)
def read_networks(folder: str, device: str) -> Networks:
    """Return the networks in a folder, on a device, ready to run."""
    where = Path(folder)
    if not (where / "synthseg_2.0.h5").is_file():
        raise ToolError(
            f"{where}: no synthseg_2.0.h5; download the SynthSeg 2.0 models "
            "(see github.com/BBillot/SynthSeg) and place them there"
        )
    segmentation = _load(SynthSegUNet(len(LABELS)), where / "synthseg_2.0.h5", device)
    parcellation = _optional(
        SynthSegUNet(len(PARCELS), 3, "unet_parc"), where / "synthseg_parc_2.0.h5", device
    )
    groups = _per_channel(where, "synthseg_qc_labels_2.0.npy")
    quality = None
    if groups is not None:
        quality = _optional(SynthSegQuality(len(np.unique(groups))), where / "synthseg_qc_2.0.h5", device)
    topology = _per_channel(where, "synthseg_topological_classes_2.0.npy")
    return Networks(segmentation, parcellation, quality, topology, groups)  # type: ignore[arg-type]


def _load(network: nn.Module, path: Path, device: str) -> nn.Module:
    load_keras_weights(network, read_keras_weights(path), path)
    return channels_last(network.eval(), device)


def _optional(network: nn.Module, path: Path, device: str) -> nn.Module | None:
    return _load(network, path, device) if path.is_file() else None


def _per_channel(folder: Path, name: str) -> np.ndarray | None:
    """Return a value per channel from an array with one value per label of the released label list."""
    if not (folder / name).is_file():
        return None
    values = _whole_numbers(folder / name)
    list_path = folder / "synthseg_segmentation_labels_2.0.npy"
    labels = _whole_numbers(list_path) if list_path.is_file() else LABELS
    _, first = np.unique(labels, return_index=True)
    if len(values) != len(labels) or len(first) != len(LABELS):
        raise ToolError(
            f"{folder / name}: {len(values)} values for {len(labels)} labels; use files of one release"
        )
    return np.asarray(values[first])


def _whole_numbers(path: Path) -> np.ndarray:
    """Return the short list of whole numbers in an array file; `DataError` when it holds anything else."""
    require_regular_file(path, max_bytes=_MOST_LABEL_BYTES)
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise DataError(f"{path}: no readable array ({str(error)[:200]}); download it again") from error
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "iu":
        raise DataError(f"{path}: expected one row of whole numbers; download it again")
    return values


def _prepare(image: Volume) -> Volume:
    canonical = to_canonical(image)
    sizes = np.asarray(canonical.voxel_size_mm)
    if np.all(np.abs(sizes - 1) <= 0.05):
        return canonical
    sigma = np.where(sizes < 1, 0.25 / sizes, 0.0)
    smooth = ndimage.gaussian_filter(canonical.data, sigma) if sigma.any() else canonical.data
    return resample(Volume(smooth, canonical.affine), 1.0)


def _rescale(data: np.ndarray) -> np.ndarray:
    low, high = np.percentile(data, (0.5, 99.5))
    return np.asarray((np.clip(data, low, high) - low) / max(high - low, 1e-12), np.float32)


def _pad(data: np.ndarray, multiple: int = _MULTIPLE) -> tuple[np.ndarray, tuple[slice, slice, slice]]:
    """Return the image centred in a box whose sides are multiples of 32, and where it lies."""
    before = [(-n % multiple) // 2 for n in data.shape]
    after = [-n % multiple - b for n, b in zip(data.shape, before, strict=True)]
    i, j, k = (slice(b, b + n) for b, n in zip(before, data.shape, strict=True))
    return np.pad(data, list(zip(before, after, strict=True))), (i, j, k)


@torch.no_grad()
def predict(network: SynthSegUNet, batch: Tensor) -> Tensor:
    """Return the smoothed posteriors of an image, averaged with those of its mirror image, (33, I, J, K).

    Parameters
    ----------
    batch : Tensor, (1, 1, I, J, K)
        RAS; the first axis is mirrored.
    """
    posteriors = _smooth(network(batch)[0]).cpu()
    mirror = _smooth(network(batch.flip(2))[0]).cpu()
    swap = _swapped_channels()
    for channel in range(len(LABELS)):
        posteriors[channel].add_(mirror[swap[channel]].flip(0)).mul_(0.5)
    return posteriors


def _swapped_channels() -> list[int]:
    """Return for each channel that of the same structure on the other side."""
    from plausibrain.cohorts.structures import homologue

    place = {int(label): k for k, label in enumerate(LABELS)}
    channels = []
    for label in LABELS:
        other = homologue(structure(int(label)).name) if label else None
        channels.append(place[structure(other).index] if other else place[int(label)])
    return channels


def _smooth(posteriors: Tensor, sigma: float = 0.5) -> Tensor:
    """Return the posteriors, (C, I, J, K), blurred by a Gaussian of 0.5 voxels (three taps), zero outside."""
    side = math.exp(-0.5 / sigma**2)
    middle, side = 1 / (1 + 2 * side), side / (1 + 2 * side)
    for axis in (1, 2, 3):
        n = posteriors.shape[axis]
        out = posteriors * middle
        out.narrow(axis, 1, n - 1).add_(posteriors.narrow(axis, 0, n - 1), alpha=side)
        out.narrow(axis, 0, n - 1).add_(posteriors.narrow(axis, 1, n - 1), alpha=side)
        posteriors = out
    return posteriors


def clean(posteriors: Tensor, topology: np.ndarray | None) -> Tensor:
    """Return the posteriors without stray pieces, normalised.

    Parameters
    ----------
    posteriors : Tensor, (33, I, J, K)
        Changed in place.
    topology : ndarray of int, (33,), optional
        Channels of one class are connected together; class 0 is left alone. Without it every channel is a
        class.
    """
    brain = _largest((posteriors[1:].sum(0) > _CONNECTING).numpy())
    posteriors[1:] *= brain
    classes = np.arange(len(LABELS)) if topology is None else topology
    for number in np.unique(classes)[1:]:
        members = np.flatnonzero(classes == number)
        mask = (posteriors[members] > _CONNECTING).any(0).numpy()
        posteriors[members] *= _largest(mask)
    return posteriors.div_(posteriors.sum(0).clamp_min(1e-12))


def _largest(mask: np.ndarray) -> Tensor:
    pieces, n_pieces = ndimage.label(mask)
    if n_pieces <= 1:
        return torch.from_numpy(mask)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return torch.from_numpy(pieces == sizes.argmax())


def _volumes(posteriors: Tensor, labels: np.ndarray, voxel_mm3: float) -> dict[str, float]:
    sums = posteriors.sum((1, 2, 3), dtype=torch.float64) * voxel_mm3
    return {structure(int(label)).name: float(sums[k]) for k, label in enumerate(labels) if label}


def scaled_to_cortex(parcels: Mapping[str, float], volumes: Mapping[str, float]) -> dict[str, float]:
    """Return parcels scaled so that those of each hemisphere sum to the cortex of that hemisphere.

    As the official program does since its commit ca7ab2f; before, an index was wrong and they were scaled to
    cerebral white matter.

    Examples
    --------
    >>> cortex = {"Left-Cerebral-Cortex": 100.0, "Right-Cerebral-Cortex": 60.0}
    >>> scaled_to_cortex({"ctx-lh-cuneus": 1.0, "ctx-lh-insula": 3.0, "ctx-rh-cuneus": 2.0}, cortex)
    {'ctx-lh-cuneus': 25.0, 'ctx-lh-insula': 75.0, 'ctx-rh-cuneus': 60.0}
    """
    parcels_mm3: dict[str, float] = {}
    for prefix, cortex in (("ctx-lh-", "Left-Cerebral-Cortex"), ("ctx-rh-", "Right-Cerebral-Cortex")):
        own = {name: value for name, value in parcels.items() if name.startswith(prefix)}
        factor = volumes[cortex] / max(sum(own.values()), 1e-12)
        parcels_mm3 |= {name: value * factor for name, value in own.items()}
    return parcels_mm3


@torch.no_grad()
def _parcellate(
    network: SynthSegUNet,
    batch: Tensor,
    labels: np.ndarray,
    inner: tuple[slice, slice, slice],
    voxel_mm3: float,
) -> tuple[np.ndarray, dict[str, float]]:
    """Return labels with the cortex divided into parcels, and the volumes of the parcels before scaling."""
    cortex = torch.from_numpy(np.isin(labels, (3, 42)))
    maps = torch.stack([~cortex, cortex]).to(batch)[None]
    posteriors = _smooth(network(torch.cat([batch, maps], dim=1))[0]).cpu()
    posteriors[0] = (~cortex).float()
    posteriors.div_(posteriors.sum(0).clamp_min(1e-12))
    parcel = PARCELS[posteriors.argmax(0).numpy()]
    volumes = _volumes(posteriors[(slice(None), *inner)], PARCELS, voxel_mm3)
    return np.where(cortex.numpy(), parcel, labels), volumes


@torch.no_grad()
def _quality(nets: Networks, labels: np.ndarray, device: str) -> dict[str, float]:
    """Return SynthSeg's quality scores, 0 to 1, or nothing without its network."""
    if nets.quality is None or nets.quality_labels is None:
        return {}
    groups = nets.quality_labels[np.searchsorted(LABELS, _centre(labels))]
    codes = torch.from_numpy(np.searchsorted(np.unique(nets.quality_labels), groups))
    one_hot = functional.one_hot(codes, len(np.unique(nets.quality_labels))).permute(3, 0, 1, 2)
    scores = nets.quality(one_hot[None].float().to(device))[0, 1:].cpu().numpy()
    return {group: float(np.clip(score, 0, 1)) for group, score in zip(QC_GROUPS, scores, strict=True)}


def _centre(labels: np.ndarray, side: int = _QC_SIDE) -> np.ndarray:
    """Return a cube of labels around the middle of the brain, padded with background where the image ends."""
    inside = np.argwhere((labels != 0) & (labels != 24))
    low, high = (
        (inside.min(0), inside.max(0) + 1) if inside.size else (np.zeros(3, int), np.array(labels.shape))
    )
    start = low - np.ceil((side - (high - low)) / 2).astype(int)
    out = np.zeros((side,) * 3, labels.dtype)
    source = tuple(
        slice(max(0, s), max(0, min(n, s + side))) for s, n in zip(start, labels.shape, strict=True)
    )
    target = tuple(slice(part.start - s, part.stop - s) for part, s in zip(source, start, strict=True))
    out[target] = labels[source]
    return out
