"""How verdicts combine, what a scorecard says, and that it says it in JSON."""

import itertools
import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plausibrain.analysis.analyse import analyse, judge
from plausibrain.analysis.questions import QUESTIONS
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.scorecard import (
    FAIL,
    INCONCLUSIVE,
    NOT_JUDGED,
    NOT_MEASURED,
    PASS,
    combine,
    finite,
    summary,
)
from plausibrain.analysis.sentences import show
from plausibrain.cohorts.errors import DataError
from tests.unit.analysis.factory import QUICK, normal_cohort, with_subjects, with_volume

REFERENCE, GENERATED = normal_cohort(120, 1, name="r"), normal_cohort(110, 2, name="g")
VERDICTS = (PASS, FAIL, INCONCLUSIVE, NOT_JUDGED, NOT_MEASURED)


@cache
def plain_card():
    return judge(REFERENCE, GENERATED, QUICK)


@cache
def whole():
    """Analyse the same cohorts, and keep what is said on the way."""
    steps = []
    return analyse(REFERENCE, GENERATED, QUICK, progress=lambda *step: steps.append(step)), steps


def entries(scorecard):
    return {h["name"]: h for question in scorecard["questions"] for h in question["headlines"]}


@given(st.lists(st.sampled_from(VERDICTS), max_size=8))
def test_one_no_is_a_no_and_only_all_yes_is_a_yes(verdicts):
    measured = [v for v in verdicts if v != NOT_MEASURED]
    found = combine(verdicts)
    assert (found == NOT_MEASURED) == (not measured)
    assert (found == FAIL) == (FAIL in measured)
    assert (found == PASS) == (bool(measured) and set(measured) == {PASS})


def test_order_of_verdicts_does_not_matter():
    for verdicts in itertools.combinations_with_replacement(VERDICTS, 3):
        assert {combine(order) for order in itertools.permutations(verdicts)} == {combine(verdicts)}


def test_every_question_and_every_headline_is_there():
    assert (
        [q["number"] for q in plain_card()["questions"]]
        == [q.number for q in QUESTIONS]
        == list(range(1, 11))
    )
    assert set(entries(plain_card())) == {plugin.name for plugin in all_headlines()}
    for question in plain_card()["questions"]:
        assert question["verdict"] == combine([h["verdict"] for h in question["headlines"]])
        assert question["sentence"]
    needed = [e["n_needed"] for e in entries(plain_card()).values() if e["n_needed"] is not None]
    assert needed
    assert min(needed) > min(e["n_generated"] for e in entries(plain_card()).values())
    sentences = [entry["sentence"] for entry in entries(plain_card()).values()]
    assert any("(0.5 = not at all; 95 % CI" in sentence for sentence in sentences)
    assert not [sentence for sentence in sentences if ") (" in sentence]  # one pair of brackets after another


def test_scorecard_is_json_and_repeats_itself():
    assert json.loads(json.dumps(plain_card(), allow_nan=False)) == plain_card()
    assert judge(REFERENCE, GENERATED, QUICK) == plain_card()


def test_another_seed_moves_the_interval_not_the_estimate():
    other = entries(judge(REFERENCE, GENERATED, QUICK.model_copy(update={"seed": 1})))["size_head"]
    ours = entries(plain_card())["size_head"]
    assert other["estimate"] == pytest.approx(ours["estimate"], rel=1e-12)
    assert other["ci_low"] != ours["ci_low"]


def test_entries_hold_what_a_report_prints():
    head = entries(plain_card())["size_head"]
    assert (head["n_reference"], head["n_generated"], head["null"]["n"], head["null"]["splits"]) == (
        120,
        110,
        60,
        40,
    )
    assert head["ci_low"] < head["estimate"] < head["ci_high"]
    assert (head["margin_low"], head["margin_high"]) == pytest.approx((-0.2, 0.2))
    assert head["se"] > 0
    assert head["mde"] > 0.2
    assert head["sentence"].startswith("Head size (TIV) is ")
    assert "two halves of the reference" in head["sentence"]


def test_margins_of_an_excess_stand_on_the_scale_of_the_estimate():
    energy = entries(plain_card())["energy"]
    assert energy["margin_low"] is None
    assert energy["margin_high"] > energy["estimate"] - energy["judged"]


