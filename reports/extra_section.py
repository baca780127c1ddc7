"""A section of the report after the ten questions: its own verdict, figures and tables."""

from collections.abc import Iterable
from dataclasses import dataclass

from plausibrain.reports.figure import Drawn
from plausibrain.reports.result_tables import ResultTable

#: From the one that decides first to the one that decides last.
ORDER = ("fail", "inconclusive", "pass", "not judged")


@dataclass(frozen=True)
class Picture:
    """A picture inside the page, with its text for readers who do not see it."""

    title: str
    source: str
    alt: str
    caption: str


@dataclass(frozen=True)
class ExtraSection:
    """One section.

    Attributes
    ----------
    anchor : str
        Its id on the page.
    title, asks : str
        Heading, and what the section asks.
    verdict : str
        Of the section; it does not enter the scorecard.
    lede : str
        The answer in a sentence or two.
    methods : str
        How it was measured, with citations.
    figures, pictures, tables : tuple
    """

    anchor: str
    title: str
    asks: str
    verdict: str
    lede: str
    methods: str = ""
    figures: tuple[Drawn, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[ResultTable, ...] = ()


def worst_verdict(verdicts: Iterable[str]) -> str:
    """Return the verdict of several: *fail* if one fails, *pass* if all that were judged pass.

    Examples
    --------
    >>> worst_verdict(["pass", "not measured", "inconclusive"]), worst_verdict([])
    ('inconclusive', 'not measured')
    """
    present = set(verdicts)
    return next((word for word in ORDER if word in present), "not measured")
