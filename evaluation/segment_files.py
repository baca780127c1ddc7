"""Segmenting image files one by one or batch by batch, through the store."""

import inspect
import json
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from plausibrain.cohorts.arithmetic import arithmetic_of, choose_device
from plausibrain.cohorts.errors import DataError, PlausibrainError, ToolError
from plausibrain.cohorts.registry import Registry
from plausibrain.cohorts.store import Store, hash_file
from plausibrain.cohorts.volumes import Volume, write_label_map
from plausibrain.evaluation.image_contract import check_image
from plausibrain.evaluation.open_image import OpenImage
from plausibrain.evaluation.segmentation import SEGMENTERS, Segmentation, Segmenter, failed

#: Raise when a stored result changes its form.
_FORM = 2
_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True)
class Outcome:
    """A segmentation as it is kept: numbers, and the path of its label map.

    Attributes
    ----------
    status : str
        ``ok``, ``flagged`` or ``failed``.
    reasons, remarks : tuple of str
    volumes, qc, facts : dict of str to float
        As in `Segmentation`.
    labels : Path or None
        Label map on the image's own grid.
    labels_hash : str
        SHA-256 of that file.
    arithmetic : str
        Device and precision of the network; empty where there is none.
    seconds, peak_memory_mb : float
        Wall time of this image; largest memory of the process so far.
    fresh : bool
        Made in this run, not found in the store.
    """

    status: str
    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    volumes: dict[str, float] = field(default_factory=dict)
    qc: dict[str, float] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)
    segmenter: str = ""
    version: str = ""
    labels: Path | None = None
    labels_hash: str = ""
    arithmetic: str = ""
    seconds: float = float("nan")
    peak_memory_mb: float = float("nan")
    fresh: bool = True

    @classmethod
    def failure(cls, segmenter: str, reason: str) -> "Outcome":
        """Return the outcome of an image that could not be segmented."""
        return cls("failed", (reason,), segmenter=segmenter)


@cache
def segmenters() -> Registry:
    """Return the registry after every segmenter was imported."""
    return SEGMENTERS.discover("plausibrain.evaluation.segmenters")


def with_device(segmenter: str, options: Mapping[str, Any], device: str) -> dict[str, Any]:
    """Return the options of a segmenter with the device that its network runs on, if it has one.

    What ``auto`` means is decided where the network runs, which may be another machine.

    Parameters
    ----------
    segmenter : str
    options : mapping
        A ``device`` here goes before the other.
    device : str
        As in `plausibrain.cohorts.arithmetic.choose_device`.
    """
    if "device" not in segmenters()[segmenter].parameters:
        return dict(options)
    return {"device": device, **options}


def check_segmenter(segmenter: str, options: Mapping[str, Any]) -> None:
    """Raise `DataError` when there is no segmenter of this name, or it has no such option."""
    plugin = segmenters()[segmenter]
    _check_options(plugin, options)
    typed_options(plugin, options)


def batch_size(segmenter: str) -> int:
    """Return how many images a segmenter takes at a time (1, unless it asks for ``paths``)."""
    plugin = segmenters()[segmenter]
    return plugin.batch_size if "paths" in plugin.parameters else 1


def segment_files(
    paths: Sequence[Path], *, segmenter: str, options: Mapping[str, Any], store: Store
) -> list[Outcome]:
    """Return one outcome per image, see `segment_images`."""
    images = [OpenImage(path) for path in paths]
    return segment_images(images, segmenter=segmenter, options=options, store=store)


def segment_images(
    images: Sequence[OpenImage], *, segmenter: str, options: Mapping[str, Any], store: Store
) -> list[Outcome]:
    """Return one outcome per image, from the store where it is there, and give each image its labels.

    Parameters
    ----------
    images : sequence of OpenImage
    segmenter : str
        Name in `SEGMENTERS`.
    options : mapping
        Further arguments of the segmenter.
    store : Store

    Raises
    ------
    DataError
        For an unknown segmenter or option.
    ToolError
        When the segmenter cannot run at all (an external program or its files are missing).
    """
    plugin = segmenters()[segmenter]
    _check_options(plugin, options)
    options = typed_options(plugin, options)
    if "device" in options:
        options["device"] = choose_device(str(options["device"]))
    keys = [_key(image, plugin, options) for image in images]
    outcomes = [_read_stored(key, store) if key else None for key in keys]
    todo = [k for k, outcome in enumerate(outcomes) if outcome is None]
    arithmetic = _arithmetic(plugin, options)
    results = _segment_batch([images[k] for k in todo], plugin, options) if todo else []
    for k, (result, seconds) in zip(todo, results, strict=True):
        outcomes[k] = _keep(result, seconds, keys[k], store, images[k], arithmetic)
    for k, outcome in enumerate(outcomes):
        if k not in todo and outcome is not None and outcome.labels is not None:
            images[k].label_later(outcome.labels, outcome.labels_hash)
    return [outcome for outcome in outcomes if outcome is not None]


def _check_options(plugin: Segmenter, options: Mapping[str, Any]) -> None:
    requests = {"image", "path", "paths"}
    choices = [name for name in plugin.parameters if name not in requests]
    unknown = sorted(set(options) - set(choices))
    if unknown:
        raise DataError(
            f"segmenter {plugin.name!r} has no option {', '.join(unknown)}; "
            f"it has {', '.join(choices) or 'none'}"
        )
    absent = [
        name
        for name, parameter in inspect.signature(plugin.function).parameters.items()
        if parameter.default is parameter.empty and name not in requests and name not in options
    ]
    if absent:
        raise DataError(f"segmenter {plugin.name!r} needs the option {', '.join(absent)}")


