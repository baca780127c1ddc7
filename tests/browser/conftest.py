"""One browser and one set of pages for all tests of this folder."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from tests.browser.chromium import Browser, find_chromium
from tests.browser.pages import write_pages


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_pages(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium found; install one, or name it with CHROMIUM=/path")
    opened = Browser(program)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def axe() -> str:
    return (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
