"""A page of sections with text, figures and tables, in the form of every page: training and audit."""

from dataclasses import dataclass

from plausibrain.reports.environment import render
from plausibrain.reports.figure import Drawn
from plausibrain.reports.slices import Slice

VERDICTS = ("pass", "fail", "inconclusive", "not judged", "not measured")


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    title : str
    columns : tuple of str
    rows : tuple of tuple of str
        The first cell of a row is its header; a cell that is a verdict is shown with its mark.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Part:
    """A section of a page.

    Attributes
    ----------
    name : str
        Its id on the page.
    title : str
    text : tuple of str
        Paragraphs.
    figures : tuple of Drawn
    pictures : tuple of Slice
    tables : tuple of Table
    """

    name: str
    title: str
    text: tuple[str, ...] = ()
    figures: tuple[Drawn, ...] = ()
    pictures: tuple[Slice, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Document:
    """A page: what it is, its answer in one line, what stands below it, and its sections."""

    kind: str
    answer: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    footer: str = ""


def document_page(document: Document) -> str:
    """Return the page as one self-contained HTML document."""
    return render("document.html", page=document, verdicts=VERDICTS)
