"""The bibliography of the page and of the project are the same papers."""

import re
from pathlib import Path

import pytest
from pybtex.database import parse_string

from plausibrain.cohorts.errors import DataError
from plausibrain.reports.references import Bibliography, bibtex, known_references

ROOT = Path(__file__).parents[3]


def test_bibliography_at_the_root_is_that_of_the_package() -> None:
    assert (ROOT / "references.bib").resolve() == ROOT / "reports" / "references.bib"


@pytest.mark.parametrize(
    ("key", "authors", "where"),
    [
        ("Barrio2019", "del Barrio E, Loubes JM", "The Annals of Probability 47:926–951"),
        ("Desikan2006", "Desikan RS, Ségonne F, Fischl B et al.", "NeuroImage 31:968–980"),
        ("Lin1989", "Lin LIK", "Biometrics 45:255–268"),
        ("Magnotta2006", "Magnotta VA, Friedman L, FIRST BIRN", "Journal of Digital Imaging 19:140–147"),
        ("Westfall1993", "Westfall PH, Young SS", "Wiley"),
    ],
)
def test_papers_are_written_as_a_page_shows_them(key: str, authors: str, where: str) -> None:
    reference = known_references()[key]
    assert (reference.authors, reference.where) == (authors, where)


def test_no_paper_is_left_in_latex() -> None:
    for reference in known_references().values():
        assert not re.search(r"[{}\\]|--", f"{reference.authors}{reference.title}{reference.where}")


def test_papers_taken_away_are_those_asked_for() -> None:
    text = bibtex(["Lin1989", "Desikan2006"])
    taken = parse_string(text, "bibtex").entries
    assert list(taken) == ["Desikan2006", "Lin1989"]
    assert taken["Lin1989"].fields["volume"] == "45"


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
    assert cited <= set(known_references())


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
