"""The bibliography of the page and of the project are the same papers."""

import re
from pathlib import Path

import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.reports import methods
from plausibrain.reports.references import Bibliography, known_references

ROOT = Path(__file__).parents[3]


def bib_entries() -> dict[str, dict[str, str]]:
    text = (ROOT / "references.bib").read_text(encoding="utf-8")
    entries = re.findall(r"@\w+\{(\w+),\n(.*?)\n\}", text, re.DOTALL)
    return {key: dict(re.findall(r"(\w+) = \{((?:[^{}]|\{[^{}]*\})*)\}", body)) for key, body in entries}


def test_page_knows_only_papers_of_the_bibliography() -> None:
    entries = bib_entries()
    for key, reference in known_references().items():
        assert key in entries, f"{key} stands in reports/references.json but not in references.bib"
        assert (reference.doi, str(reference.year)) == (entries[key].get("doi", ""), entries[key]["year"])
        assert reference.title == entries[key]["title"]


def test_every_citation_in_the_methods_is_known() -> None:
    texts = [*methods.SEGMENTERS.values(), *methods.HEADLINES.values(), *methods.QUANTITIES.values()]
    for text in texts:
        Bibliography().pieces(text)


def test_bibliography_has_every_paper_the_code_cites() -> None:
    pattern = re.compile(r"\(keys? ([A-Z][a-z]+\d{4})\)|source=\(([^)]*)\)")
    cited = {
        key
        for package in ("cohorts", "generation", "evaluation", "analysis", "reports", "plausibrain")
        for path in (ROOT / package).rglob("*.py")
        for match in pattern.findall(path.read_text(encoding="utf-8"))
        for key in re.findall(r"[A-Z][A-Za-z]+\d{4}", " ".join(match))
    }
    assert len(cited) > 10
    assert cited <= set(bib_entries())


def test_papers_are_numbered_as_they_come() -> None:
    bibliography = Bibliography()
    first = bibliography.pieces("One [@Lin1989], two [@Hedges1981; @Lin1989].")
    assert [(piece.text, piece.numbers) for piece in first] == [("One", (1,)), (", two", (2, 1)), (".", ())]
    assert [reference.key for reference in bibliography.cited] == ["Lin1989", "Hedges1981"]


def test_unknown_key_is_an_error() -> None:
    with pytest.raises(DataError, match="no reference is called 'Nobody1900'"):
        Bibliography().pieces("So they say [@Nobody1900].")


def test_addresses_of_odd_dois_are_quoted() -> None:
    assert "%3C873" in known_references()["Newcombe1998"].url
    assert known_references()["Holm1979"].url == ""
