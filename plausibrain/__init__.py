"""plausibrain: are generated brain MRIs anatomically plausible? The names below are the Python interface."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plausibrain.analysis.settings import Settings
    from plausibrain.api import Result, check, compare, evaluate, generate, load_run, read_cohort, segment

__all__ = [
    "Result", "Settings", "check", "compare", "evaluate", "generate", "load_run", "read_cohort", "segment",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that ``import plausibrain`` costs nothing."""
    if name in __all__:
        return getattr(import_module("plausibrain.api"), name)
    raise AttributeError(f"module 'plausibrain' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
