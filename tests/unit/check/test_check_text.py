"""The check in words: Markdown, JUnit XML, JSON and plain text, with names that were chosen to break them."""

import json
import re
from xml.etree import ElementTree as ET

import pytest

from plausibrain.reports.check.check import check_run
from plausibrain.reports.check.junit import junit, junit_error
from plausibrain.reports.check.outcomes import CheckResult, judge
from plausibrain.reports.check.page import check_page
from plausibrain.reports.check.rules import Rules
from plausibrain.reports.check.text import as_json, markdown, markdown_error, plain
from tests.unit.compare.factory import World

HOSTILE = "a|b`c` <script>alert(1)</script> & \x00\x1b[31m\n# [x](y) *z* @all \u202e"

# Elements, their attributes and children in the schema that Jenkins reads (xunit plugin, junit-10.xsd).
STRUCTURE = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "id", "file"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": (
        {"name", "time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "skipped": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}  # fmt: skip
REQUIRED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name"}}


def parse(text: str) -> ET.Element:
    return ET.fromstring(text.encode("utf-8"))  # noqa: S314 (written by the function under test)


def assert_follows_schema(element: ET.Element) -> None:
    attributes, children = STRUCTURE[element.tag]
    assert set(element.attrib) <= attributes
    assert REQUIRED.get(element.tag, set()) <= set(element.attrib)
    for child in element:
        assert child.tag in children
        assert_follows_schema(child)


@pytest.fixture(scope="module")
def every_outcome() -> CheckResult:
    """A check with hostile names in which each outcome occurs."""
    subjects = World(n_reference=300, n_generated=150)
    hostile = {"size_1": {"label": HOSTILE}, "size_3": {"status": "failed", "reason": HOSTILE}}
    gone = {"size_2": {"status": "not_applicable", "reason": HOSTILE}}
    baseline = subjects.run(HOSTILE, own=0.2, size_1={"label": HOSTILE}, **gone).snapshot()
    run = subjects.run(f"new {HOSTILE}", ids="b", own=0.2, shift=[1.2, 0, 0, 0], **hostile, **gone).snapshot()
    wanted = Rules.model_validate(
        {
            "rules": [
                {"headlines": "spread", "absolute": 9.0},
                {"headlines": "*", "absolute": 0.05, "required": False},
            ]
        }
    )
    result = judge(run, baseline, wanted)
    assert {row.outcome for row in result.rows} == {"pass", "fail", "inconclusive", "missing", "left out"}
    return result


def test_junit_follows_the_schema_and_counts_what_it_holds(every_outcome):
    root = parse(junit(every_outcome))
    assert_follows_schema(root)
    suite = root.find("testsuite")
    cases = suite.findall("testcase")
    assert int(suite.get("tests")) == len(cases) == len(every_outcome.rows)
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(attribute)) == len(suite.findall(f"testcase/{tag}")) > 0


def test_junit_maps_each_outcome(every_outcome):
    tags = {
        case.get("name").split(" [")[0]: next(iter(case)).tag
        for case in parse(junit(every_outcome)).iter("testcase")
    }
    expected = {"fail": "failure", "missing": "error", "inconclusive": "error", "left out": "skipped"}
    for row in every_outcome.rows:
        assert tags[row.name] == expected.get(row.outcome, "system-out")


def test_junit_has_one_unique_case_per_rule_and_headline(every_outcome):
    cases = [
        (case.get("classname"), case.get("name")) for case in parse(junit(every_outcome)).iter("testcase")
    ]
    assert len(set(cases)) == len(cases)
    assert all("." not in classname.removeprefix("plausibrain.check.") for classname, _ in cases)


def test_junit_of_a_check_that_could_not_be_made():
    root = parse(junit_error(HOSTILE, f"first line\nsecond {HOSTILE}"))
    assert_follows_schema(root)
    assert root.find("testsuite/testcase/error").get("message") == "first line"


