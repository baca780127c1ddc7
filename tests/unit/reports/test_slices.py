"""Pictures on the page: named, explained, inlined up to a budget, and absent without complaint."""

import base64

from reports import slices
from reports.run_folder import Run
from reports.slices import slices_of
from tests.unit.reports.page_parser import Page


def test_a_generated_image_stands_above_its_real_neighbour(run: Run) -> None:
    (group,) = slices_of(run, 0)
    assert group.title == "Drawn at random"
    assert [[s.cohort for s in pair] for pair in group.pairs] == [["generated", "reference"]] * 2
    content = group.pairs[0][0].source.removeprefix("data:image/png;base64,")
    assert base64.b64decode(content) == b"\x89PNG made up"


def test_the_caption_says_who_it_is_and_what_stands_out(run: Run) -> None:
    ((generated, real),) = slices_of(run, 7)[0].pairs
    person = run.table("slices").iloc[4]
    assert generated.caption.startswith(
        f"Generated {person.participant_id}, {person.age:.0f} years, {person.sex}. "
    )
    assert generated.caption.endswith("The fwhm_mean +4.2 SD")
    assert real.caption.endswith("the file is broken")
    assert real.source == ""
    assert "three planes" in generated.alt


def test_the_page_shows_them_where_they_belong(html: str) -> None:
    parsed = Page.of(html)
    assert len(parsed.all("img")) == 5  # three pairs, one of which lacks a picture
    assert "images" in parsed.values("id")
    assert html.index("Drawn at random") < html.index("Images that stand out most")


def test_pairs_beyond_the_budget_are_left_out_whole(run: Run, monkeypatch) -> None:
    monkeypatch.setattr(slices, "BUDGET_BYTES", 30)  # a pair takes 24
    (group,) = slices_of(run, 0)
    assert len(group.pairs) == 1
    assert slices_of(run, 7) == []


def test_a_run_without_pictures_has_no_place_for_them(run: Run) -> None:
    bare = Run(run.path, run.record, run.scorecard, {"slices": run.table("slices").head(0)})
    assert [slices_of(bare, question) for question in range(11)] == [[]] * 11
