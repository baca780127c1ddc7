"""Measuring the quality of one image, through the store.

An entry belongs to (content of image and labels, working resolution) and holds the numbers of every measure
with its version, so that a measure that is new, or defined anew, is measured alone.
"""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plausibrain.cohorts.errors import PlausibrainError, ToolError
from plausibrain.cohorts.store import Store
from plausibrain.evaluation.measuring import Measure, Value, all_measures, measure_scan
from plausibrain.evaluation.open_image import OpenImage

#: Raise when the conditioning, or the form of a stored result, changes.
_FORM = 2


@dataclass(frozen=True)
class Measured:
    """What became of one image.

    Attributes
    ----------
    values : tuple of Value
        Empty when the image failed.
    remarks : tuple of str
        What had to be done to the image before it could be measured.
    failure : str
        Why there are no values.
    seconds : float
    fresh : bool
        Measured in this run, not found in the store.
    """

    values: tuple[Value, ...] = ()
    remarks: tuple[str, ...] = ()
    failure: str = ""
    seconds: float = math.nan
    fresh: bool = True


@dataclass(frozen=True)
class _Kept:
    """Numbers of one image by measure and version, as they lie in the store."""

    values: Mapping[str, Sequence[Value]]
    remarks: tuple[str, ...]
    seconds: float


def measure_files(image: Path, labels: Path, *, voxel_mm: float, store: Store) -> Measured:
    """Measure one image file, or read it from the store; see `measure_image`."""
    return measure_image(OpenImage(image, labels), voxel_mm=voxel_mm, store=store)


def measure_image(image: OpenImage, *, voxel_mm: float, store: Store) -> Measured:
    """Measure one image, or read it from the store; a bad file is a failure with a reason.

    Parameters
    ----------
    image : OpenImage
        With labels.
    voxel_mm : float
    store : Store
    """
    try:
        key = Store.key("measures", image.hash, image.labels_hash, voxel_mm, _FORM)
        record = _read_stored(key, store)
        values = dict(record.values) if record is not None else {}
        lacking = [plugin for plugin in all_measures() if _name(plugin) not in values]
        if record is not None and not lacking:
            return Measured(_in_order(values), record.remarks, seconds=record.seconds, fresh=False)
        start = time.perf_counter()
        scan = image.scan(voxel_mm)
        for plugin in lacking:
            values[_name(plugin)] = measure_scan(scan, [plugin])
    except ToolError:
        raise
    except PlausibrainError as error:
        return Measured(failure=str(error))
    seconds = time.perf_counter() - start + (record.seconds if record is not None else 0.0)
    _keep(_Kept(values, scan.remarks, seconds), key, store)
    return Measured(_in_order(values), scan.remarks, seconds=seconds)


def _name(plugin: Measure) -> str:
    return f"{plugin.name}:{plugin.version}"


def _in_order(values: Mapping[str, Sequence[Value]]) -> tuple[Value, ...]:
    return tuple(value for plugin in all_measures() for value in values[_name(plugin)])


def _keep(result: _Kept, key: str, store: Store) -> None:
    values = {
        name: [[v.metric, v.part, None if math.isnan(v.value) else v.value, v.reason] for v in numbers]
        for name, numbers in result.values.items()
    }
    content = {"values": values, "remarks": list(result.remarks), "seconds": result.seconds}
    store.put_text(key, ".json", json.dumps(content, allow_nan=False))


def _read_stored(key: str, store: Store) -> _Kept | None:
    path = store.get(key, ".json")
    try:
        content = json.loads(path.read_text()) if path is not None else None
        return None if content is None else _parse(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _parse(content: Mapping[str, Any]) -> _Kept:
    values = {
        name: [
            Value(metric, part, math.nan if value is None else float(value), reason)
            for metric, part, value, reason in numbers
        ]
        for name, numbers in content["values"].items()
    }
    return _Kept(values, tuple(content["remarks"]), float(content["seconds"]))
