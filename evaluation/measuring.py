"""The registry of measures, and how one scan is put through all of them.

A measure is a function whose parameter names are its request: attributes of
`plausibrain.evaluation.image_normalisation.Scan` (``image``, ``labels``, ``tissues``, ``spectrum``, ``air``)
and, for a measure of several numbers, ``part``. It returns one number. Where that has no meaning it raises
`MeasurementError` with the reason: NaN.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.cohorts.registry import Plugin, Registry
from plausibrain.evaluation.image_normalisation import Scan

REQUESTS = ("image", "labels", "tissues", "spectrum", "air", "part")


@dataclass(frozen=True)
class Value:
    """One measured number.

    Attributes
    ----------
    metric, part : str
        Name of the measure, and which of its numbers; ``""`` where it has one.
    value : float
        NaN where there is none.
    reason : str
        Why there is none.
    """

    metric: str
    part: str
    value: float
    reason: str = ""

    @property
    def column(self) -> str:
        """Name of the column in `plausibrain.cohorts.cohort.Cohort.measures`."""
        return column_name(self.metric, self.part)


@dataclass(frozen=True, kw_only=True)
class Measure(Plugin):
    """A measure of image quality.

    Parameters
    ----------
    label, unit, better, bounds, source
        As in `plausibrain.cohorts.registry.Plugin`.
    parts : mapping of str to str
        Names of several numbers, with their labels; the function is called with each as ``part``. One number
        without a name where nothing is said.
    detects : mapping of str to str
        Injected defect (`plausibrain.generation.defects`) to ``rises`` or ``falls``: what its severity does
        to the number (to the first part).
    judged : bool
        Whether the number says how good an image is; others only describe it.
    version : int
        Raise when the definition changes: stored values are measured again.
    """

    better: str = "closer"
    parts: Mapping[str, str] = field(default_factory=lambda: {"": ""})
    detects: Mapping[str, str] = field(default_factory=dict)
    judged: bool = True
    version: int = 1


MEASURES = Registry("measures", Measure)
measure = MEASURES.register


def all_measures() -> list[Measure]:
    """Every measure, by name."""
    return list(MEASURES.discover("plausibrain.evaluation.measures"))


def measure_scan(scan: Scan, plugins: Iterable[Measure] | None = None) -> list[Value]:
    """Measure one scan.

    Parameters
    ----------
    scan : Scan
    plugins : iterable of Measure, optional
        All measures where nothing is said.

    Returns
    -------
    list of Value
        One per measure and part, whatever happens.
    """
    selection = all_measures() if plugins is None else plugins
    return [_value(scan, plugin, part) for plugin in selection for part in plugin.parts]


def column_name(metric: str, part: str) -> str:
    """Name of the column of a measure and part.

    Examples
    --------
    >>> column_name("snr", "gm"), column_name("cjv", "")
    ('snr_gm', 'cjv')
    """
    return f"{metric}_{part}" if part else metric


def _value(scan: Scan, plugin: Measure, part: str) -> Value:
    try:
        request = {name: part if name == "part" else getattr(scan, name) for name in plugin.parameters}
        value = float(plugin(**request))
    except MeasurementError as error:
        return Value(plugin.name, part, math.nan, str(error))
    if not math.isfinite(value):
        return Value(plugin.name, part, math.nan, "undefined: the image has too little variation")
    return Value(plugin.name, part, value)
