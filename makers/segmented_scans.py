"""Segmented images before their check for plausibility, kept on disk, for calibration and benchmarks.

Segmenting costs ten to twenty processor seconds, looking at the result with other limits two. Labels, the
image without its head and all numbers therefore lie in a store under a key of the image and the network.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from plausibrain.cohorts.store import Store, write_text_atomic
from plausibrain.cohorts.volumes import LabelMap, Volume, to_canonical
from plausibrain.evaluation.plausibility.judging import with_plausibility
from plausibrain.evaluation.segmentation import Segmentation
from plausibrain.evaluation.segmenters.synthseg_style import network_version, segment_brain

_FORM = 1
#: Segmenters by the size of the voxels in which the network answers, mm.
SEGMENTERS = {1: "synthseg_style", 2: "synthseg_style_2mm"}


@dataclass(frozen=True, eq=False)
class SegmentedScan:
    """A segmentation that nobody checked for plausibility yet.

    Attributes
    ----------
    result : Segmentation
    brain : Volume
        The image without its head, in canonical orientation.
    seconds : float
        Processor seconds of segmenting.
    """

    result: Segmentation
    brain: Volume
    seconds: float

    @property
    def checked(self) -> Segmentation:
        """The segmentation as `plausibrain segment` writes it."""
        return with_plausibility(self.result, self.brain)


def segmented_scan(
    make_image: Callable[[], Volume], name: tuple[object, ...], answer_mm: int, store: Store
) -> SegmentedScan:
    """Return the segmentation of an image, from the store where it is there.

    Parameters
    ----------
    make_image : callable
        Called only when the store has no result.
    name : tuple
        What decides the image: hash of its file, what was done to it, seeds.
    answer_mm : {1, 2}
    store : Store
    """
    key = Store.key("segmented scan", name, answer_mm, network_version(answer_mm), _FORM)
    numbers, arrays = store.get(key, ".json"), store.get(key, ".npz")
    if numbers is None or arrays is None:
        start = time.process_time()
        result, brain = segment_brain(make_image(), answer_mm, name=SEGMENTERS[answer_mm])
        scan = SegmentedScan(result, to_canonical(brain), time.process_time() - start)
        arrays = store.put(key, ".npz", partial(_write_arrays, scan))
        numbers = store.put(key, ".json", partial(_write_numbers, scan))
        print(f"{name}: {scan.seconds:.0f} s", flush=True)
    return _read_stored(numbers, arrays)


def _write_arrays(scan: SegmentedScan, path: Path) -> None:
    if scan.result.labels is None:
        raise ValueError("a segmentation without labels cannot be kept")
    labels = to_canonical(scan.result.labels)
    with path.open("wb") as file:
        np.savez(file, brain=scan.brain.data, labels=labels.data.astype(np.uint8), affine=labels.affine)


def _write_numbers(scan: SegmentedScan, path: Path) -> None:
    result = scan.result
    content = {
        "volumes": dict(result.volumes), "qc": dict(result.qc), "facts": dict(result.facts),
        "segmenter": result.segmenter, "version": result.version, "status": result.status,
        "reasons": list(result.reasons), "seconds": scan.seconds,
    }  # fmt: skip
    write_text_atomic(path, json.dumps(content))


def _read_stored(numbers: Path, arrays: Path) -> SegmentedScan:
    content = json.loads(numbers.read_text())
    seconds = content.pop("seconds")
    with np.load(arrays) as archive:
        affine = archive["affine"]
        labels, brain = LabelMap(archive["labels"].astype(np.int32), affine), Volume(archive["brain"], affine)
    content["reasons"] = tuple(content["reasons"])
    return SegmentedScan(Segmentation(labels, **content), brain, seconds)
