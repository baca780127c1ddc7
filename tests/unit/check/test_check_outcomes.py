"""What passes, fails, is missing or inconclusive, and what the user is told."""

import json
import math

import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.reports.baseline import write_baseline
from plausibrain.reports.check.check import check_run
from plausibrain.reports.check.outcomes import judge
from plausibrain.reports.check.page import check_page
from plausibrain.reports.check.rules import Rules, read_rules
from plausibrain.reports.check.text import tally
from tests.unit.compare.factory import HEADLINES, STRUCTURES, World


def rules(*entries: dict) -> Rules:
    return Rules.model_validate({"rules": list(entries)})


def judged(wanted: Rules, *, new: dict | None = None, old: dict | None = None, **world):
    subjects = World(**world)
    made = (subjects.run(name, **{"own": 0.3, **(more or {})}) for name, more in (("new", new), ("old", old)))
    run, baseline = (one.snapshot(structures=True) for one in made)
    return judge(run, baseline, wanted)


def row_of(result, name: str):
    return next(row for row in result.rows if row.name == name)


def test_an_equal_run_passes(same, baseline):
    result = check_run(same, baseline=baseline)
    assert (result.status, result.exit_code) == ("pass", 0)
    assert result.count("pass") == len(HEADLINES) + len(STRUCTURES)
    assert result.text.startswith("PASS  0 failed, 0 inconclusive")


def test_a_run_passes_against_itself_with_nothing_allowed(baseline, tmp_path):
    strict = tmp_path / "rules.yaml"
    strict.write_text("rules: [{headlines: '*'}]", encoding="utf-8")
    assert check_run(baseline, baseline=baseline, rules=strict).status == "pass"


def test_a_worse_run_fails_on_what_is_worse(worse, baseline):
    result = check_run(worse, baseline=baseline)
    assert (result.status, result.exit_code) == ("fail", 1)
    assert row_of(result, "size_0").outcome == "fail"
    assert row_of(result, "size_1").outcome == "pass"
    assert result.rows[0].outcome == "fail"  # worst first


def test_an_improvement_passes(worse, baseline):
    assert row_of(check_run(baseline, baseline=worse), "size_0").outcome == "pass"


def hidden(**world):
    """A second structure goes wrong in the run; the headline of the worst one sees no change."""
    worst = {"label": "Largest difference", "estimate": 0.9, "ci_low": 0.8, "ci_high": 1.0, "se": 0.05}
    numbers = {name: {"status": "not_applicable"} for name in HEADLINES} | {"distance": worst}
    subjects = World(n_reference=300, **world)
    old = subjects.run("old", ids="a", shift=[0.9, 0, 0, 0], **numbers).snapshot(structures=True)
    new = subjects.run("new", ids="b", shift=[0.9, 0, 0.9, 0], **numbers).snapshot(structures=True)
    return judge(new, old, read_rules())


def test_a_single_structure_fails_where_headlines_hide_it():
    result = hidden(n_generated=600)
    assert result.status == "fail"
    assert [row.name for row in result.rows if row.outcome == "fail"] == [f"structure:{STRUCTURES[2]}"]
    assert row_of(result, f"structure:{STRUCTURES[2]}").question == "2. Regional volumes: single structures"


def test_what_is_only_watched_does_not_hold_up_a_check():
    wanted = rules(
        {"headlines": "structure:*", "absolute": 0.01, "watch": True}, {"headlines": "*", "absolute": 9.0}
    )
    result = judged(wanted, new={"ids": "b"})
    assert result.count("watched") > 0
    assert (result.status, result.exit_code) == ("pass", 0)
    assert "only watched: too few subjects to tell" in json.loads(_as_json(result))["sentence"]


def test_a_watched_structure_that_is_gone_is_missing(world, baseline, tmp_path):
    run = world.run("gone", own=0.3).write(tmp_path / "run")
    path = run / "tables" / "results.tsv"
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if STRUCTURES[0] not in line]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    path.with_suffix(".json").unlink(missing_ok=True)
    result = check_run(run, baseline=baseline)
    assert row_of(result, f"structure:{STRUCTURES[0]}").outcome == "missing"
    assert result.exit_code == 3


