"""Gross defects that a scorecard once let pass, and comparisons that were at different n."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from plausibrain.analysis.analyse import analyse, judge
from plausibrain.analysis.decisions import holm_divisors
from plausibrain.analysis.difference_maps import SIZE
from plausibrain.analysis.settings import Settings
from plausibrain.analysis.spread_ratio import log_sd_ratio
from plausibrain.analysis.structure_maps import joint_test
from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.demo_cohorts import table_cohort
from tests.unit.analysis.factory import QUICK, normal_cohort, pairs_of, with_volume

SETTINGS = Settings(n_resamples=300, n_splits=40)


@cache
def population(n: int = 200) -> tuple[Cohort, Cohort]:
    return table_cohort(n, seed=21, name="r"), table_cohort(n, seed=22, name="g")


def judged(generated, reference=None, settings=SETTINGS):
    card = judge(population()[0] if reference is None else reference, generated, settings)
    return {q["number"]: q for q in card["questions"]}, {
        h["name"]: h for q in card["questions"] for h in q["headlines"]
    }


def failing(entry):
    return {row["structure"] for row in entry["failing"]}


def changed(function, *names):
    generated = population()[1]
    age = generated.subjects["age"].to_numpy(dtype=float)
    new = {name: function(generated.volumes[name].to_numpy(dtype=float), age) for name in names}
    return replace(generated, volumes=generated.volumes.assign(**new))


HIPPOCAMPI = ("Left-Hippocampus", "Right-Hippocampus")
VENTRICLES = ("Left-Lateral-Ventricle", "Right-Lateral-Ventricle")


def trend(v, age):
    return np.polyval(np.polyfit(age, v, 1), age)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "headline", "names", "function"),
    [
        (4, "ageing_worst", HIPPOCAMPI, lambda v, age: v - 2 * (trend(v, age) - v.mean())),
        (4, "ageing_worst", VENTRICLES, lambda v, age: v - (trend(v, age) - v.mean())),
        (3, "spread_worst", HIPPOCAMPI, lambda v, age: trend(v, age) + 0.25 * (v - trend(v, age))),
        (2, "size_worst", ("Left-Thalamus",), lambda v, age: 0.4 * v),
        (3, "spread_worst", ("Left-Thalamus",), lambda v, age: np.full(len(v), v.mean())),
    ],
)
def test_no_question_passes_while_a_structure_fails(question, headline, names, function):
    questions, entries = judged(changed(function, *names))
    assert questions[question]["verdict"] == "fail"
    assert set(names) <= failing(entries[headline])
    assert names[0].split("-", 1)[1] in entries[headline]["sentence"]


@pytest.mark.slow
def test_two_structures_swapped_left_to_right():
    generated = population()[1]
    v = generated.volumes
    names = ("Hippocampus", "Amygdala")
    new = {f"{a}-{n}": v[f"{b}-{n}"] for n in names for a, b in (("Left", "Right"), ("Right", "Left"))}
    questions, entries = judged(replace(generated, volumes=v.assign(**new)))
    assert questions[3]["verdict"] == "fail"
    assert "Left-Hippocampus" in failing(entries["asymmetry_worst"])


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_structure_that_is_missing_everywhere_fails_and_is_named_first(value):
    reference, generated = normal_cohort(60, 1, name="r"), normal_cohort(60, 2, name="g")
    questions, entries = judged(with_volume(generated, "Left-Hippocampus", value), reference, QUICK)
    assert questions[1]["verdict"] == "fail"
    assert questions[1]["sentence"].startswith(
        "Structures that the reference has and generated images lack: 1"
    )
    assert "Left-Hippocampus (empty or zero in 60 of 60 rows)" in questions[1]["sentence"]
    assert entries["missing_structures"]["estimate"] == 1


def test_head_size_without_variance_fails():
    reference, generated = normal_cohort(100, 1, name="r"), normal_cohort(100, 2, name="g")
    questions, entries = judged(with_volume(generated, "TIV", 1.5e6), reference, QUICK)
    assert entries["spread_head"]["estimate"] < 0.01
    assert (entries["spread_head"]["verdict"], questions[3]["verdict"]) == ("fail", "fail")


def test_subjects_who_are_all_the_same_fail_without_an_error():
    reference, generated = normal_cohort(100, 1, name="r"), normal_cohort(100, 2, name="g")
    same = replace(generated, volumes=generated.volumes.iloc[[0] * 100].reset_index(drop=True))
    found = analyse(reference, same, QUICK).scorecard
    assert {q["number"]: q["verdict"] for q in found["questions"]}[3] == "fail"


def test_rows_of_the_reference_fail():
    reference = normal_cohort(80, 1, name="r")
    questions, entries = judged(reference, reference, QUICK)
    assert questions[9]["verdict"] == "fail"
    assert entries["reference_copies"]["estimate"] == 1.0
    other, absent = judged(normal_cohort(80, 2, name="g"), reference, QUICK)
    assert other[9]["verdict"] == absent["reference_copies"]["verdict"] == "not measured"


def test_tables_of_one_structure():
    reference, generated = (
        Cohort(c.name, c.subjects, c.volumes[["Brain-Stem"]], segmenter="truth")
        for c in (normal_cohort(60, 1, name="r"), normal_cohort(60, 2, name="g"))
    )
    assert len(analyse(reference, generated, QUICK).tables["correlations"]) == 0


def test_spread_does_not_depend_on_the_mix_of_sexes():
    """Men vary twice as much as women; both cohorts are of one population, 70 % against 25 % men."""

    def cohort(seed, share, name):
        made = normal_cohort(800, seed, name=name)
        male = np.arange(800) < share * 800
        rng = np.random.default_rng(seed)
        volume = 20000 + np.where(male, 2000, 1000) * rng.standard_normal(800)
        subjects = made.subjects.assign(sex=np.where(male, "M", "F"))
        return replace(with_volume(made, "Brain-Stem", volume), subjects=subjects)

    pair = pairs_of(cohort(1, 0.7, "r"), cohort(2, 0.25, "g")).full
    at = pair.frame.structures.index("Brain-Stem")
    # Relative standard error of a ratio of SDs of 800 subjects: about 4 %; pooled SDs would differ by 20 %.
    assert np.exp(log_sd_ratio(pair, "none")[0, at]) == pytest.approx(1.0, abs=0.1)


def test_correction_over_structures_is_between_one_and_all():
    pairs = pairs_of(normal_cohort(100, 1, name="r"), normal_cohort(100, 2, name="g"))
    found = joint_test(SIZE, pairs.full, pairs.bootstrap)
    assert 1.0 <= found.n_effective <= len(found.names)
    assert (found.p >= 0).all()
    assert (found.p <= 1).all()


def test_step_down_is_that_of_holm():
    p = [0.001, 0.009, 0.02, 0.2, np.nan, 0.012]
    fails = [value <= 0.05 / k for value, k in zip(p, holm_divisors(p, 0.05), strict=True)]
    # 0.001 <= .05/5, 0.009 <= .05/4, 0.012 <= .05/3, 0.02 <= .05/2, 0.2 > .05
    assert fails == [True, True, True, False, False, True]
