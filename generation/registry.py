"""The registry of generative models.

A model is one file in ``generation/models/`` with one public function of the same name. The function takes
the folder of a checkpoint (or of a bundle, or of images) and keyword options, and returns a
`plausibrain.generation.model.Model`. It imports torch and the networks inside, so that listing models costs
nothing.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from plausibrain.cohorts.registry import Plugin, Registry

MODELS = Registry("models")
Function = TypeVar("Function", bound=Callable[..., Any])


def model(
    *, label: str, source: tuple[str, ...] = (), recipe: Callable[..., Any] | None = None
) -> Callable[[Function], Function]:
    """Register a generative model.

    Parameters
    ----------
    label : str
        How tables and reports call it.
    source : tuple of str
        Keys in ``references.bib``.
    recipe : callable, optional
        ``recipe(request: generation.training.task.Request) -> generation.training.task.Recipe``: how it is
        trained. A model without one cannot be trained here.

    Returns
    -------
    callable
        The decorator.
    """
    options = {"trainable": recipe is not None, "recipe": recipe}
    return MODELS.register(label=label, source=source, options=options)


def models() -> tuple[Plugin, ...]:
    """Return every generative model, installed elsewhere included (entry points ``plausibrain.models``)."""
    return tuple(MODELS.discover("plausibrain.generation.models"))


def find_model(name: str) -> Plugin:
    """Return the model of a name; `DataError` with the nearest name if there is none."""
    return MODELS.discover("plausibrain.generation.models")[name]