def test_structures_of_paired_runs_are_known_better_than_of_a_baseline_file(same, baseline, tmp_path):
    file = write_baseline(baseline, tmp_path / "baseline.json")
    errors = [
        row_of(check_run(same, baseline=source), f"structure:{STRUCTURES[0]}").joint.se_difference
        for source in (baseline, file)
    ]
    assert errors[0] < 0.5 * errors[1]


def test_too_few_subjects_are_inconclusive_and_told_how_many_would_do():
    result = judged(rules({"headlines": "size_*", "absolute": 0.05}), new={"ids": "b"}, n_generated=80)
    assert (result.status, result.exit_code) == ("inconclusive", 3)
    row = next(row for row in result.rows if row.outcome == "inconclusive")
    assert "generated subjects instead of 80 would decide" in row.advice


def test_the_advised_number_of_subjects_is_enough():
    """At the advised n the standard error must leave 80 % power to pass."""
    row = next(
        row
        for row in judged(rules({"headlines": "size_0", "absolute": 0.1}), new={"ids": "b"}).rows
        if row.outcome == "inconclusive"
    )
    advised = int(row.advice.split()[1].replace(",", ""))
    shrunk = (row.high - row.worsening) * math.sqrt(150 / advised)
    assert 0.95 <= shrunk * (1.645 + 0.842) / 1.645 / row.tolerance <= 1.001  # rounded up to two digits


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"status": "failed", "reason": "segmenter crashed"}, "segmenter crashed"),
        ({"status": "not_applicable"}, "status is not_applicable"),
        ({"estimate": None}, "no finite estimate"),
        ({"ideal": None}, "no ideal value"),
    ],
)
def test_a_number_the_run_lost_is_missing_even_when_not_required(change, problem):
    wanted = rules({"headlines": "*", "absolute": 1.0, "required": False})
    result = judged(wanted, new={"size_0": change})
    assert (result.status, result.exit_code) == ("missing", 3)
    assert problem in row_of(result, "size_0").reason


def test_a_number_neither_has_is_left_out_only_when_not_required():
    gone = {"size_0": {"status": "not_applicable", "reason": "no requests"}}
    lenient = judged(rules({"headlines": "*", "absolute": 1.0, "required": False}), new=gone, old=gone)
    assert row_of(lenient, "size_0").outcome == "left out"
    assert lenient.status == "pass"
    strict = judged(rules({"headlines": "*", "absolute": 1.0}), new=gone, old=gone)
    assert row_of(strict, "size_0").outcome == "missing"
    assert strict.status == "missing"


def test_a_new_number_asks_for_a_new_baseline():
    gone = {"size_0": {"status": "failed"}}
    result = judged(rules({"headlines": "*", "absolute": 1.0, "required": False}), old=gone)
    assert "Write a new baseline" in row_of(result, "size_0").advice


WITHHELD = {"verdict": "not judged", "caveat": "one factor at a time"}
LENIENT = {"headlines": "*", "absolute": 0.1, "required": False}


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_what_neither_report_judges_is_shown_and_decides_nothing(shift):
    """A worsening of a whole standard deviation neither fails nor holds up the check; its numbers stay."""
    others = {name: {"status": "not_applicable"} for name in HEADLINES if name not in ("size_0", "size_1")}
    new, old = ({**others, "size_0": {**WITHHELD, "estimate": size}} for size in (shift, 0.0))
    result = judged(rules(LENIENT), new={**new, "ids": "same"}, old={**old, "ids": "same"}, n_generated=600)
    row = row_of(result, "size_0")
    assert (row.outcome, result.status) == ("not judged", "pass")
    assert row.worsening == pytest.approx(shift)
    assert "one factor at a time" in row.reason
    assert result.n_tests == len(result.rows) - result.count("not judged") - result.count("left out")
    assert "1 not judged" in tally(result)
    assert '<section class="part" id="not-judged">' in check_page(result)


