"""The small checkpoints that come with the package, one folder per trainable model."""

from pathlib import Path

from plausibrain.generation.checkpoint import DESCRIPTION

FOLDER = Path(__file__).parent / "checkpoints"


def shipped_checkpoint(model: str) -> Path | None:
    """Return the folder of a model's checkpoint in the package, or None if there is none."""
    return next((path.parent for path in FOLDER.glob(f"*/{DESCRIPTION}") if path.parent.name == model), None)


def shipped_models() -> tuple[str, ...]:
    """Return the names of the models that have one, sorted."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob(f"*/{DESCRIPTION}")))
