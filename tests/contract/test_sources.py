"""Whatever a plug-in cites is in the references, in the form for pages and in the form for papers."""

import json
import re
from pathlib import Path

import pytest

from plausibrain.catalogue import catalogue

ROOT = Path(__file__).parents[2]
PAGES = set(json.loads((ROOT / "reports" / "references.json").read_text(encoding="utf-8")))
PAPERS = set(re.findall(r"@\w+\{([^,\s]+),", (ROOT / "references.bib").read_text(encoding="utf-8")))
CITED = sorted({(source, entry["name"]) for entry in catalogue() for source in entry["source"]})


@pytest.mark.parametrize(("source", "name"), CITED)
def test_sources_of_every_plugin_are_in_the_references(source: str, name: str) -> None:
    assert source in PAGES, f"{name} cites {source}; add it to reports/references.json"
    assert source in PAPERS, f"{name} cites {source}; add it to references.bib"
