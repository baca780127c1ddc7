"""Where checks of plausibility register themselves."""

from collections.abc import Callable
from typing import Any, TypeVar

from plausibrain.cohorts.registry import UNBOUNDED, Registry

Function = TypeVar("Function", bound=Callable[..., Any])

#: A check asks by the names of its parameters for what a `plausibrain.evaluation.plausibility.scene.Scene`
#: holds and returns one number.
CHECKS = Registry("plausibility checks")


def check(
    *,
    label: str,
    unit: str = "",
    low: str = "",
    high: str = "",
    bounds: tuple[float, float] = UNBOUNDED,
    limits: tuple[float, float] | None = None,
    source: tuple[str, ...] = (),
) -> Callable[[Function], Function]:
    """Register a check.

    Parameters
    ----------
    label, unit, bounds, source
        As in `plausibrain.cohorts.registry.Plugin`.
    low, high : str
        What a number below, or above, the range of sound scans means, in words; a side without words is not
        judged.
    limits : tuple of float, optional
        Range of sound scans where it is known from published norms; else it is calibrated.
    """
    return CHECKS.register(
        label=label, unit=unit, bounds=bounds, source=source,
        options={"low": low, "high": high, "limits": limits},
    )  # fmt: skip
