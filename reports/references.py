"""The papers a page cites: numbered in the order in which they are first mentioned.

A citation in a text is written ``[@Key]`` or ``[@Key1; @Key2]``, with keys of ``references.bib``.
"""

import codecs
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import quote

import latexcodec  # noqa: F401  registers the encoding "ulatex"

from plausibrain.cohorts.errors import DataError

if TYPE_CHECKING:
    from pybtex.database import BibliographyData, Entry, Person

CITATION = re.compile(r"\s*\[(@\w+(?:;\s*@\w+)*)\]")
_NAMED_PLACES = ("journal", "booktitle", "publisher", "howpublished")


@dataclass(frozen=True)
class Reference:
    """One paper; ``doi`` is empty where it has none."""

    key: str
    authors: str
    year: int
    title: str
    where: str
    doi: str

    @property
    def url(self) -> str:
        """Address of the paper, empty without a DOI."""
        return f"https://doi.org/{quote(self.doi, safe='/():;.-_')}" if self.doi else ""


@cache
def bibliography() -> "BibliographyData":
    """Parse ``references.bib``, which is part of the package."""
    from pybtex.database import parse_string  # only what writes a page needs it

    text = files("plausibrain.reports").joinpath("references.bib").read_text(encoding="utf-8")
    return parse_string(text, "bibtex")


@cache
def known_references() -> Mapping[str, Reference]:
    """Read all papers by key."""
    return {key: _reference(key, entry) for key, entry in bibliography().entries.items()}


def _reference(key: str, entry: "Entry") -> Reference:
    fields = entry.fields
    return Reference(
        key,
        authors=_authors(entry.persons.get("author", [])),
        year=int(fields["year"]),
        title=_plain(fields["title"]),
        where=_where(fields),
        doi=fields.get("doi", ""),
    )


def _where(fields: Mapping[str, str]) -> str:
    place = next((fields[name] for name in _NAMED_PLACES if name in fields), "")
    volume, pages = fields.get("volume", ""), fields.get("pages", "").replace("--", "–")
    if volume:
        place = f"{place} {volume}:{pages}" if pages else f"{place} {volume}"
    elif pages:
        place = f"{place}, {pages}"
    return _plain(place)


def _authors(persons: "Iterable[Person]") -> str:
    """List authors by surname and initials; ``others`` in the file is “et al.”."""
    return ", ".join(_author(person) for person in persons).replace(", others", " et al.")


def _author(person: "Person") -> str:
    surname = " ".join([*person.prelast_names, *person.last_names, *person.lineage_names])
    names = " ".join([*person.first_names, *person.middle_names])
    initials = "".join(word[0] for word in re.split(r"[\s-]+", _plain(names)) if word)
    return f"{_plain(surname)} {initials}".strip()


def _plain(text: str) -> str:
    """Turn LaTeX into plain characters."""
    return codecs.decode(text, "ulatex").replace("{", "").replace("}", "")  # type: ignore[call-overload]


@dataclass(frozen=True)
class Piece:
    """Part of a text, followed by the numbers of the papers it cites."""

    text: str
    numbers: tuple[int, ...]


@dataclass
class Bibliography:
    """Numbers the papers in the order in which texts cite them."""

    cited: list[Reference] = field(default_factory=list)

    def pieces(self, text: str) -> list[Piece]:
        """Split a text at its citations.

        Parameters
        ----------
        text : str
            With citations such as ``[@Hedges1981]``.

        Raises
        ------
        DataError
            When a key is unknown.

        Examples
        --------
        >>> Bibliography().pieces("Corrected for few subjects [@Hedges1981].")
        [Piece(text='Corrected for few subjects', numbers=(1,)), Piece(text='.', numbers=())]
        """
        parts = CITATION.split(text)
        texts, keys = parts[0::2], [*parts[1::2], ""]
        pieces = [Piece(part, self._numbers(key)) for part, key in zip(texts, keys, strict=True)]
        return [piece for piece in pieces if piece.text or piece.numbers]

    def _numbers(self, keys: str) -> tuple[int, ...]:
        return tuple(self._number(key) for key in re.findall(r"@(\w+)", keys))

    def _number(self, key: str) -> int:
        references = known_references()
        if key not in references:
            raise DataError(f"no reference is called {key!r}; add it to references.bib")
        if references[key] not in self.cited:
            self.cited.append(references[key])
        return self.cited.index(references[key]) + 1


def bibtex(keys: Iterable[str]) -> str:
    """Write papers as BibTeX, sorted by key."""
    from pybtex.database import BibliographyData

    entries = bibliography().entries
    return BibliographyData({key: entries[key] for key in sorted(keys)}).to_string("bibtex")
