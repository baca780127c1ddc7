"""Over random runs: no row, mark or sentence of a comparison or check page contradicts its verdict.

Runs are simulated numbers whose bias and spread are off by random amounts, paired or not. Everything is read
back from the pages as a reader sees it: the numbers of a row, where its marks lie, and the words beside them.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from plausibrain.cohorts.tables import read_table
from plausibrain.reports.check.check import check_run
from plausibrain.reports.compare.compare import compare_runs
from plausibrain.reports.compare.tables import COMPARE, MOVED
from tests.unit.compare.factory import HEADLINES, World
from tests.unit.reports.page_parser import Page

SEEDS = range(6)
NAMES = ("first", "second")
VERDICTS = ("pass", "fail", "inconclusive", "not judged")
TITLES = {facts["label"]: name for name, (_, facts) in HEADLINES.items()}


@dataclass
class Row:
    """Cells of a table row in their order, and the section of the table."""

    section: str
    cells: list[str] = field(default_factory=list)


def rows_of(page: Path) -> list[Row]:
    """Return the rows of all tables with the section they stand in."""
    rows, section = list[Row](), ""
    for element in Page.of(page.read_text(encoding="utf-8")).elements:
        if element.tag == "section":
            section = element.attributes.get("id") or ""
        elif element.tag == "tr":
            rows.append(Row(section))
        elif element.tag in ("td", "th") and rows:
            rows[-1].cells.append(plain(element.text))
    return rows


def plain(text: str) -> str:
    text = " ".join(text.replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ").split())
    return re.sub(r"(?<=\d),(?=\d{3})", "", text)


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"(?<![\w.])[-+]?\d+\.?\d*", text)]


def rounding(text: str) -> float:
    """Half of the last digit of the coarsest number of a text."""
    decimals = [len(number.partition(".")[2]) for number in re.findall(r"\d+\.?\d*", text)]
    return 0.5 * 10 ** -min(decimals, default=0)


@pytest.fixture(scope="module", params=SEEDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng, out = np.random.default_rng(request.param), tmp_path_factory.mktemp("runs")
    n = int(rng.choice([60, 150, 400]))
    world = World(seed=request.param, n_reference=n, n_generated=n, n_draws=200)
    for name in NAMES:
        withheld = {h: {"verdict": str(rng.choice(VERDICTS))} for h in HEADLINES}
        world.run(
            name, ids=str(rng.choice(["same", name])), own=float(rng.choice([0.05, 1.0])),
            shift=rng.choice([0.0, 0.005, 0.2, -0.2, 0.8, -0.9], 4), scale=float(rng.choice([0.6, 1.0, 1.3])),
            **withheld,
        ).write(out / name)  # fmt: skip
    compare_runs([out / name for name in NAMES], out / "comparison")
    check_run(out / "second", baseline=out / "first", out=out / "check")
    return out


def test_the_better_run_has_the_better_number_and_mark(folder: Path) -> None:
    table = read_table(folder / "comparison" / "compare.tsv", COMPARE).set_index("headline")
    title, seen, value_of = "", 0, dict[str, float]()
    for row in rows_of(folder / "comparison" / "compare.html"):
        if row.section != "headlines" or not row.cells:
            continue
        if len(row.cells) == 1:
            title = next((label for label in TITLES if row.cells[0].startswith(label)), title)
        elif row.cells[0] in NAMES:
            value_of[row.cells[0]] = numbers(row.cells[1])[0]
        if len(row.cells) < 5 or row.cells[0] != "second":
            continue
        seen += 1
        entry, (_, value, difference, _, better) = table.loc[TITLES[title]], row.cells
        change, low, high = numbers(difference)
        fuzz = rounding(difference) + 2 * rounding(value)
        assert value_of["second"] - value_of["first"] == pytest.approx(change, abs=2 * fuzz), title
        assert low <= change <= high
        expected = {"not resolved": "Not resolved", "negligible": "Negligible difference"}
        words = expected.get(entry.nearer_ideal, entry.nearer_ideal)
        if words == "Not resolved" and entry.resolved == "yes":
            words = "They differ; which is better is not resolved"
        assert better == words, title
        withheld = "not judged" in {verdict_of(folder / name, TITLES[title]) for name in NAMES}
        assert (better == "not judged") == withheld, title
        if better in NAMES:
            other = NAMES[1 - NAMES.index(better)]
            assert loss(title, value_of[better]) <= loss(title, value_of[other]) + fuzz, title
            assert low > 0 or high < 0 or min(abs(low), abs(high)) <= rounding(difference), title
    assert seen == len(HEADLINES)


def loss(title: str, value: float) -> float:
    facts = HEADLINES[TITLES[title]][1]
    scale = 100 if facts["unit"] == "share" else 1
    return -value if facts["better"] == "higher" else abs(value - scale * facts["ideal"])


def verdict_of(run: Path, headline: str) -> str:
    text = (run / "scorecard.json").read_text(encoding="utf-8")
    return re.search(rf'"name": "{headline}".*?"verdict": "([a-z ]+)"', text)[1]  # type: ignore[index]


def test_the_answer_counts_what_the_rows_say(folder: Path) -> None:
    page = folder / "comparison" / "compare.html"
    rows = [row.cells for row in rows_of(page) if row.section == "questions" and len(row.cells) == 5][1:]
    outcomes = Counter(cells[3] for cells in rows)
    answer = plain(Page.of(page.read_text(encoding="utf-8")).all("h1")[0].text)
    if " is " in answer and "No question is decided" in answer:
        assert not outcomes["first"]
        assert not outcomes["second"]
        return
    better = re.findall(r"better on (\d+), worse on (\d+)", answer)
    place = 1 if answer.startswith("Keep second") else 0
    won, lost = (outcomes[name] for name in (NAMES[place], NAMES[1 - place]))
    assert better[0] == (str(won), str(lost))
    assert answer.startswith("Keep") == (bool(won) != bool(lost))
    headlines = read_table(folder / "comparison" / "compare.tsv", COMPARE)
    for cells in rows:
        if cells[3] in NAMES:
            own = headlines[headlines.question == int(cells[0].split(".")[0])].nearer_ideal
            assert (own == cells[3]).any()
            assert not (own == NAMES[1 - NAMES.index(cells[3])]).any()


def test_structures_that_are_called_further_away_are(folder: Path) -> None:
    moved = read_table(folder / "comparison" / "moved.tsv", MOVED)
    closer, further = (np.abs(moved.d_second) < np.abs(moved.d_first), moved.nearer == 1)
    assert not (closer & further).any()
    assert not (~closer & (moved.nearer == 2)).any()
    text = (folder / "comparison" / "compare.html").read_text(encoding="utf-8")
    for element in Page.of(text[text.index("<header") : text.index("</header>") + 9]).elements:
        words = plain(element.text)
        if element.tag != "li" or "SD" not in words:
            continue
        ends = [(float(a), float(b)) for a, b in re.findall(r"from (-?[\d.]+) to (-?[\d.]+)", words)]
        if words.endswith("further from the reference"):
            assert all(abs(second) >= abs(first) for first, second in ends), words
        elif words.endswith("closer to the reference"):
            assert all(abs(second) <= abs(first) for first, second in ends), words


def test_rows_of_a_check_stand_under_their_outcome(folder: Path) -> None:
    page, counts = folder / "check" / "check.html", Counter[str]()
    labels = dict[str, str]()
    for row in rows_of(page):
        if len(row.cells) != 6 or row.cells[0] == "Metric":
            continue
        counts[row.section] += 1
        labels.setdefault(row.section, row.cells[0])
        _, _, _, change, bounds, allowed = row.cells
        if change == "–":
            continue
        (low, high), limit, fuzz = numbers(bounds), numbers(allowed)[0], rounding(bounds + " " + allowed)
        assert low - fuzz <= numbers(change)[0] <= high + fuzz
        if row.section == "fail":
            assert low >= limit - fuzz
        elif row.section in ("pass", "improved"):
            assert high <= limit + fuzz
            assert row.section == "pass" or high <= fuzz, "an improvement is beyond chance"
        elif row.section == "inconclusive":
            assert low <= limit + fuzz
            assert high >= limit - fuzz
    heading = plain(Page.of(page.read_text(encoding="utf-8")).all("h1")[0].text)
    tally = {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", heading)}
    blocks = {"failed": "fail", "inconclusive": "inconclusive", "improved": "improved", "passed": "pass"}
    assert {word: tally[word] for word in blocks} == {word: counts[name] for word, name in blocks.items()}
    words = {"fail": "Fails", "missing": "Incomplete", "inconclusive": "Inconclusive"}
    assert heading.startswith(next((words[name] for name in words if counts[name]), "Passes"))
    if counts["fail"]:
        lede = plain(next(e.text for e in Page.of(page.read_text("utf-8")).elements
                          if e.attributes.get("class") == "lede"))  # fmt: skip
        assert labels["fail"].startswith(lede.partition("First: ")[2].partition(":")[0])


def test_what_fails_a_check_is_not_called_better_by_the_comparison(folder: Path) -> None:
    table = read_table(folder / "comparison" / "compare.tsv", COMPARE).set_index("label")
    for row in rows_of(folder / "check" / "check.html"):
        label = next((label for label in TITLES if row.cells and row.cells[0].startswith(label)), None)
        if label and row.section == "fail":
            assert table.nearer_ideal[label] != "second", label
        elif label and row.section == "improved":
            assert table.nearer_ideal[label] != "first", label
