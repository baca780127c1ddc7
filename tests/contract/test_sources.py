"""Whatever a plug-in cites is in the bibliography, and whatever it says of its method cites what is there."""

import pytest

from plausibrain.catalogue import catalogue, plugins
from plausibrain.reports.references import Bibliography, known_references

CITED = sorted({(source, entry["name"]) for entry in catalogue() for source in entry["source"]})
SAID = [p for p in plugins() if p.methods]


@pytest.mark.parametrize(("source", "name"), CITED)
def test_sources_of_every_plugin_are_in_the_references(source: str, name: str) -> None:
    assert source in known_references(), f"{name} cites {source}; add it to references.bib"


@pytest.mark.parametrize("plugin", SAID, ids=lambda p: f"{p.kind}-{p.name}")
def test_methods_sentences_cite_known_papers(plugin) -> None:
    assert len(SAID) > 15
    Bibliography().pieces(plugin.methods)
    assert plugin.methods.endswith(".")