def test_a_check_passes_on_no_number_that_is_not_judged():
    withheld = dict.fromkeys(HEADLINES, WITHHELD)
    result = judged(rules(LENIENT), new=withheld, old=withheld)
    assert result.count("not judged") == len(HEADLINES)
    assert (result.status, result.exit_code) == ("missing", 3)


def test_a_verdict_that_the_run_lost_is_missing():
    result = judged(rules(LENIENT), new={"size_0": WITHHELD})
    assert row_of(result, "size_0").outcome == "missing"
    assert "not judged: one factor at a time" in row_of(result, "size_0").reason
    assert result.status == "missing"


def test_a_verdict_that_only_the_run_has_asks_for_a_new_baseline():
    row = row_of(judged(rules(LENIENT), old={"size_0": WITHHELD}), "size_0")
    assert row.outcome == "left out"
    assert "Write a new baseline" in row.advice


def test_a_required_number_needs_a_verdict():
    wanted = rules({"headlines": "size_0", "absolute": 9.0}, {**LENIENT, "absolute": 9.0})
    result = judged(wanted, new={"size_0": WITHHELD}, old={"size_0": WITHHELD})
    assert (row_of(result, "size_0").outcome, result.status) == ("missing", "missing")


def test_not_judged_may_be_a_forbidden_verdict():
    wanted = rules({**LENIENT, "absolute": 9.0, "verdict_not": "not judged"})
    result = judged(wanted, new={"size_0": WITHHELD}, old={"size_0": WITHHELD})
    assert (row_of(result, "size_0").outcome, result.status) == ("fail", "fail")


def test_a_required_pattern_that_matches_nothing_is_missing():
    wanted = rules({"headlines": "size_*", "absolute": 1.0}, {"headlines": "sise_*", "absolute": 1.0})
    result = judged(wanted)
    assert result.status == "missing"
    assert "matches the rule" in row_of(result, "sise_*").reason


def test_rules_that_match_nothing_do_not_pass():
    result = judged(rules({"headlines": "nothing", "required": False}))
    assert (result.status, result.exit_code) == ("missing", 3)
    assert "Nothing was compared" in json.loads(_as_json(result))["sentence"]


def _as_json(result) -> str:
    from plausibrain.reports.check.text import as_json

    return as_json(result)


def test_a_forbidden_verdict_fails_whatever_the_baseline_was():
    wanted = rules({"headlines": "*", "absolute": 9.0, "verdict_not": "fail"})
    result = judged(wanted, new={"size_2": {"verdict": "fail"}}, old={"size_2": {"verdict": "fail"}})
    assert row_of(result, "size_2").outcome == "fail"
    assert result.count("fail") == 1


def test_without_any_uncertainty_nothing_passes():
    unknown = {"size_0": {"se": None, "ci_low": None, "ci_high": None}}
    subjects = World()
    baseline = subjects.run("old", **unknown).snapshot()
    run = subjects.run("new", **unknown).snapshot()
    bare = type(baseline)(baseline.facts, baseline.source, None)
    result = judge(run, bare, rules({"headlines": "size_0", "absolute": 9.0}))
    assert result.status == "missing"


def test_direction_comes_from_the_headline():
    """A higher share is better, a higher distance is worse."""
    subjects = World(n_generated=2000, n_draws=300)
    wanted = rules({"headlines": ["within", "distance"], "absolute": 0.01})
    baseline = subjects.run("old", own=0.2).snapshot()
    run = subjects.run("new", own=0.2, scale=1.4, shift=0.3).snapshot()
    result = judge(run, baseline, wanted)
    assert {row.name: row.outcome for row in result.rows} == {"within": "fail", "distance": "fail"}
    assert all(row.worsening > 0 for row in result.rows)
    assert judge(baseline, run, wanted).status == "pass"


