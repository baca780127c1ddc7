"""What the requests behind a cohort support, and what its ages and sexes allow."""

import numpy as np
import pytest

from plausibrain.analysis.analyse import judge
from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.design import describe_design
from tests.unit.analysis.factory import QUICK, frame_of, normal_cohort, with_subjects, with_volume

REFERENCE = normal_cohort(120, 1, name="r")
VENTRICLES = ["Left-Lateral-Ventricle", "Right-Lateral-Ventricle"]


def requested(cohort, ventricle, brain=None):
    columns = {"requested_ventricle_mm3": ventricle}
    if brain is not None:
        columns["requested_brain_mm3"] = brain
    return with_subjects(cohort, **columns)


def design(generated):
    return describe_design(frame_of(REFERENCE, generated))


def test_without_requests_nothing_is_violated():
    found = design(normal_cohort(100, 2, name="g"))
    assert (found.kind, found.violations) == ("unconditional", {})


def test_requests_drawn_like_subjects_are_a_population():
    cohort = normal_cohort(100, 2, name="g")
    found = design(requested(cohort, cohort.volumes[VENTRICLES].sum(axis=1)))
    assert found.kind == "population"
    assert "joint" not in found.violations


def one_factor():
    """Age, or ventricle, or brain volume is moved from a common middle; the others stay."""
    rows = [(age, 24e3, 1.1e6) for age in (40, 60, 80)] + [(60, v, 1.1e6) for v in (1e4, 4e4)]
    rows += [(60, 24e3, b) for b in (0.9e6, 1.3e6)]
    age, ventricle, brain = (np.repeat(column, 15) for column in np.array(rows, dtype=float).T)
    cohort = with_subjects(normal_cohort(105, 2, name="g"), age=age)
    return requested(cohort, ventricle, brain)


def test_one_factor_at_a_time():
    found = design(one_factor())
    assert found.kind == "one_factor"
    assert "one condition at a time was varied (7 combinations for 105 images)" in found.violations["joint"]
    assert "r with age +0.00 requested" in found.violations["age with the rest"]
    card = judge(REFERENCE, one_factor(), QUICK)
    entries = {h["name"]: h for q in card["questions"] for h in q["headlines"]}
    for name in ("spread_structures", "covariation", "energy", "wasabi", "ageing"):
        assert entries[name]["verdict"] == "not judged"
        assert "the design does not support a verdict" in entries[name]["caveat"]
    assert entries["size_head"]["caveat"] == ""


def test_crossed_grid():
    ages, ventricles = np.meshgrid([40.0, 60.0, 80.0], [1e4, 2e4, 4e4])
    cohort = with_subjects(normal_cohort(90, 2, name="g"), age=np.repeat(ages.ravel(), 10))
    found = design(requested(cohort, np.repeat(ventricles.ravel(), 10)))
    assert found.kind == "crossed"
    assert "a grid of conditions was requested (9 combinations for 90 images)" in found.violations["joint"]


def test_men_and_women_requested_alike():
    cohort = normal_cohort(200, 2, name="g")
    # Reference men have larger brains; these requests do not know of sex.
    brain = np.random.default_rng(0).permutation(np.linspace(0.9e6, 1.3e6, 200))
    male = (cohort.subjects["sex"] == "M").to_numpy()
    alike = brain - np.where(male, brain[male].mean(), brain[~male].mean())
    found = design(requested(cohort, cohort.volumes[VENTRICLES].sum(axis=1), alike + 1.1e6))
    assert "men and women were requested alike in brain volume" in found.violations["sex with the rest"]


def test_requests_without_their_structures_are_no_requests():
    cohort = requested(normal_cohort(80, 2, name="g"), np.linspace(1e4, 4e4, 80))
    for name in VENTRICLES:
        cohort = with_volume(cohort, name, np.nan)
    frame = frame_of(REFERENCE, cohort)
    assert describe_design(frame).kind == "unconditional"
    reason = missing_capability("requested ventricle volume", frame)
    assert reason == "no structure that makes up the ventricle volume is measured in both cohorts"
    assert judge(REFERENCE, cohort, QUICK)["verdict"] != "not measured"


def test_ages_that_the_reference_does_not_cover():
    young, old = (
        normal_cohort(120, 1, name="r", age=(20.0, 45.0)),
        normal_cohort(100, 2, name="g", age=(60.0, 85.0)),
    )
    frame = frame_of(young, old)
    found = describe_design(frame)
    assert "100 % of generated subjects (60 to 85 years)" in found.violations["shared ages"]
    assert missing_capability("age", frame) == "the two cohorts have hardly any ages in common"
    entries = {h["name"]: h for q in judge(young, old, QUICK)["questions"] for h in q["headlines"]}
    verdicts = {name: h["verdict"] for name, h in entries.items()}
    assert "fail" not in verdicts.values()
    assert entries["size_head"]["caveat"]
    assert verdicts["excluded_share"] == "pass"


def test_some_ages_outside_are_said_and_judged():
    narrow, wide = normal_cohort(120, 1, name="r", age=(30.0, 70.0)), normal_cohort(100, 2, name="g")
    found = describe_design(frame_of(narrow, wide))
    assert found.violations == {}
    assert len(found.statements) == 1
    assert "rests on extrapolation" in found.statements[0]


def test_sex_confounded_with_cohort_is_said_and_found():
    men, women = (
        c.select((c.subjects["sex"] == s).to_numpy())
        for c, s in ((normal_cohort(300, 1, name="r"), "M"), (normal_cohort(300, 2, name="g"), "F"))
    )
    card = judge(men, women, QUICK)
    assert "one cohort is men only and the other women only" in card["design"]["statements"][0]
    verdicts = {h["name"]: h["verdict"] for q in card["questions"] for h in q["headlines"]}
    assert verdicts["size_head"] == "fail"
    assert verdicts["sex_raw"] == "not measured"
    others = normal_cohort(300, 3, name="g")
    one_sex = describe_design(frame_of(men, others.select((others.subjects["sex"] == "M").to_numpy())))
    assert one_sex.statements[0] == "both cohorts are men only; nothing is said about the other sex"


@pytest.mark.parametrize(("men", "reason"), [(3, "3 men and 37 women; 5 of each are needed"), (6, "")])
def test_few_of_one_sex(men, reason):
    generated = with_subjects(normal_cohort(40, 2, name="g"), sex=np.where(np.arange(40) < men, "M", "F"))
    assert missing_capability("sex", frame_of(REFERENCE, generated)).endswith(reason)


def test_a_request_states_what_it_is_its_range_and_who_lies_outside_it():
    cohort = normal_cohort(100, 2, name="g")
    asked = np.linspace(2e4, 6e4, 100)
    found = design(requested(cohort, asked))
    real = REFERENCE.volumes[VENTRICLES].sum(axis=1)
    said = next(line for line in found.statements if "raw volume of both lateral ventricles" in line)
    assert "requests run from 20 to 60 mL" in said
    assert f"{100 * (real < 2e4).mean():.0f} % of the reference lies below" in said


def test_sexes_coded_the_other_way_round_are_named():
    cohort = normal_cohort(150, 2, name="g")
    swapped = with_subjects(cohort, sex=np.where(cohort.subjects["sex"] == "M", "F", "M"))
    said = [line for line in design(swapped).statements if "codes sex the other way round" in line]
    assert len(said) == 1
    assert "generated men have smaller heads" in said[0]
    assert not [line for line in design(cohort).statements if "other way round" in line]
