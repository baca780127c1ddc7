"""The registry of extractors: what turns an image into a vector, and what names the result.

An extractor asks by the names of its parameters: ``brain`` (one standard brain) and returns a vector, or
``volumes`` or ``measures`` (tables of the whole cohort) and returns a matrix. Further parameters are options.
No extractor is the right one: each sees something else, and two that agree say more than one.
"""

import hashlib
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.registry import Plugin, Registry
from plausibrain.evaluation.standard_brain import VERSION as BRAIN_VERSION

REQUESTS = ("brain", "volumes", "measures")


@dataclass(frozen=True, kw_only=True)
class Extractor(Plugin):
    """An extractor of features.

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

    default: bool = False
    image_space: bool = False
    version: int = 1


EXTRACTORS = Registry("extractors", Extractor)
extractor = EXTRACTORS.register


@cache
def extractors() -> Registry[Extractor]:
    """Return the registry after every extractor was imported."""
    return EXTRACTORS.discover("plausibrain.evaluation.extractors")


def default_extractors() -> list[str]:
    """Return the names of the extractors that a run uses unasked."""
    return [plugin.name for plugin in extractors() if plugin.default]


def per_image(plugin: Extractor) -> bool:
    """Tell whether the extractor works on images one by one; the others work on tables."""
    return "brain" in plugin.parameters


def check_options(plugin: Extractor, options: Mapping[str, Any]) -> None:
    """Raise a `DataError` for an option that an extractor does not have, or lacks."""
    parameters = inspect.signature(plugin.function).parameters
    choices = [name for name in parameters if name not in REQUESTS]
    unknown = sorted(set(options) - set(choices))
    if unknown:
        raise DataError(
            f"extractor {plugin.name!r} has no option {', '.join(unknown)}; "
            f"it has {', '.join(choices) or 'none'}"
        )
    absent = [n for n in choices if parameters[n].default is inspect.Parameter.empty and n not in options]
    if absent:
        raise DataError(f"extractor {plugin.name!r} needs the option {', '.join(absent)}")


def full_name(plugin: Extractor, options: Mapping[str, Any], *, voxel_mm: float) -> str:
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
    weights_hash = getattr(sys.modules[plugin.module], "weights_hash", None)
    settings = {name: str(value) for name, value in sorted(options.items()) if name != "weights"}
    parts = [
        plugin.name, plugin.version, settings, weights_hash(**options) if weights_hash else "",
        [BRAIN_VERSION, voxel_mm] if per_image(plugin) else "",
    ]  # fmt: skip
    return f"{plugin.name}:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]}"
