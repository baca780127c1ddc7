"""The papers a page cites: numbered in the order in which they are first mentioned.

A citation in a text is written ``[@Key]`` or ``[@Key1; @Key2]``, with keys of ``references.bib``.
``references.json`` beside this file holds the same papers, because the page must be written from an installed
package too.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from urllib.parse import quote

from plausibrain.cohorts.errors import DataError

_CITATION = re.compile(r"\s*\[(@\w+(?:;\s*@\w+)*)\]")


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
def known_references() -> Mapping[str, Reference]:
    """Read all papers by key."""
    content = json.loads(files("plausibrain.reports").joinpath("references.json").read_text(encoding="utf-8"))
    return {key: Reference(key=key, **entry) for key, entry in content.items()}


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
        parts = _CITATION.split(text)
        texts, keys = parts[0::2], [*parts[1::2], ""]
        found = [Piece(part, self._numbers(cited)) for part, cited in zip(texts, keys, strict=True)]
        return [piece for piece in found if piece.text or piece.numbers]

    def _numbers(self, keys: str) -> tuple[int, ...]:
        return tuple(self._number(key) for key in re.findall(r"@(\w+)", keys))

    def _number(self, key: str) -> int:
        references = known_references()
        if key not in references:
            raise DataError(
                f"no reference is called {key!r}; add it to references.bib and reports/references.json"
            )
        if references[key] not in self.cited:
            self.cited.append(references[key])
        return self.cited.index(references[key]) + 1
