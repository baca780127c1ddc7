"""SVG that can stand in a page: own ids, the page's colours and fonts, text as text."""

import re

import pytest
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from plausibrain.reports import svg
from tests.unit.reports.page_parser import Page


def draw(name: str, label: str = "a", colour: str = svg.GENERATED) -> str:
    with svg.drawing(name):
        figure = Figure(figsize=(3, 2))
        FigureCanvasSVG(figure)
        ax = figure.add_subplot()
        marks = ax.scatter([0, 1], [0, 1], color=colour)
        svg.tip(marks, ["first <b>", "second"])
        ax.set_title(label)
        return str(svg.to_svg(figure, name=name, title=f"Two points, {label}"))


def test_same_drawing_same_bytes() -> None:
    assert draw("one") == draw("one")


def test_ids_of_two_figures_do_not_clash() -> None:
    ids = [re.findall(r' id="([^"]+)"', draw(name)) for name in ("one", "two")]
    assert all(ids)
    assert not set(ids[0]) & set(ids[1])


def test_references_inside_have_targets() -> None:
    text = draw("one")
    ids = set(re.findall(r' id="([^"]+)"', text))
    targets = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    assert targets
    assert targets <= ids


@pytest.mark.parametrize("label", ["$\\frac{1}{0}$", "<script>x</script>", "100 % & more", "脳"])
def test_labels_stay_text(label: str) -> None:
    parsed = Page.of(draw("one", label))
    assert parsed.problems == []
    assert label in [text.text for text in parsed.all("text")]
    assert not parsed.all("script")


def test_palette_follows_the_page_and_other_colours_stay() -> None:
    assert "var(--generated, #6a3fc4)" in draw("one")
    assert "#123456" in draw("one", colour="#123456")


def test_nothing_leaks_into_the_page() -> None:
    text = draw("one")
    assert "<style" not in text
    assert "<metadata" not in text
    assert "DejaVu" not in text
    assert "http" not in text


def test_marks_carry_their_tooltips() -> None:
    titles = [title.text for title in Page.of(draw("one")).all("title")]
    assert titles == ["first <b>", "second"]


def test_palette_is_that_of_the_style_sheet() -> None:
    from importlib.resources import files

    light = (
        files("plausibrain.reports")
        .joinpath("templates/style.css")
        .read_text(encoding="utf-8")
        .partition("@media")[0]
    )
    stated = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    assert stated["generated"] == svg.GENERATED
    assert stated["ink"] == svg.INK
    assert {name: stated[name] for name in ("pass", "fail", "inconclusive")} == {
        "pass": svg.PASS, "fail": svg.FAIL, "inconclusive": svg.INCONCLUSIVE,
    }  # fmt: skip
