"""The page as a document: well formed, self-contained, accessible, safe and reproducible."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.reports.report import page, write_report
from plausibrain.reports.run_folder import Run, read_run
from tests.unit.reports.factory import Names, make_run
from tests.unit.reports.page_parser import Page

EVIL = "<script>alert('x')</script>\"'&$\\frac{1}{0}$ {{ 7*7 }}"
MAX_BYTES_101 = 2_000_000


@pytest.fixture(scope="module")
def parsed(html: str) -> Page:
    return Page.of(html)


def test_page_is_balanced(parsed: Page) -> None:
    assert parsed.problems == []
    assert parsed.comments == []


def test_ids_are_unique_and_every_reference_has_its_target(parsed: Page) -> None:
    ids = parsed.values("id")
    assert sorted(set(ids)) == sorted(ids)
    targets = [value[1:] for value in parsed.values("href") if value.startswith("#")]
    targets += [name for value in parsed.values("aria-labelledby") for name in value.split()]
    targets += re.findall(r"url\(#([^)]+)\)", " ".join(parsed.values("clip-path")))
    assert targets
    assert set(targets) <= set(ids)


def test_nothing_is_loaded(html: str, parsed: Page) -> None:
    loads = [
        *parsed.values("src"),
        *parsed.values("srcset"),
        *(e.attributes["href"] for e in parsed.all("link")),
    ]
    loads += [e.attributes.get("href", "") for e in (*parsed.all("image"), *parsed.all("use"))]
    assert all(value.startswith(("data:", "#")) for value in loads)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    outside = {value for value in parsed.values("href") if "://" in value}
    assert outside
    assert all(value.startswith("https://doi.org/") for value in outside)
    assert html.count("http://") == 0


def test_every_picture_has_a_name(parsed: Page) -> None:
    for svg in parsed.all("svg"):
        hidden = svg.attributes.get("aria-hidden") == "true"
        named = svg.attributes.get("role") == "img" and svg.attributes.get("aria-label", "").strip()
        assert hidden or named
    assert all((image.attributes.get("alt") or "").strip() for image in parsed.all("img"))


def test_figures_are_described_by_their_numbers(parsed: Page) -> None:
    drawn = [s for s in parsed.all("svg") if "max-width" in (s.attributes.get("style") or "")]
    assert len(drawn) > 20
    assert all(re.search(r"\d", svg.attributes["aria-label"] or "") for svg in drawn)


def test_tables_have_headers_and_captions(parsed: Page) -> None:
    headers = parsed.all("th")
    assert headers
    assert all(th.attributes.get("scope") in {"col", "row", "rowgroup"} for th in headers)
    assert len(parsed.all("caption")) == len(parsed.all("table"))
    assert all(caption.text.strip() for caption in parsed.all("caption"))


def test_headings_skip_no_level(parsed: Page) -> None:
    levels = [int(e.tag[1]) for e in parsed.elements if re.fullmatch(r"h[1-6]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_document_states_language_title_and_skip_link(parsed: Page) -> None:
    assert parsed.all("html")[0].attributes["lang"] == "en"
    assert parsed.all("title")[0].text == (
        "ldm-1 against clinic-a: Fails on regional volumes, variability, conditioning, and distribution and "
        "coverage"
    )
    first_link = parsed.all("a")[0]
    assert first_link.attributes["href"] == "#content"
    assert parsed.all("main")[0].attributes["id"] == "content"


def test_the_answer_comes_first(html: str) -> None:
    start = html.index("<body>")
    places = [
        html.index(text, start)
        for text in (
            "Fails on regional volumes",
            "Largest biases",
            "Effect sizes on the brain",
            "Usable images",
        )
    ]
    assert places == sorted(places)
    assert places[-1] < html.index('id="scorecard"')


def test_all_ten_questions_have_a_section(parsed: Page) -> None:
    ids = set(parsed.values("id"))
    assert {f"q{number}" for number in range(1, 11)} <= ids


def test_verdicts_are_words_beside_their_shape(parsed: Page) -> None:
    words = {e.text for e in parsed.all("span") if e.attributes.get("class") == "word"}
    assert {"pass", "fail", "inconclusive", "not measured"} <= words


def test_missing_numbers_show_a_dash_and_their_reason(html: str) -> None:
    assert re.search(r'class="missing">– <span class="why">no brain volume requested', html)
    assert '<p class="missing">No brain volume requested.</p>' in html
    assert "needs images of training subjects" in html
    assert "undefined on these subjects" in html
    assert not re.search(r">\s*(nan|None|NaN|inf)\s*<", html)


def test_settings_stand_in_the_record_once(run: Run, tmp_path: Path) -> None:
    record = {**run.record, "protocol": {"settings": dict(run.settings), "metric_version": 1}}
    (tmp_path / "tables").mkdir()
    for name in ("scorecard.json", "tables/results.tsv"):
        (tmp_path / name).write_bytes((run.path / name).read_bytes())
    (tmp_path / "run.json").write_text(json.dumps(record), encoding="utf-8")
    terms = [e.text for e in Page.of(page(read_run(tmp_path))).all("dt")]
    assert terms.count("n resamples") == 1
    assert not [term for term in terms if term.startswith("protocol / settings")]
    assert "protocol / metric version" in terms


def test_a_caveat_is_said_once_for_all_its_headlines(html: str) -> None:
    assert html.count("Left and right count apart") == 1
    assert "Head size (TIV), difference and Largest difference:</strong>" in html


def test_same_run_gives_the_same_bytes_where_it_is_told(run_folder: Path, html: str, tmp_path: Path) -> None:
    written = write_report(run_folder, tmp_path / "deep" / "page.html")
    assert written == tmp_path / "deep" / "page.html"
    assert written.read_text(encoding="utf-8") == html


def test_write_report_writes_into_the_run(bare_folder: Path) -> None:
    assert write_report(bare_folder, formats=("svg",)) == bare_folder / "report.html"
    assert (bare_folder / "report.html").read_text(encoding="utf-8") == page(read_run(bare_folder))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    names = Names(
        run=EVIL, reference=EVIL, generated=EVIL, reason=EVIL,
        subject=EVIL.replace("{", "{{").replace("}", "}}") + "{cohort}{row}",
         structures={"Left-Hippocampus": EVIL, "Left-Thalamus": "мозг 脳 \u202e"},
    )  # fmt: skip
    return page(read_run(make_run(tmp_path_factory.mktemp("hostile"), n=60, names=names)))


def test_hostile_names_stay_text(hostile: str) -> None:
    parsed = Page.of(hostile)
    assert parsed.problems == []
    assert len(parsed.all("script")) == 1
    assert "<script>alert" not in hostile
    assert not [name for e in parsed.elements for name in e.attributes if name.startswith("on")]
    assert any(EVIL in p.text for p in parsed.all("p"))
    assert "{{ 7*7 }}" in hostile


def test_hostile_structure_is_drawn_as_it_is_written(hostile: str) -> None:
    texts = [e.text for e in Page.of(hostile).all("text")]
    assert any("alert(" in text and "\\frac" in text for text in texts)
    assert any("脳" in text for text in texts)


def test_101_structures_stay_small(tmp_path: Path) -> None:
    text = page(read_run(make_run(tmp_path / "run", n_structures=101, n=150)))
    assert len(text.encode()) < MAX_BYTES_101


def test_a_run_without_optional_tables_has_a_page(bare_folder: Path) -> None:
    text = page(read_run(bare_folder))
    assert Page.of(text).problems == []
    assert "No rows were excluded or modified" in text


def test_a_scorecard_without_optional_fields_has_a_page(run_folder: Path, tmp_path: Path) -> None:
    card = json.loads((run_folder / "scorecard.json").read_text(encoding="utf-8"))
    for key in ("settings", "design", "reference", "generated"):
        card[key] = {}
    card["questions"][1]["headlines"] = [{"name": "size_head", "estimate": 0.3}]
    (tmp_path / "tables").mkdir()
    for name in ("run.json", "tables/results.tsv"):
        (tmp_path / name).write_bytes((run_folder / name).read_bytes())
    (tmp_path / "scorecard.json").write_text(json.dumps(card), encoding="utf-8")
    assert Page.of(page(read_run(tmp_path))).problems == []


def test_no_run_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a run folder"):
        write_report(tmp_path / "nowhere")


def test_no_stop_follows_a_stop_in_the_references(html: str) -> None:
    items = re.findall(r'<li id="ref-\d+">([^<]*)', html)
    assert any(" et al. " in item for item in items)
    assert not [item for item in items if ".." in item]
