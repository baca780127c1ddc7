"""Feature vectors of one image, through the store: what lies there is not extracted again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from plausibrain.cohorts.errors import DataError, PlausibrainError, ToolError
from plausibrain.cohorts.store import Store
from plausibrain.evaluation.extraction import (
    Extractor,
    check_options,
    default_extractors,
    extractors,
    full_name,
)
from plausibrain.evaluation.open_image import OpenImage
from plausibrain.evaluation.standard_brain import brain_key


@dataclass(frozen=True)
class NamedExtractor:
    """An extractor with its options, and its full name, which hashes weights and settings."""

    extractor: str
    options: Mapping[str, Any]
    name: str

    @property
    def plugin(self) -> Extractor:
        """The extractor itself, which other processes find by its name."""
        return extractors()[self.extractor]


@dataclass
class Vectors:
    """What became of one image.

    Attributes
    ----------
    keys : dict of str to str
        Full name of an extractor to the key under which its vector lies in the store.
    failures : dict of str to str
        Full name to the reason why there is none.
    fresh : bool
        Whether something was extracted in this run.
    """

    keys: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    fresh: bool = False


def named_extractors(
    names: Sequence[str] | None, options: Mapping[str, Mapping[str, Any]], voxel_mm: float
) -> list[NamedExtractor]:
    """Return extractors with their full names; the default ones where no names are given.

    Raises
    ------
    DataError
        For an unknown extractor or option.
    ToolError
        When the weights of an extractor cannot be read.
    """
    wishes = list(names) if names is not None else default_extractors()
    stray = sorted(set(options) - set(wishes))
    if stray:
        raise DataError(
            f"options for {', '.join(stray)}, which is not among the extractors {', '.join(wishes)}"
        )
    result = []
    for name in wishes:
        plugin, own_options = extractors()[name], dict(options.get(name, {}))
        check_options(plugin, own_options)
        result.append(NamedExtractor(name, own_options, full_name(plugin, own_options, voxel_mm=voxel_mm)))
    return result


def extract_image(
    image: OpenImage, plugins: Sequence[NamedExtractor], *, voxel_mm: float, store: Store
) -> Vectors:
    """Extract the vectors of one image that the store does not hold.

    Parameters
    ----------
    image : OpenImage
        With labels.
    plugins : sequence of NamedExtractor
        Those that work on images.
    voxel_mm : float
        Of the standard brain.
    store : Store
    """
    result = Vectors()
    try:
        source = brain_key(image.hash, image.labels_hash)
        keys = {e.name: Store.key("features", source, e.name) for e in plugins}
        todo = [e for e in plugins if not _take_stored(e.name, keys[e.name], store, result)]
        if todo:
            result.fresh = True
            brain = torch.from_numpy(image.brain(voxel_mm))
            for extractor in todo:
                _extract(extractor, brain, keys[extractor.name], store, result)
    except ToolError:
        raise
    except PlausibrainError as error:
        return Vectors({}, {e.name: str(error) for e in plugins}, result.fresh)
    return result


def _take_stored(name: str, key: str, store: Store, result: Vectors) -> bool:
    if store.get(key, ".npy") is not None:
        result.keys[name] = key
        return True
    path = store.get(key, ".json")
    if path is not None:
        result.failures[name] = json.loads(path.read_text(encoding="utf-8"))["reason"]
    return path is not None


def _extract(extractor: NamedExtractor, brain: torch.Tensor, key: str, store: Store, result: Vectors) -> None:
    vector = np.asarray(extractor.plugin(brain=brain, **extractor.options), dtype=np.float32).ravel()
    if np.isfinite(vector).all():
        store.put(key, ".npy", lambda path: np.save(path, vector, allow_pickle=False))
        result.keys[extractor.name] = key
        return
    reason = f"{int((~np.isfinite(vector)).sum())} of {len(vector)} features are not finite"
    store.put_text(key, ".json", json.dumps({"reason": reason}))
    result.failures[extractor.name] = reason
