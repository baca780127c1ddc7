"""Every page in a browser: no error, request or overflow; readable figures, axe clean, files that open."""

import csv
import io
import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.browser.chromium import Browser

pytestmark = [pytest.mark.slow, pytest.mark.browser]

NAMES = ("sound", "defective", "comparison", "check", "training", "audit")
WITH_FIGURES = ("sound", "defective", "training", "audit")
REPORTS = ("sound", "defective")
WIDTHS = (360, 768, 1440)
THEMES = ("light", "dark")
#: A screen of the pages' tests, px, and how many of them a folded report may be long on the widest.
SCREEN, MOST_SCREENS = 900, 12
MOST_SHEETS = 16
LEAST_TEXT_PX = 10.5  # of 11; a browser rounds

OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"
OVERFLOWING = """[...document.querySelectorAll('body *')].filter(e => {
  const box = e.getBoundingClientRect();
  return box.width > 1 && (box.right > innerWidth + 1 || box.left < -1) && e.checkVisibility()
    && !e.closest('svg, .visually-hidden, .skip');
}).map(e => e.tagName + '.' + e.className + ' ' + Math.round(e.getBoundingClientRect().right))"""
SCROLLING = """[...document.querySelectorAll('.scroller')].filter(e => e.checkVisibility()
  && e.scrollWidth > e.clientWidth + 1)
  .map(e => (e.closest('figure, section') || e).id)"""
#: Text that is squeezed into a column of letters.
SQUEEZED = """[...document.querySelectorAll('th, td, caption, p, dd, li, h1, h2, h3, .findings strong')]
  .filter(e => e.checkVisibility() && !e.closest('.visually-hidden, svg') && e.textContent.trim().length >
    (e.tagName == 'STRONG' ? 6 : 14))
  .filter(e => { const box = e.getBoundingClientRect(); return box.width > 1 && box.width < 60
    && box.height > 60; }).map(e => e.tagName + ' ' + e.textContent.trim().slice(0, 40))"""
TEXT_PX = """Math.min(...[...document.querySelectorAll('.panels svg')].filter(s => s.checkVisibility())
  .flatMap(s => [...s.querySelectorAll('text')].map(t =>
    parseFloat(getComputedStyle(t).fontSize) * s.clientWidth / s.viewBox.baseVal.width)))"""
CUT = """[...document.querySelectorAll('.panels svg')].filter(s => s.checkVisibility()).flatMap(s => {
  const box = s.getBoundingClientRect();
  return [...s.querySelectorAll('text')].filter(t => {
    const own = t.getBoundingClientRect();
    return own.left < box.left - 2 || own.right > box.right + 2
      || own.top < box.top - 2 || own.bottom > box.bottom + 2;
  }).map(t => s.closest('.panel').dataset.name + ': ' + t.textContent);
})"""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", NAMES)
def test_pages_fit_without_errors_or_requests(
    browser: Browser, pages: dict[str, Path], name: str, width: int, theme: str
) -> None:
    browser.open(pages[name], width=width, theme=theme)
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert browser.evaluate(OVERFLOWING) == []
    browser.evaluate(OPEN_ALL)
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert browser.evaluate(SCROLLING) == []
    assert browser.evaluate(SQUEEZED) == []
    assert browser.errors == []
    assert browser.requests == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_longest_judgement_of_a_comparison_fits(
    browser: Browser, pages: dict[str, Path], width: int
) -> None:
    browser.open(pages["comparison"], width=width)
    words = browser.evaluate(
        "[...document.querySelectorAll('.findings.moved .word')].map(e => "
        "(e.textContent = 'equally far from the reference, or unresolved').length)"
    )
    assert words
    assert browser.evaluate(OVERFLOWING) == []
    assert browser.evaluate(SQUEEZED) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", WITH_FIGURES)
