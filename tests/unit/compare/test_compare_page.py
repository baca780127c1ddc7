"""The comparison page: it answers first, holds together, and shows hostile names as text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.tables import read_table
from plausibrain.reports.compare.compare import compare_runs
from plausibrain.reports.compare.page import detectable
from plausibrain.reports.compare.tables import COMPARE, MOVED, RANKS
from plausibrain.reports.formatting import MISSING
from tests.unit.compare.factory import HEADLINES, World

HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }} | x"
VOID = {"meta", "link", "br", "img", "input", "hr", "col"}


class Page(HTMLParser):
    """Tags in balance, ids once, text collected by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"]] if found.get("id") else []
        self.links += [value for key in ("href", "src") if (value := found.get(key))]
        self.scripts += tag == "script"
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.stack):
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    world, folder = World(n_generated=300), tmp_path_factory.mktemp("runs")
    made = {
        "old": {"shift": [0.8, 0.3, -0.3, 0], "scale": 0.7, "own": 0.5},
        "new": {"shift": [0.05, 0.3, 0.35, 0], "own": 0.5},
        "third": {"ids": "h", "shift": [1.2, -0.6, 0, 0.1], "scale": 0.5},
    }
    return [world.run(name, **more).write(folder / name) for name, more in made.items()]


def page_of(runs: list[Path], out: Path) -> Page:
    page = Page(compare_runs(runs, out).read_text(encoding="utf-8"))
    assert page.stack == []
    assert len(page.ids) == len(set(page.ids))
    return page


@pytest.mark.parametrize("n", [2, 3])
def test_the_page_answers_which_is_better_on_what_and_whether_it_is_resolved(runs, n, tmp_path):
    words = page_of(runs[:n], tmp_path).words
    opening = words[: words.index("By question")]
    assert re.search("Keep new: better on [23], worse on 0, [01] unresolved, 7 not measured", opening)
    assert "new is significantly better on “Regional volumes”" in opening
    assert "300 generated, 150 reference subjects" in opening
    assert "Reference subjects the same in all runs" in opening


def test_equal_runs_are_not_resolved(tmp_path):
    world = World()
    folders = [world.run(name, ids=name).write(tmp_path / name) for name in "ab"]
    words = page_of(folders, tmp_path / "out").words
    assert "No difference is resolved: better on 0, worse on 0, 3 unresolved, 7 not measured" in words
    assert "within chance at this number of subjects" in words


def test_a_structure_that_moved_is_named_where_no_question_is_decided(tmp_path):
    """Twelve structures in one headline can hide one of them; here the headlines are withheld."""
    world, withheld = World(n_generated=300), {name: {"verdict": "not judged"} for name in HEADLINES}
    shifts = {"a": 0.0, "b": [0.8, 0, 0, 0]}
    folders = [
        world.run(name, shift=shift, own=0.1, **withheld).write(tmp_path / name)
        for name, shift in shifts.items()
    ]
    words = page_of(folders, tmp_path / "out").words
    assert "No question is decided. Hippocampus is further from the reference in b" in words


def test_runs_better_here_and_there_have_no_winner(tmp_path):
    world = World(n_generated=400)
    a = world.run("a", shift=0.8).write(tmp_path / "a")
    b = world.run("b", scale=0.5).write(tmp_path / "b")
    assert "No single best run. a: better on" in page_of([a, b], tmp_path / "out").words


def test_runs_told_apart_without_a_winner_are_ordered(tmp_path):
    world = World(n_generated=400)
    shifts = {"a": 0.0, "b": 0.0, "c": 1.0}
    folders = [
        world.run(name, ids=name, shift=shift).write(tmp_path / name) for name, shift in shifts.items()
    ]
    words = page_of(folders, tmp_path / "out").words
    assert "No single best run." in words
    assert "On “Regional volumes”: a and b over c." in words


def test_detectable_differences_are_real_numbers_or_a_dash(runs, tmp_path):
    """A number of one decimal hid them: none may read as zero."""
    text = compare_runs(runs, tmp_path).read_text(encoding="utf-8")
    shown = re.findall(r'data-label="Minimum detectable">([^<]+)<', text)
    assert len(shown) == 2 * len(HEADLINES)
    assert all(value == MISSING or set(value) & set("123456789") for value in shown)
    assert detectable(3e-5, "SD") == "< 0.0001"
    assert detectable(0.0, "SD") == MISSING


def answer_of(folder: Path) -> str:
    return str(json.loads((folder / "answer.json").read_text(encoding="utf-8"))["answer"])


@pytest.mark.parametrize("n", [5, 12])
def test_many_runs_share_a_page_that_ranks_them(tmp_path, n):
    world = World(n_draws=100, n_generated=60)
    folders = [
        world.run(f"variant {place}", ids=str(place), shift=0.1 * place).write(tmp_path / str(place))
        for place in range(n)
    ]
    words = page_of(folders, tmp_path / "out").words
    opening = words[: words.index("By question")]
    assert "Ranks over all questions that could be judged" in opening
    assert re.search(r"interval variant [012] \d+ \d+ \d+ \d+ \d+ % \d\.\d", opening), "the best stands first"
    assert len(answer_of(tmp_path / "out")) < 120
    assert sum(f"variant {place} " in opening for place in range(n)) == n
    assert "more" in answer_of(tmp_path / "out") or n == 5, "a few of many are named"