def typed_options(plugin: Segmenter, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options in the types of the parameters; a command line gives every value as text.

    Raises
    ------
    DataError
        For a text that is no value of its type.
    """
    parameters = inspect.signature(plugin.function).parameters
    return {name: _in_type(parameters[name].annotation, name, value) for name, value in options.items()}


def _in_type(kind: Any, name: str, value: Any) -> Any:  # noqa: ANN401, RUF100
    """Return a value in the type of its parameter: a command line gives text, YAML a number for a flag."""
    if kind not in (bool, int, float) or isinstance(value, kind):
        return value
    try:
        return _TRUTH[str(value).strip().casefold()] if kind is bool else kind(value)
    except (KeyError, ValueError):
        what = "0 or 1" if kind is bool else "a whole number" if kind is int else "a number"
        raise DataError(f"option {name}={value}: expected {what}") from None


def _version(plugin: Segmenter, options: Mapping[str, Any]) -> str:
    """Return what else decides a result, weights or program: the module's ``version``, if it has one."""
    function = getattr(sys.modules[plugin.module], "version", None)
    if function is None:
        return ""
    parameters = inspect.signature(function).parameters
    return str(function(**{name: value for name, value in options.items() if name in parameters}))


def _key(image: OpenImage, plugin: Segmenter, options: Mapping[str, Any]) -> str | None:
    """Return the key of a result, or None for a file that cannot be read.

    What a network answers on another device, or in another arithmetic, has another key.

    A segmenter that reads more than the image names those files in ``further_inputs(path, **options)``.
    """
    own = {name: str(value) for name, value in options.items() if name != "device"}
    arithmetic = _arithmetic(plugin, options)
    further = getattr(sys.modules[plugin.module], "further_inputs", None)
    try:
        files = further(image.path, **options) if further else ()
        content = [image.hash, *(hash_file(file) for file in files)]
        return Store.key(content, plugin.name, _version(plugin, options), own, arithmetic, _FORM)
    except DataError:
        return None


def _arithmetic(plugin: Segmenter, options: Mapping[str, Any]) -> str:
    return arithmetic_of(str(options.get("device", "cpu"))) if "device" in plugin.parameters else ""


def _segment_batch(
    images: Sequence[OpenImage], plugin: Segmenter, options: Mapping[str, Any]
) -> list[tuple[Segmentation, float]]:
    if "paths" in plugin.parameters:
        return _segment_together(images, plugin, options)
    results = []
    for image in images:
        start = time.perf_counter()
        results.append((_segment_one(image, plugin, options), time.perf_counter() - start))
    return results


def _segment_one(source: OpenImage, plugin: Segmenter, options: Mapping[str, Any]) -> Segmentation:
    """Return the segmentation of one image; a fault of the image is a reason, one of the tool is raised."""
    version = _version(plugin, options)
    try:
        image = source.volume
        problems = check_image(image)
        if problems:
            return failed(plugin.name, version, *problems)
        request: dict[str, Volume | Path] = {"image": image, "path": source.path}
        inputs = {name: request[name] for name in plugin.parameters if name in request}
        result: Segmentation = plugin(**inputs, **options)
    except ToolError:
        raise
    except PlausibrainError as error:
        return failed(plugin.name, version, str(error))
    return replace(result, remarks=image.remarks)


def _segment_together(
    images: Sequence[OpenImage], plugin: Segmenter, options: Mapping[str, Any]
) -> list[tuple[Segmentation, float]]:
    """Return the segmentations of a batch for a tool that starts once for many images."""
    version = _version(plugin, options)
    results: dict[Path, Segmentation] = {}
    remarks: dict[Path, tuple[str, ...]] = {}
    paths = [image.path for image in images]
    for image in images:
        try:
            problems, remarks[image.path] = check_image(image.volume), image.volume.remarks
        except PlausibrainError as error:
            problems = (str(error),)
        if problems:
            results[image.path] = failed(plugin.name, version, *problems)
        image.forget()  # the tool reads the files itself, and a batch may not fit into memory
    good = [path for path in paths if path not in results]
    start = time.perf_counter()
    results |= dict(zip(good, plugin(paths=good, **options) if good else [], strict=True))
    seconds = (time.perf_counter() - start) / max(1, len(good))
    return [(replace(results[path], remarks=remarks.get(path, ())), seconds) for path in paths]


def _keep(
    result: Segmentation, seconds: float, key: str | None, store: Store, image: OpenImage, arithmetic: str
) -> Outcome:
    """Write labels, then numbers: an outcome that can be found has its labels."""
    labels = result.labels
    path, labels_hash = None, ""
    if labels is not None and key:
        path = store.put(key, ".nii.gz", lambda target: write_label_map(labels, target))
        labels_hash = image.label(labels, path)
    outcome = Outcome(
        result.status,
        tuple(result.reasons),
        tuple(result.remarks),
        {name: float(value) for name, value in result.volumes.items()},
        {name: float(value) for name, value in result.qc.items()},
        {name: float(value) for name, value in result.facts.items()},
        result.segmenter,
        result.version,
        path,
        labels_hash,
        arithmetic,
        seconds,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
    if key:
        content = {name: value for name, value in asdict(outcome).items() if name not in ("labels", "fresh")}
        content["has_labels"] = path is not None
        store.put_text(key, ".json", json.dumps(content))
    return outcome


def _read_stored(key: str, store: Store) -> Outcome | None:
    path = store.get(key, ".json")
    if path is None:
        return None
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    labels = store.get(key, ".nii.gz")
    if content.pop("has_labels") and labels is None:
        return None
    for name in ("reasons", "remarks"):
        content[name] = tuple(content[name])
    return Outcome(**content, labels=labels, fresh=False)
