"""Check that the packages of this project are the ones that Python finds.

Their names are ordinary words (`analysis`, `reports`): a folder of that name in the working directory or on
PYTHONPATH would be imported instead, with errors nobody understands.
"""

from importlib.util import find_spec
from pathlib import Path

from cohorts.errors import ToolError

PACKAGES = ("cohorts", "generation", "evaluation", "analysis", "reports", "plausibrain")


def shadowed_packages() -> dict[str, Path]:
    """Return packages that resolve to another folder than this installation, with that folder."""
    home = Path(__file__).resolve().parents[1]
    found = {}
    for name in PACKAGES:
        spec = find_spec(name)
        place = Path(spec.origin).resolve().parent if spec and spec.origin else None
        if place != home / name:
            found[name] = place or Path("(not found)")
    return found


def check_installation() -> None:
    """Raise when another folder shadows one of our packages.

    Raises
    ------
    ToolError
        Names the folder and the remedy.
    """
    for name, place in shadowed_packages().items():
        raise ToolError(
            f"the package {name!r} of plausibrain is shadowed by {place}; "
            "run from another folder, rename that folder, or take it off PYTHONPATH"
        )