def test_runs_without_a_common_number_say_so(tmp_path):
    gone = {name: {"status": "failed", "reason": "nothing was segmented"} for name in HEADLINES}
    world = World()
    a, b = world.run("a").write(tmp_path / "a"), world.run("b", **gone).write(tmp_path / "b")
    words = page_of([a, b], tmp_path / "out").words
    assert "Nothing can be compared" in words
    assert "nothing was segmented" in words


def test_the_page_says_what_is_shared(runs, tmp_path):
    words = page_of(runs, tmp_path).words
    assert "old and new same same ids" in words
    assert "old and third same other" in words
    assert "paired: same metadata rows and seeds" in words


def test_another_reference_of_the_same_protocol_is_unpaired(tmp_path):
    a = World(seed=1).run("a").write(tmp_path / "a")
    b = World(seed=1, reference_seed=2).run("b").write(tmp_path / "b")
    words = page_of([a, b], tmp_path / "out").words
    assert "Draws are compared as independent" in words
    assert "Reference subjects not the same in all runs" in words
    table = read_table(tmp_path / "out" / "compare.tsv", COMPARE)
    assert (table.reference_subjects == "other").all()
    assert (table.correlation.abs() < 0.25).all()


def test_the_page_is_one_file_without_network(runs, tmp_path):
    page = page_of(runs, tmp_path)
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_tables_are_written_with_their_dictionaries(runs, tmp_path):
    compare_runs(runs, tmp_path)
    table = read_table(tmp_path / "compare.tsv", COMPARE)
    assert len(table) == 3 * len(HEADLINES)
    assert set(read_table(tmp_path / "ranks.tsv", RANKS).run) == {"old", "new", "third"}
    moved = read_table(tmp_path / "moved.tsv", MOVED)
    assert len(moved) == 3 * 4
    assert json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))["mde"]["Description"]


def test_hostile_names_are_text(tmp_path):
    world = World()
    label = {"size_0": {"label": HOSTILE, "unit": HOSTILE, "verdict": HOSTILE}}
    a = world.run(f"a {HOSTILE}", **label).write(tmp_path / "a")
    b = world.run(f"b {HOSTILE}", shift=0.9, size_1={"status": "failed", "reason": HOSTILE}, **label)
    folder = b.write(tmp_path / "b")
    results = pd.read_csv(folder / "tables" / "results.tsv", sep="\t", keep_default_na=False)
    for run in (tmp_path / "a", folder):
        results.assign(structure=f"s {HOSTILE}").to_csv(run / "tables" / "results.tsv", sep="\t", index=False)
    page = page_of([a, folder], tmp_path / "out")
    clean = page_of([world.run(n).write(tmp_path / n) for n in "cd"], tmp_path / "out2")
    assert page.scripts == clean.scripts
    assert "<script>alert(1)</script>" in page.words
    assert "{{ 7*7 }}" in page.words


def test_runs_of_one_name_are_told_apart(tmp_path):
    world = World(n_draws=200)
    a, b = (world.run("same", ids=i).write(tmp_path / i) for i in "ab")
    c = world.run("same", ids="c").write(tmp_path / "deeper" / "a")
    words = page_of([a, b, c], tmp_path / "out").words
    for name in ("same (a) #1", "same (b)", "same (a) #3"):
        assert name in words


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_runs_are_an_error(runs, count, tmp_path):
    with pytest.raises(DataError, match="two or more different run folders"):
        compare_runs(runs[:count], tmp_path)


def test_a_run_given_twice_is_an_error(runs, tmp_path):
    with pytest.raises(DataError, match="two or more different run folders"):
        compare_runs([runs[0], runs[1], runs[0]], tmp_path)


def test_a_file_is_no_run(runs, tmp_path):
    (tmp_path / "x").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="expected a run folder, but got"):
        compare_runs([runs[0], tmp_path / "x"], tmp_path)


def test_different_protocols_are_refused(runs, tmp_path):
    other = World(protocol={"segmenter": "freesurfer"}).run("x").write(tmp_path / "x")
    with pytest.raises(DataError, match=r"segmenter: .* in old, freesurfer in x"):
        compare_runs([runs[0], other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_headline_of_only_one_run_is_shown_with_the_reason(runs, tmp_path):
    card = json.loads((runs[1] / "scorecard.json").read_text(encoding="utf-8"))
    card["questions"][2]["headlines"] = []
    world = World(n_generated=300)
    folder = world.run("without spread").write(tmp_path / "w")
    (folder / "scorecard.json").write_text(json.dumps(card | {"name": "without"}), encoding="utf-8")
    assert "no such headline" in page_of([runs[0], folder], tmp_path / "out").words


def test_the_same_input_gives_the_same_page(runs, tmp_path):
    first, second = (compare_runs(runs, tmp_path / name).read_bytes() for name in "ab")
    assert first == second


def test_the_page_stays_small_with_a_hundred_structures(runs, tmp_path):
    folders = []
    for run in runs[:2]:
        folder = World(n_generated=300, n_draws=200).run(run.name).write(tmp_path / run.name)
        results = pd.read_csv(folder / "tables" / "results.tsv", sep="\t", keep_default_na=False)
        rows = [
            results.iloc[[0]].assign(structure=f"s{k}", estimate=float(np.sin(k + len(folders))))
            for k in range(101)
        ]
        pd.concat(rows).to_csv(folder / "tables" / "results.tsv", sep="\t", index=False)
        folders.append(folder)
    assert compare_runs(folders, tmp_path / "out").stat().st_size < 500_000
