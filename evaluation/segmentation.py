"""The result of every segmenter, and the contract it is held to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from plausibrain.cohorts.registry import Plugin, Registry
from plausibrain.cohorts.structures import TIV
from plausibrain.cohorts.volume_sums import HEAD_SIZE_MM3
from plausibrain.cohorts.volumes import LabelMap, Volume
from plausibrain.evaluation.field_of_view import cut_faces
from plausibrain.evaluation.orientation import orientation_reasons


@dataclass(frozen=True, kw_only=True)
class Segmenter(Plugin):
    """A segmenter; it asks by the names of its parameters: ``image``, ``path`` or ``paths``.

    ``image`` is a Volume, ``path`` the file of one image and ``paths`` those of a whole batch; further
    parameters are options. It returns a `Segmentation`, or a list of them for ``paths``.

    Parameters
    ----------
    batch_size : int
        Images given at a time to one that asks for ``paths``.
    external : bool
        Whether it runs a program of its own.
    """

    batch_size: int = 1
    external: bool = False


SEGMENTERS = Registry("segmenters", Segmenter)

#: Quality groups of SynthSeg's tables and the structures in them.
QC_GROUPS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "general white matter": (2, 41),
        "general grey matter": (3, 42),
        "general csf": (4, 5, 14, 15, 24, 43, 44),
        "cerebellum": (7, 8, 46, 47),
        "brainstem": (16, 28, 60),
        "thalamus": (10, 49),
        "putamen+pallidum": (12, 13, 51, 52),
        "hippocampus+amygdala": (17, 18, 53, 54),
    }
)
#: Total intracranial volume, mm3; a stripped image has less fluid.
TIV_RANGE_MM3 = HEAD_SIZE_MM3
#: Structures that some subjects, or some protocols, truly do not have at 1 mm.
MAY_BE_EMPTY = ("CSF", "Left-Inf-Lat-Vent", "Right-Inf-Lat-Vent")
#: SynthSeg's own threshold: a group below it is not to be trusted.
QC_THRESHOLD = 0.65


@dataclass(frozen=True, eq=False)
class Segmentation:
    """One segmented image.

    Attributes
    ----------
    labels : LabelMap or None
        FreeSurfer ids on the image's own grid; None when only volumes are known.
    volumes : mapping of str to float
        Structure name to mm3, and ``TIV``.
    qc : mapping of str to float
        Group of structures to predicted Dice, 0 to 1; empty when the segmenter gives none.
    facts : mapping of str to float
        Topology and clean-up: numbers of pieces, of cavities, share removed.
    segmenter, version : str
    status : str
        ``ok``, ``flagged`` (a result with reservations) or ``failed``.
    reasons : tuple of str
        Why the status is not ``ok``.
    remarks : tuple of str
        What was odd in the header of the image; the result is none the worse for it.
    """

    labels: LabelMap | None
    volumes: Mapping[str, float]
    qc: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)
    segmenter: str = "unknown"
    version: str = ""
    status: str = "ok"
    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def failed(segmenter: str, version: str, *reasons: str) -> Segmentation:
    """Return the result of an image that could not be segmented."""
    return Segmentation(None, {}, segmenter=segmenter, version=version, status="failed", reasons=reasons)


def check_segmentation(
    result: Segmentation, structures: tuple[str, ...], image: Volume | None = None
) -> Segmentation:
    """Return the result with the status and the reasons that the output contract demands.

    Parameters
    ----------
    result : Segmentation
    structures : tuple of str
        Names of the structures that the segmenter promises.
    image : Volume, optional
        The image; its grid must be that of the labels.
    """
    if result.status == "failed":
        return result
    reasons = (
        *result.reasons,
        *_check_volumes(result, structures),
        *_check_quality(result),
        *_check_grid(result, image),
        *_check_labels(result),
    )
    return replace(result, status="flagged" if reasons else "ok", reasons=reasons)


def _check_volumes(result: Segmentation, structures: tuple[str, ...]) -> list[str]:
    absent = [name for name in structures if name not in result.volumes]
    reasons = [f"no volume for {', '.join(absent)}"] if absent else []
    broken = [name for name, mm3 in result.volumes.items() if not np.isfinite(mm3) or mm3 < 0]
    reasons += [f"not a volume: {name} = {result.volumes[name]}" for name in broken]
    empty = [name for name in structures if result.volumes.get(name, 1.0) < 1.0 and name not in MAY_BE_EMPTY]
    reasons += [f"empty: {', '.join(empty)}"] if empty else []
    tiv = result.volumes.get(TIV)
    low, high = TIV_RANGE_MM3
    if tiv is not None and not low <= tiv <= high:
        reasons.append(f"TIV is {tiv / 1000:.0f} mL; expected {low / 1000:.0f} to {high / 1000:.0f} mL")
    return reasons


def _check_quality(result: Segmentation) -> list[str]:
    low = {group: score for group, score in result.qc.items() if not score >= QC_THRESHOLD}
    scores = ", ".join(f"{group} {score:.2f}" for group, score in low.items())
    return [f"predicted Dice below {QC_THRESHOLD}: {scores}"] if low else []


def _check_grid(result: Segmentation, image: Volume | None) -> list[str]:
    if image is None or result.labels is None:
        return []
    same = result.labels.shape == image.shape and np.allclose(result.labels.affine, image.affine, atol=1e-3)
    return (
        []
        if same
        else [f"labels of shape {result.labels.shape} are not on the grid of the image {image.shape}"]
    )


def _check_labels(result: Segmentation) -> tuple[str, ...]:
    if result.labels is None:
        return ()
    return (*cut_faces(result.labels), *orientation_reasons(result.labels))
