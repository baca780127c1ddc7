"""Scripts behind the numbers of the documentation keep up with the code that they measure."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted(
    f"{folder}.{path.stem}"
    for folder in ("benchmarks", "makers")
    for path in (ROOT / folder).glob("*.py")
    if path.stem != "__init__"
)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_can_be_imported(name, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    assert importlib.import_module(name)