def test_what_is_not_measured_has_a_reason_and_no_numbers():
    requested = entries(plain_card())["conditioning_ventricle"]
    assert (requested["status"], requested["verdict"]) == ("not_applicable", NOT_MEASURED)
    assert "no requested ventricle volume" in requested["reason"]
    assert not any(isinstance(requested.get(key), float) for key in ("estimate", "ci_low", "se", "mde"))
    images = next(q for q in plain_card()["questions"] if q["number"] == 7)
    assert (images["verdict"], images["reason"]) == (NOT_MEASURED, "needs images of both cohorts")


def test_a_defect_reaches_the_first_line():
    large = with_volume(GENERATED, "TIV", GENERATED.volumes["TIV"] * 1.3)
    card = judge(REFERENCE, large, QUICK)
    assert card["verdict"] == FAIL
    assert "Fails (unlike the reference): regional volumes" in card["sentence"]
    assert next(q for q in card["questions"] if q["number"] == 2)["sentence"].startswith("Head size (TIV) is")


def test_small_cohorts_are_undecided_with_a_caveat():
    card = judge(normal_cohort(24, 1, name="r"), normal_cohort(24, 2, name="g"), QUICK)
    assert card["verdict"] == INCONCLUSIVE
    head = entries(card)["size_head"]
    assert (head["verdict"], "12 subjects a side" in head["caveat"]) == (INCONCLUSIVE, True)
    assert "Inconclusive: split-half reference" in head["sentence"]


@pytest.mark.parametrize("n", [10, 12, 15])
def test_ten_subjects_raise_no_warning_and_no_alarm(n):
    found = analyse(normal_cohort(n, 1, name="r"), normal_cohort(n, 2, name="g"), QUICK)
    assert found.scorecard["verdict"] == INCONCLUSIVE
    assert "fail" not in {h["verdict"] for h in entries(found.scorecard).values()}


def test_judge_and_analyse_agree():
    assert whole()[0].scorecard == plain_card()


def test_progress_counts_to_the_end():
    _, heard = whole()
    assert [done for _, done, _ in heard] == list(range(len(heard)))
    assert heard[-1][0] == "done"
    assert heard[-1][1] == heard[-1][2]


def test_protocol_names_what_must_agree():
    protocol = whole()[0].protocol
    assert protocol["segmenter"] == "truth"
    assert protocol["settings"]["margin"] == 0.2
    assert set(protocol["headlines"]) == set(entries(plain_card()))
    json.dumps(protocol, allow_nan=False)


def test_excluded_rows_count():
    status = np.where(np.arange(110) < 30, "excluded", "ok")
    found = analyse(
        REFERENCE,
        with_subjects(GENERATED, status=status, reason=np.where(status == "ok", "", "empty mask")),
        QUICK,
    )
    share = entries(found.scorecard)["excluded_share"]
    assert share["estimate"] == pytest.approx(30 / 110)
    assert share["verdict"] == FAIL
    subjects = found.tables["subjects"]
    assert (subjects["status"] == "excluded").sum() == 30
    assert set(subjects.query("status == 'excluded'")["reason"]) == {"empty mask"}


def test_refused_cohorts_are_data_errors():
    with pytest.raises(DataError, match="at least 10 are needed"):
        judge(REFERENCE, normal_cohort(1, 2, name="g"), QUICK)


def test_numbers_for_json_and_sentences():
    assert [finite(v) for v in (1.5, float("nan"), float("inf"))] == [1.5, None, None]
    assert [show(v, percent=True) for v in (0.2813, 0.0, 0.043)] == ["28 %", "0 %", "4.3 %"]
    assert show(0.56171, percent=False) == "0.562"
    assert summary(np.array([np.nan]), 5) is None
    assert summary(np.array([1.0, 2.0, np.nan, 3.0]), 5) == {
        "median": 2.0, "low": pytest.approx(1.05), "high": pytest.approx(2.95), "n": 5, "splits": 3,
    }  # fmt: skip


@pytest.mark.parametrize("headsize", ["none", "share", "pooled_residual", "covariate"])
def test_every_head_size_convention_gives_a_scorecard(headsize):
    card = judge(REFERENCE, GENERATED, QUICK.model_copy(update={"headsize": headsize}))
    found = entries(card)
    for name in ("size_head", "size_within", "size_worst", "spread_structures", "ageing", "energy"):
        assert found[name]["status"] == "ok", name
        assert found[name]["verdict"] != FAIL
    # Head size itself has one convention.
    assert found["size_head"]["estimate"] == entries(plain_card())["size_head"]["estimate"]
