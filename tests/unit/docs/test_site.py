"""The documentation site builds without a warning, and its generated pages hold what the program has."""

import re
from pathlib import Path

import pytest

import plausibrain as pb
from plausibrain.catalogue import catalogue
from plausibrain.help_layout import EXAMPLES

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    target = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(target), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    return target


@pytest.mark.filterwarnings("ignore")
def test_the_site_has_every_page_of_its_navigation(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    pages = re.findall(r"[\w-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    for page in set(pages) - {"index.md"}:
        assert f'href="{page.removesuffix(".md")}/"' in home, page
    assert "fonts.googleapis" not in home


@pytest.mark.filterwarnings("ignore")
def test_the_catalogue_lists_every_plug_in(site: Path) -> None:
    text = (site / "catalogue" / "index.html").read_text(encoding="utf-8")
    assert all(f"<code>{entry['name']}</code>" in text for entry in catalogue())


@pytest.mark.filterwarnings("ignore")
def test_the_command_line_is_described(site: Path) -> None:
    text = (site / "commands" / "index.html").read_text(encoding="utf-8")
    assert all(f"plausibrain {name}" in text for name in EXAMPLES)
    assert "--dry-run" in text


@pytest.mark.filterwarnings("ignore")
def test_the_python_interface_is_described_from_its_docstrings(site: Path) -> None:
    text = (site / "api" / "index.html").read_text(encoding="utf-8")
    for name in pb.__all__:
        owner = "analysis.settings" if name == "Settings" else "api"
        assert f'id="plausibrain.{owner}.{name}"' in text, name
    for word in ("Parameters", "Returns", "Raises", "n_resamples"):
        assert word in text
