"""A strict reading of a page: what is open, which ids exist, what links where, what has no name."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr", "col"}
LEGEND = "aria-hidden"


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """Parses a page and collects what the tests ask about."""

    open_tags: list[Element] = field(default_factory=list)
    elements: list[Element] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    @classmethod
    def of(cls, text: str) -> "Page":
        parsed = cls()
        parsed.feed(text)
        parsed.close()
        parsed.problems += [f"<{element.tag}> is never closed" for element in parsed.open_tags]
        return parsed

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) < len(names):
            self.problems.append(f"<{tag}> repeats an attribute: {names}")
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in VOID:
            self.open_tags.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open_tags or self.open_tags[-1].tag != tag:
            where = self.open_tags[-1].tag if self.open_tags else "nothing"
            self.problems.append(f"</{tag}> closes <{where}>")
            return
        self.open_tags.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open_tags:
            element.text += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def values(self, attribute: str) -> list[str]:
        return [e.attributes[attribute] or "" for e in self.elements if attribute in e.attributes]
