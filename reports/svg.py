"""Matplotlib figures as inline SVG: text stays text, colours follow the page, ids do not clash.

Matplotlib writes fixed colours, a font list, metadata and ids that repeat from figure to figure. Here the
palette becomes CSS custom properties (so that dark mode and print work), fonts are inherited from the page,
ids that nothing refers to are dropped and the rest get the prefix of their figure. The same numbers give the
same bytes.
"""

import json
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

# Colours of the light page; the names are the custom properties of style.css.
INK, INK_2, INK_3 = "#1d2126", "#4b525b", "#6a717b"
PAPER, RULE, RULE_STRONG, GRID, BAND = "#fdfdfb", "#deded7", "#b9b9b0", "#e6e6e0", "#dfe9e4"
REFERENCE, GENERATED = "#56616e", "#6a3fc4"
PASS, FAIL, INCONCLUSIVE, NOT_MEASURED = "#00695f", "#b3261e", "#8a5a00", "#6a717c"
COHORT_COLOURS = {"reference": REFERENCE, "generated": GENERATED}
VERDICT_COLOURS = {
    "pass": PASS,
    "fail": FAIL,
    "inconclusive": INCONCLUSIVE,
    "not judged": NOT_MEASURED,
    "": NOT_MEASURED,
}
_VARIABLES = {
    INK: "ink", INK_2: "ink-2", INK_3: "ink-3", PAPER: "paper", RULE: "rule", RULE_STRONG: "rule-strong",
    GRID: "grid", BAND: "band", REFERENCE: "reference", GENERATED: "generated", PASS: "pass", FAIL: "fail",
    INCONCLUSIVE: "inconclusive", NOT_MEASURED: "not-measured",
}  # fmt: skip

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_TIPS = "tips:"
_COORDINATES = {"d", "x", "y", "transform", "width", "height"}
#: Width of figures: that of the narrowest page, where nothing is scaled down, and of a journal's column.
NARROW_PX = 328.0
#: A page with room shows a figure up to this many times as large.
WIDEST = 1.25
PIXELS_PER_INCH = 72  # matplotlib's SVG unit is the point; it is shown as one CSS pixel

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11.5,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.titleweight": "bold",
    "axes.labelsize": 11.5,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": RULE_STRONG,
    "axes.linewidth": 0.8,
    "axes.labelcolor": INK_2,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": RULE_STRONG,
    "ytick.color": RULE_STRONG,
    "xtick.labelcolor": INK_2,
    "ytick.labelcolor": INK_2,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.grid": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "path.simplify": True,
}


@contextmanager
def drawing(name: str) -> Iterator[None]:
    """Draw figures of this name in the house style, with ids that can be reproduced.

    A glyph that matplotlib's own font lacks is no defect here, because the browser draws the text.
    """
    with mpl.rc_context(STYLE | {"svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


def tip(artist: Artist, labels: Sequence[str]) -> None:
    """Give each mark of an artist (a scatter has many) a tooltip that needs no script."""
    artist.set_gid(_TIPS + json.dumps([*labels]))


def thousands(axis: Axis, highest: float) -> None:
    """Write a comma between thousands where an axis reaches them."""
    if highest >= 1000:
        axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def to_svg(figure: Figure, *, name: str, title: str) -> Markup:
    """Inline SVG of a figure.

    Parameters
    ----------
    figure : matplotlib Figure
        Drawn inside `drawing` of the same name.
    name : str
        Unique on the page; prefix of all ids.
    title : str
        What the figure shows, in words with numbers: its accessible name.

    Returns
    -------
    Markup
        One ``svg`` element with ``role="img"`` and ``aria-label``, without metadata, ids that could clash or
        fixed colours of the palette.
    """
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    figure.set_layout_engine("none")  # its axes have their places now, in whatever it is saved next
    root = ET.fromstring(buffer.getvalue())  # noqa: S314  (matplotlib wrote it just now)
    _drop_clutter(root)
    _add_tips(root)
    _make_ids_unique(root, name)
    _follow_page(root)
    width, height = (side * PIXELS_PER_INCH for side in figure.get_size_inches())
    root.attrib.clear()
    root.attrib.update(
        {
            "viewBox": f"0 0 {width:g} {height:g}", "role": "img", "aria-label": title,
            "style": f"max-width: {WIDEST * width:g}px",
        }
    )  # fmt: skip
    return Markup(_text(root))  # noqa: S704  (serialised by ElementTree, which escapes)


def _drop_clutter(root: ET.Element) -> None:
    """Remove metadata, a style rule that would reach the whole page, unseen shapes, needless decimals."""
    for parent in list(root.iter()):
        for child in list(parent):
            tag = child.tag.removeprefix(f"{{{_SVG}}}")
            if tag in ("metadata", "style") or (tag == "path" and child.get("style") == "fill: none"):
                parent.remove(child)
        parent.tail = None
        if not (parent.text or "").strip():
            parent.text = None
        for key in _COORDINATES.intersection(parent.attrib):
            parent.set(key, re.sub(r"-?\d+\.\d+", _shorter, parent.attrib[key]).strip())


def _shorter(match: re.Match[str]) -> str:
    return (
        f"{round(float(match[0]), 2):g}" if abs(float(match[0])) >= 10 else f"{round(float(match[0]), 3):g}"
    )


def _add_tips(root: ET.Element) -> None:
    """Turn the labels left by `tip` into ``title`` elements of the marks."""
    for holder in root.iter(f"{{{_SVG}}}g"):
        gid = holder.get("id", "")
        if not gid.startswith(_TIPS):
            continue
        del holder.attrib["id"]
        marks = list(holder.iter(f"{{{_SVG}}}use"))
        labels = json.loads(gid.removeprefix(_TIPS))
        # A half-filled marker is drawn as two marks: all first halves, then all second halves.
        for mark, label in zip(marks, labels * (len(marks) // len(labels)), strict=True):
            ET.SubElement(mark, f"{{{_SVG}}}title").text = label


def _make_ids_unique(root: ET.Element, name: str) -> None:
    references = {
        match
        for element in root.iter()
        for value in element.attrib.values()
        for match in re.findall(r"(?:^#|url\(#)([^)]+)\)?$", value)
    }
    for element in root.iter():
        own = element.attrib.pop("id", None)
        if own in references:
            element.set("id", f"{name}-{own}")
        for key, value in list(element.attrib.items()):
            if value.startswith("#") and key == f"{{{_XLINK}}}href":
                element.set(key, f"#{name}-{value[1:]}")
            elif "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{name}-"))


def _follow_page(root: ET.Element) -> None:
    """Replace palette colours by custom properties and fonts by the page's font."""
    for element in root.iter():
        style = element.get("style")
        if style:
            style = re.sub(r"font: (?:(bold|\d+) )?([\d.]+)px[^;]*", _font, style)
            style = re.sub(r"font-family: [^;]*;? ?", "", style)
            element.set("style", re.sub(r"#[0-9a-f]{6}", _colour, style))


def _font(match: re.Match[str]) -> str:
    weight = f"font-weight: {match[1]}; " if match[1] else ""
    return f"{weight}font-size: {match[2]}px"


def _colour(match: re.Match[str]) -> str:
    name = _VARIABLES.get(match[0])
    return f"var(--{name}, {match[0]})" if name else match[0]


def _text(root: ET.Element) -> str:
    """Serialise without namespaces, which inline SVG does not need."""
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
        if (target := element.attrib.pop(f"{{{_XLINK}}}href", None)) is not None:
            element.set("href", target)
    return ET.tostring(root, encoding="unicode", short_empty_elements=False)
