"""Where checks of plausibility register themselves."""

from dataclasses import dataclass

from plausibrain.cohorts.registry import Plugin, Registry


@dataclass(frozen=True, kw_only=True)
class CheckPlugin(Plugin):
    """A check: asks by the names of its parameters for what a `scene.Scene` holds and returns one number.

    Parameters
    ----------
    label, unit, bounds, source
        As in `plausibrain.cohorts.registry.Plugin`.
    low, high : str
        What a number below, or above, the range of sound scans means, in words; a side without words is not
        judged.
    limits : tuple of float or None
        Range of sound scans where it is fixed; else it is calibrated.
    """

    low: str = ""
    high: str = ""
    limits: tuple[float, float] | None = None


CHECKS = Registry("plausibility checks", CheckPlugin)
check = CHECKS.register