def test_numbers_that_depend_on_n_are_compared_by_their_excess():
    """Twice the images make the raw number smaller; beyond split-half reference both runs are the same."""
    depends = {"against_null": True, "null": {"n": 75, "median": 0.0}}
    subjects = World(n_draws=300)
    old = subjects.run("old", distance=depends | {"judged": 0.02, "estimate": 0.10, "margin_high": 0.18})
    few = World(n_draws=300, n_generated=75).run(
        "new", ids="few", distance=depends | {"judged": 0.02, "estimate": 0.20, "margin_high": 0.28}
    )
    result = judge(few.snapshot(), old.snapshot(), rules({"headlines": "distance", "margin": 1.0}))
    row = row_of(result, "distance")
    assert row.worsening == pytest.approx(0.0)
    assert row.tolerance == pytest.approx(0.1)
    assert row.label.endswith("beyond split-half reference")


def test_numbers_that_depend_on_n_are_missing_when_even_the_excess_is_at_another_n():
    subjects, more = World(n_draws=300), World(n_draws=300, n_generated=75)
    old = subjects.run("old", distance={"against_null": True, "judged": 0.0, "null": {"n": 75}})
    few = more.run("new", distance={"against_null": True, "judged": 0.0, "null": {"n": 30}})
    result = judge(few.snapshot(), old.snapshot(), rules({"headlines": "distance", "margin": 1.0}))
    assert "depends on n" in row_of(result, "distance").reason


def test_ratios_worsen_by_factors():
    ratio = {"spread": {"logarithmic": True}}
    result = judged(
        rules({"headlines": "spread", "margin": 0.5}), new=ratio | {"scale": 0.6}, old=ratio, n_generated=400
    )
    row = row_of(result, "spread")
    assert row.outcome == "fail"
    assert row.worsening == pytest.approx(-math.log(row.run.estimate) - abs(math.log(row.baseline.estimate)))
    assert row.tolerance == pytest.approx(math.log(1.25) / 2)


@pytest.mark.parametrize("what", ["run.json", "scorecard.json", "tables/draws.tsv", "tables/results.tsv"])
def test_an_incomplete_run_folder_is_an_error_that_names_the_file(what, world, baseline, tmp_path):
    run = world.run("broken").write(tmp_path / "broken")
    (run / what).unlink()
    with pytest.raises(DataError, match=what.split("/")[-1]):
        check_run(run, baseline=baseline)


@pytest.mark.parametrize("bad", ["nowhere", "file"])
def test_a_run_must_be_a_folder(bad, baseline, tmp_path):
    (tmp_path / "file").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="expected a run folder to check"):
        check_run(tmp_path / bad, baseline=baseline)


def test_other_protocols_are_refused_with_the_list_of_fields(world, baseline, tmp_path):
    protocol = {"segmenter": {"name": "synthseg", "version": "1.0"}, "draws": 400, "headsize": "covariate"}
    run = World(protocol=protocol).run("other").write(tmp_path / "run")
    with pytest.raises(DataError, match=r"segmenter\.version: 2\.0 in old model, 1\.0 in other"):
        check_run(run, baseline=baseline, out=tmp_path / "out")
    text = (tmp_path / "out" / "check.md").read_text(encoding="utf-8")
    assert "NOT MADE" in text
    assert "segmenter.version" in text
    assert 'type="data"' in (tmp_path / "out" / "check.xml").read_text(encoding="utf-8")


def test_an_error_removes_the_results_of_an_earlier_check(same, baseline, tmp_path):
    check_run(same, baseline=baseline, out=tmp_path)
    with pytest.raises(DataError, match="expected a run folder"):
        check_run(tmp_path / "gone", baseline=baseline, out=tmp_path)
    assert not (tmp_path / "check.json").exists()
    assert "NOT MADE" in (tmp_path / "check.md").read_text(encoding="utf-8")


def test_a_check_in_which_no_headline_was_compared_never_passes():
    """Watched structures alone say nothing about the headlines."""
    lost = {name: {"status": "failed", "estimate": math.nan} for name in HEADLINES}
    result = judged(read_rules(), new=lost, old=lost)
    assert result.count("pass") + result.count("watched") >= len(STRUCTURES)
    assert (result.status, result.exit_code) == ("missing", 3)