def test_markdown_tables_keep_their_columns_with_pipes_in_names(every_outcome):
    table = [line for line in markdown(every_outcome).splitlines() if line.startswith("|")]
    bad = [row for row in every_outcome.rows if row.outcome in ("fail", "missing", "inconclusive")]
    assert len(table) == 2 + len(bad)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {9}


@pytest.mark.parametrize("write", [markdown, plain, junit, check_page])
def test_hostile_names_cannot_leave_their_place(every_outcome, write):
    text = write(every_outcome)
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "\u202e" not in text or write is junit  # a viewer of XML shows it, but reads no mark-up from it
    if write is not plain:
        assert "<script>alert" not in text


def test_markdown_escapes_mark_up(every_outcome):
    text = markdown(every_outcome)
    assert r"a\|b\`c\` &lt;script&gt;" in text
    assert "@all" not in text
    assert "\n# [x]" not in text
    assert r"\# \[x\](y) \*z\*" in text


def test_markdown_of_an_error_escapes_it():
    text = markdown_error(f"bad\n  {HOSTILE}")
    assert "<script" not in text
    assert text.count("\n- ") == 2  # the list keeps the lines of the message, hostile or not


def test_a_failing_markdown_says_what_how_much_how_sure_and_what_next(worse, baseline):
    text = check_run(worse, baseline=baseline).markdown
    lines = [line for line in text.splitlines() if line]
    assert lines[0] == "## Regression check: FAIL"
    assert re.match(r"\*\*\d+ failed, \d+ inconclusive, \d+ improved, \d+ passed", lines[1])
    assert re.match(r"First: \*\*Hippocampus, left: worse by \+[\d.]+ SD \(at least .* allowed ", lines[2])
    for part in (
        "Size of Left-Hippocampus, d",
        "600 generated and 300 reference subjects",
        "Next: Compare both runs (`plausibrain compare",
        "write a new baseline",
    ):
        assert part in text, part
    assert len(text.splitlines()) <= 40
    assert "paired" in text


def test_a_terminal_counts_the_structures_that_are_fine(same, baseline):
    text = check_run(same, baseline=baseline).text
    assert "4 single structures" in text
    assert "structure:" not in text
    assert len(text.splitlines()) < 30


def test_a_terminal_names_the_structure_that_fails(worse, baseline):
    text = check_run(worse, baseline=baseline).text
    assert "Hippocampus, left  [structure:Left-Hippocampus]" in text
    assert "3 single structures" in text


def test_json_is_complete_and_strict(every_outcome):
    content = json.loads(as_json(every_outcome), parse_constant=pytest.fail)
    assert content["status"] == "fail"
    assert content["exit_code"] == 1
    assert len(content["rows"]) == len(every_outcome.rows)
    first = content["rows"][0]
    assert first["worsening"] > first["allowed"]
    assert first["at_least"] <= first["worsening"] <= first["at_most"]
    assert first["n_generated"] == 150
    missing = next(row for row in content["rows"] if row["outcome"] == "missing")
    assert missing["worsening"] is None


def test_files_are_written_beside_each_other(same, baseline, tmp_path):
    result = check_run(same, baseline=baseline, out=tmp_path / "out")
    assert sorted(path.name for path in result.files) == [
        "check.html", "check.json", "check.md", "check.txt", "check.xml",
    ]  # fmt: skip
    assert (tmp_path / "out" / "check.txt").read_text(encoding="utf-8") == result.text
    assert_follows_schema(parse((tmp_path / "out" / "check.xml").read_text(encoding="utf-8")))


def test_many_failures_fit_into_a_comment():
    """GitHub refuses comments above 65,536 characters."""
    subjects = World(n_draws=200)
    extra = {f"size_{k}": {"label": "x" * 200} for k in range(4)}
    run, baseline = (
        subjects.run("new", shift=2.0, **extra).snapshot(),
        subjects.run("old", **extra).snapshot(),
    )
    result = judge(run, baseline, Rules.model_validate({"rules": [{"headlines": "*"}]}))
    many = type(result)(**{**result.__dict__, "rows": result.rows * 15})
    assert len(markdown(many)) < 65_536
    assert "every number is in `check.html`" in markdown(many)
