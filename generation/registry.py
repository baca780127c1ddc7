"""The registry of generative models.

A model is one file in ``generation/models/`` with one public function of the same name. The function takes
the folder of a checkpoint (or of a bundle, or of images) and keyword options, and returns a
`plausibrain.generation.model.Model`. It imports torch and the networks inside, so that listing models costs
nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from plausibrain.cohorts.registry import Plugin, Registry


@dataclass(frozen=True, kw_only=True)
class ModelPlugin(Plugin):
    """A generative model.

    Parameters
    ----------
    label : str
        How tables and reports call it.
    source : tuple of str
        Keys in ``references.bib``.
    recipe : callable, optional
        ``recipe(request: generation.training.task.Request) -> generation.training.task.Recipe``: how it is
        trained. A model without one cannot be trained here.
    """

    recipe: Callable[..., Any] | None = None


MODELS = Registry("models", ModelPlugin)
model = MODELS.register


def models() -> tuple[ModelPlugin, ...]:
    """Return every generative model, installed elsewhere included (entry points ``plausibrain.models``)."""
    return tuple(MODELS.discover("plausibrain.generation.models"))


def find_model(name: str) -> ModelPlugin:
    """Return the model of a name; `DataError` with the nearest name if there is none."""
    return MODELS.discover("plausibrain.generation.models")[name]