def test_figures_are_whole_and_readable(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    browser.open(pages[name], width=width)
    browser.evaluate(OPEN_ALL)
    assert browser.evaluate(TEXT_PX) >= LEAST_TEXT_PX
    assert browser.evaluate(CUT) == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(browser: Browser, pages: dict[str, Path], axe: str, name: str, theme: str) -> None:
    browser.open(pages[name], width=1440, theme=theme)
    browser.evaluate(OPEN_ALL)
    browser.evaluate(axe)
    found = browser.evaluate(
        "axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes[0].html.slice(0, 160)))"
    )
    assert found == []


@pytest.mark.parametrize("name", REPORTS)
def test_contents_name_every_verdict_and_stay(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name], width=1440)
    shown = browser.evaluate("[...document.querySelectorAll('.contents a')].map(a => [a.hash, a.title])")
    verdicts = browser.evaluate(
        "[...document.querySelectorAll('section[id^=q] > .fold > summary .word')].map(w => w.textContent)"
    )
    assert len(verdicts) == 10
    assert [title.split(": ")[1] for place, title in shown if re.fullmatch(r"#q\d+", place)] == verdicts
    browser.evaluate("document.querySelector('#q6').scrollIntoView()")
    browser.evaluate("new Promise(requestAnimationFrame)")
    assert abs(browser.evaluate("document.querySelector('.contents').getBoundingClientRect().top")) < 1
    assert browser.evaluate("document.querySelector('.contents [aria-current]').hash") == "#q6"


@pytest.mark.parametrize("name", REPORTS)
def test_what_was_not_measured_is_folded_until_a_link_opens_it(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    browser.open(pages[name], width=1440)
    assert browser.evaluate("[...document.querySelectorAll('.unmeasured > .fold[open]')].length") == 0
    assert browser.evaluate("[...document.querySelectorAll('.unmeasured > .fold')].length") > 0
    browser.evaluate("document.querySelector('[data-fold=close]').click()")
    folded = browser.evaluate("document.documentElement.scrollHeight")
    assert folded <= MOST_SCREENS * SCREEN
    browser.evaluate("document.querySelector('.ten a[href=\"#q7\"]').click()")
    browser.evaluate("new Promise(r => setTimeout(r, 50))")
    assert browser.evaluate("document.querySelector('#q7 > .fold').open")


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_prints_on_few_sheets(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name], width=1440)
    sheets = len(re.findall(rb"/Type\s*/Page\b(?!s)", browser.printed()))
    assert 2 <= sheets <= MOST_SHEETS


def test_buttons_deliver_files_that_open(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["defective"], width=1440)
    browser.evaluate(OPEN_ALL)
    name = browser.evaluate("document.querySelector('#q2 .panel').dataset.name")
    for form in ("SVG", "PNG", "PDF"):
        browser.evaluate(f"document.querySelector('#q2 .panel [aria-label$=\"as {form}\"]').click()")
    drawn = ET.fromstring(browser.saved(f"{name}.svg"))  # noqa: S314  (our own page wrote it)
    assert drawn.tag.endswith("svg")
    assert b"var(--" not in browser.saved(f"{name}.svg"), "colours are literal"
    picture = browser.saved(f"{name}.png")
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", picture[16:24])
    assert width > 900
    assert height > 100
    (page,) = PdfReader(io.BytesIO(browser.saved(f"{name}.pdf")), strict=True).pages
    (image,) = page.images
    assert image.image is not None
    assert image.image.size[0] == pytest.approx(4 / 0.75 * float(page.mediabox.width), abs=4)
    assert len(image.image.getcolors(1 << 24) or []) > 10, "a figure, not an empty sheet"
    browser.evaluate("document.querySelector('#scorecard .save button').click()")
    table = browser.saved("headline-numbers-of-the-ten-questions.csv").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(table)))
    assert rows[0][0] == "Metric"
    assert any(row[-1] == "fail" for row in rows)


def test_the_keyboard_reaches_and_opens_a_section(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["sound"], width=1440)
    browser.evaluate("document.querySelector('#q7 > .fold > summary').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13,
            **({"text": "\r"} if kind == "keyDown" else {}),
        )  # fmt: skip
    assert browser.evaluate("document.querySelector('#q7 > .fold').open")
    assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
