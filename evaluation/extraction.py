"""The registry of extractors: what turns an image into a vector, and what names the result.

An extractor asks by the names of its parameters: ``brain`` (one standard brain) and returns a vector, or
``volumes`` or ``measures`` (tables of the whole cohort) and returns a matrix. Further parameters are options.
No extractor is the right one: each sees something else, and two that agree say more than one.
"""

import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.registry import Plugin, Registry
from plausibrain.evaluation.standard_brain import VERSION as BRAIN_VERSION

EXTRACTORS = Registry("extractors")
REQUESTS = ("brain", "volumes", "measures")
Function = Callable[..., np.ndarray]


def extractor(
    *,
    label: str,
    default: bool = False,
    image_space: bool = False,
    source: tuple[str, ...] = (),
    requires: tuple[str, ...] = (),
    version: int = 1,
) -> Callable[[Function], Function]:
    """Register an extractor.

    Parameters
    ----------
    label, source, requires
        As in `plausibrain.cohorts.registry.Plugin`.
    default : bool
        Whether a run extracts it unasked.
    image_space : bool
        Whether the vector is the image itself, at low resolution: copies are looked for in it.
    version : int
        Raise when the definition changes: stored vectors are extracted again.
    """
    options: dict[str, Any] = {"default": default, "image_space": image_space, "version": version}
    return EXTRACTORS.register(label=label, unit="", source=source, requires=requires, options=options)


@cache
def extractors() -> Registry:
    """Return the registry after every extractor was imported."""
    return EXTRACTORS.discover("plausibrain.evaluation.extractors")


def default_extractors() -> list[str]:
    """Return the names of the extractors that a run uses unasked."""
    return [plugin.name for plugin in extractors() if plugin.options["default"]]


def per_image(plugin: Plugin) -> bool:
    """Tell whether the extractor works on images one by one; the others work on tables."""
    return "brain" in plugin.parameters


def check_options(plugin: Plugin, options: Mapping[str, Any]) -> None:
    """Raise a `DataError` for an option that an extractor does not have, or lacks."""
    parameters = inspect.signature(plugin.function).parameters
    known = [name for name in parameters if name not in REQUESTS]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise DataError(
            f"extractor {plugin.name!r} has no option {', '.join(unknown)}; "
            f"it has {', '.join(known) or 'none'}"
        )
    absent = [n for n in known if parameters[n].default is inspect.Parameter.empty and n not in options]
    if absent:
        raise DataError(f"extractor {plugin.name!r} needs the option {', '.join(absent)}")


def full_name(plugin: Plugin, options: Mapping[str, Any], *, voxel_mm: float) -> str:
    """Return the name under which vectors are kept: the extractor and a hash of all that decides them.

    The hash covers weights (the module's ``weights_hash(**options)``, if it has one), options, versions and
    the voxel size of the standard brain. Vectors of different hashes are never compared.

    Examples
    --------
    >>> name = full_name(extractors()["low_resolution"], {}, voxel_mm=1.0)
    >>> name.partition(":")[0], len(name.partition(":")[2])
    ('low_resolution', 8)
    """
    check_options(plugin, options)
    hashed = getattr(sys.modules[plugin.module], "weights_hash", None)
    settings = {name: str(value) for name, value in sorted(options.items()) if name != "weights"}
    parts = [
        plugin.name, plugin.options["version"], settings, hashed(**options) if hashed else "",
        [BRAIN_VERSION, voxel_mm] if per_image(plugin) else "",
    ]  # fmt: skip
    return f"{plugin.name}:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]}"
