"""Inject a known defect in a cohort: the registry of defects and the one function that applies them.

A defect is a pure function with a severity; severity 0 changes nothing. Defects of level ``"table"``
change the subjects and their true volumes (the simulator can draw the images of the changed table); defects
of level ``"image"`` change one image and its labels together. Each declares by number which of the ten
questions must see it.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.registry import Plugin, Registry
from plausibrain.cohorts.volumes import LabelMap, Volume

Level = Literal["table", "image"]


@dataclass(frozen=True, kw_only=True)
class Defect(Plugin):
    """An injected defect.

    Parameters
    ----------
    label : str
        How tables call it.
    unit : str
        What the severity counts, for example ``"share of volume"``.
    detects : tuple of int
        Questions (1 to 10) that declare to see it.
    severities : tuple of float
        Ladder for the audit, rising; none of them 0.
    level : {"table", "image"}
        What the function takes: ``f(cohort, *, severity, rng) -> Cohort`` (optionally with a ``training``
        cohort), or ``f(image, labels, *, severity, rng) -> (Volume, LabelMap)``.
    copies : {"training", "reference"}
        Which cohort the audit passes as ``training``, where the function takes one.
    sections : tuple of str
        Sections of the report beside the ten questions that must see it, for example ``"complexity"``.
    """

    detects: tuple[int, ...]
    severities: tuple[float, ...]
    level: Level = "table"
    copies: Literal["training", "reference"] = "training"
    sections: tuple[str, ...] = ()


DEFECTS = Registry("defects", Defect)
defect = DEFECTS.register


def defects(level: Level | None = None) -> tuple[Defect, ...]:
    """Return all injected defects, or those of one level, by name."""
    DEFECTS.discover("plausibrain.generation.defects")
    return tuple(plugin for plugin in DEFECTS if level in (None, plugin.level))


def inject(
    name: str,
    cohort: Cohort,
    *,
    severity: float,
    seed: int,
    training: Cohort | None = None,
    **options: object,
) -> Cohort:
    """Return a cohort whose subjects and volumes carry a defect.

    Parameters
    ----------
    name : str
        A defect of level ``"table"``, for example ``"regional_atrophy"``.
    cohort : Cohort
        With volumes, mm3.
    severity : float
        In the unit the defect declares; 0 injects nothing.
    seed : int
        Makes the defect reproducible.
    training : Cohort, optional
        Subjects a generator was trained on, for defects that copy them.
    **options
        Passed on, for example ``structure="Thalamus"``.

    Returns
    -------
    Cohort
        Named ``<cohort> + <defect>``; without images, which no longer show these volumes.

    Raises
    ------
    DataError
        If the defect is unknown or of another level, volumes are missing, or it needs a training cohort.
    """
    plugin = find_defect(name, "table")
    if cohort.volumes is None:
        raise DataError(f"defect {name!r} changes volumes, cohort {cohort.name!r} has none; segment it first")
    if "training" in plugin.parameters:
        if training is None:
            raise DataError(f"defect {name!r} copies subjects; pass training=, the cohort to copy from")
        options = {**options, "training": training}
    defective: Cohort = plugin(cohort, severity=severity, rng=np.random.default_rng(seed), **options)
    return replace(defective, name=f"{cohort.name} + {name}", images=None)


def inject_in_image(
    name: str, image: Volume, labels: LabelMap, *, severity: float, seed: int
) -> tuple[Volume, LabelMap]:
    """Return an image and its labels with a defect of level ``"image"``.

    Parameters
    ----------
    name : str
        For example ``"blur"``.
    image, labels : Volume, LabelMap
        Same grid.
    severity : float
        In the unit the defect declares; 0 injects nothing.
    seed : int
        Makes the defect reproducible.

    Returns
    -------
    tuple of Volume and LabelMap
        New objects; the given ones stay as they are.

    Raises
    ------
    DataError
        If the defect is unknown or of another level.
    """
    plugin = find_defect(name, "image")
    pair: tuple[Volume, LabelMap] = plugin(image, labels, severity=severity, rng=np.random.default_rng(seed))
    return pair


def find_defect(name: str, level: Level) -> Defect:
    """Return a defect of a level; `DataError` names what exists."""
    plugins = {plugin.name: plugin for plugin in defects(level)}
    if name not in plugins:
        raise DataError(f"expected a defect of level {level!r}, got {name!r}; there are {', '.join(plugins)}")
    return plugins[name]
