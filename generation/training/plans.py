"""Plans of stages as the user wants them: other steps, and options written ``stage.field=value``."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.training.task import Request, StagePlan

_FIELDS: dict[str, type] = {
    "batch_size": int, "accumulate": int, "averaging": float, "warm_up": int, "fall": float, "clip": float,
    "seconds": float,
}  # fmt: skip


def adjusted_plans(plans: Sequence[StagePlan], request: Request) -> tuple[StagePlan, ...]:
    """Return the plans with the steps and the options of a request.

    Parameters
    ----------
    plans : sequence of StagePlan
        Of the preset.
    request : Request
        Options such as ``diffusion.batch_size=8`` change a field of a plan.

    Returns
    -------
    tuple of StagePlan

    Raises
    ------
    DataError
        When an option has no number.
    """
    result = []
    for plan in plans:
        changes: dict[str, Any] = {
            field: _number(f"{plan.name}.{field}", request.options[f"{plan.name}.{field}"], kind)
            for field, kind in _FIELDS.items()
            if f"{plan.name}.{field}" in request.options
        }
        result.append(replace(plan, steps=request.steps.get(plan.name, plan.steps), **changes))
    return tuple(result)


def adjusted_rates(rates: Mapping[str, float], request: Request) -> dict[str, float]:
    """Return the learning rate of each stage, after options such as ``diffusion.rate=1e-4``."""
    return {
        stage: float(_number(f"{stage}.rate", request.options.get(f"{stage}.rate", str(rate)), float))
        for stage, rate in rates.items()
    }


def check_options(request: Request, plans: Sequence[StagePlan], others: Sequence[str] = ()) -> None:
    """Refuse options that nothing reads; `others` are those that the model interprets itself.

    Raises
    ------
    DataError
        Names the option and what there is.
    """
    choices = [f"{plan.name}.{field}" for plan in plans for field in (*_FIELDS, "rate")] + list(others)
    unknown = [name for name in request.options if name not in choices]
    if unknown:
        raise DataError(f"there is no option {unknown[0]!r} here; there are {', '.join(choices)}")


def _number(name: str, text: str, kind: type) -> float | int:
    try:
        value: float | int = kind(text)
    except ValueError as error:
        raise DataError(f"option {name}={text}: expected a number") from error
    if value < 0:
        raise DataError(f"option {name}={text}: expected a number that is not negative")
    return value
