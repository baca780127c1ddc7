"""Tables of conditions: distributions, designs, seeds, and that question 6 can read them."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp, spearmanr
from typer.testing import CliRunner

from plausibrain.cli import app
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.participants import parse_participants
from plausibrain.cohorts.requested_volumes import BRAIN_NORMALISED, REQUESTED_VOLUMES, STANDARD_HEAD_MM3
from plausibrain.cohorts.structures import STRUCTURES
from plausibrain.conditions_table import write_conditions
from plausibrain.generation.condition_copula import ConditionCopula
from plausibrain.generation.conditions import (
    BRAIN,
    SEXES,
    VENTRICLE,
    Sweep,
    conditions_balanced,
    conditions_like,
    conditions_resampled,
    conditions_sweep,
    reference_conditions,
)
from plausibrain.generation.sample_cohort import subjects_of
from plausibrain.models import read_conditions

NUMBERS = ["requested_age", VENTRICLE, BRAIN]
DESIGNS = {
    "resampled": conditions_resampled,
    "like": conditions_like,
    "balanced": conditions_balanced,
}


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    """Ventricles grow with age and are skewed; men have larger brains."""
    rng = np.random.default_rng(5)
    n = 300
    sex = rng.choice(["F", "M"], n, p=[0.6, 0.4])
    age = rng.uniform(20, 80, n)
    ventricle = np.exp(9.2 + 0.015 * age + rng.normal(0, 0.35, n))
    brain = 1.05e6 + 1.2e5 * (sex == "M") - 2e3 * (age - 50) + rng.normal(0, 6e4, n)
    return pd.DataFrame({"requested_age": age, "requested_sex": sex, VENTRICLE: ventricle, BRAIN: brain})


@pytest.mark.parametrize("design", DESIGNS)
def test_a_longer_table_begins_with_the_shorter(design, reference):
    short, long = (DESIGNS[design](reference, n=n, seed=3) for n in (7, 20))
    pd.testing.assert_frame_equal(short, long.head(7))
    other = DESIGNS[design](reference, n=7, seed=4)
    assert not np.allclose(short[VENTRICLE], other[VENTRICLE])
    assert not set(short["seed"]) & set(other["seed"])


@pytest.mark.parametrize("design", DESIGNS)
def test_tables_are_read_as_subjects_without_loss(design, reference):
    table = DESIGNS[design](reference, n=12, seed=0)
    subjects = parse_participants(table, source="table").subjects
    assert (subjects["status"] == "ok").all()
    for column in ("participant_id", "subject", "sex", "requested_sex", "seed"):
        assert subjects[column].astype(str).tolist() == table[column].astype(str).tolist()
    for column in ("age", *NUMBERS):
        np.testing.assert_array_equal(subjects[column], table[column])


def test_the_copula_keeps_margins_and_rank_correlations(reference):
    # Kolmogorov–Smirnov distance of 4000 against the fitted points: sampling alone gives about 0.03.
    drawn = conditions_like(reference, n=4000, seed=1)
    for sex in SEXES:
        real, new = (t[t["requested_sex"] == sex][NUMBERS] for t in (reference, drawn))
        for column in NUMBERS:
            assert ks_2samp(real[column], new[column]).statistic < 0.05, (sex, column)
            assert real[column].min() <= new[column].min() <= new[column].max() <= real[column].max()
        np.testing.assert_allclose(spearmanr(new).statistic, spearmanr(real).statistic, atol=0.06)
    assert np.isclose((drawn["sex"] == "M").mean(), (reference["requested_sex"] == "M").mean(), atol=0.03)
    assert (drawn["extrapolated"] == "").all()


def test_conditions_given_others_follow_the_normal_formula():
    # With normal margins the copula is the bivariate normal: E[y|x] = 0.8 x, SD = 0.6.
    rng = np.random.default_rng(0)
    x = rng.standard_normal(4000)
    subjects = pd.DataFrame({"x": x, "y": 0.8 * x + 0.6 * rng.standard_normal(4000)})
    copula = ConditionCopula.fit(subjects, ["x", "y"])
    drawn = np.array([copula.draw(np.random.default_rng([1, i]), {"x": 1.0})["y"] for i in range(2000)])
    assert abs(drawn.mean() - 0.8) < 0.06  # three standard errors of 0.6 / sqrt(2000) and of the fit
    assert abs(drawn.std() - 0.6) < 0.05


def test_conditions_that_do_not_vary_or_repeat_each_other_stay_so():
    subjects = pd.DataFrame({"a": np.arange(20.0), "b": 2 * np.arange(20.0), "c": np.full(20, 7.0)})
    drawn = ConditionCopula.fit(subjects, ["a", "b", "c"]).draw(np.random.default_rng(0))
    assert drawn["c"] == 7.0
    assert drawn["b"] == pytest.approx(2 * drawn["a"])


def test_resampling_takes_everybody_once_before_anybody_twice(reference):
    table = conditions_resampled(reference, n=450, seed=2)
    assert sorted(table[VENTRICLE][:300]) == sorted(reference[VENTRICLE])
    assert table["subject"].value_counts().max() == 2
    assert (table.groupby("subject")[VENTRICLE].nunique() == 1).all()
    assert table["seed"].is_unique


def test_strata_are_equally_large_and_ages_lie_in_their_decade(reference):
    table = conditions_balanced(reference, n=120, seed=0, youngest=20, oldest=80)
    decade = (table["age"] // 10).astype(int)
    assert table.groupby([decade, table["sex"]]).size().to_list() == [10] * 12
    assert spearmanr(table["age"], table[VENTRICLE]).statistic > 0.4


def test_ages_beyond_the_reference_are_flagged(reference):
    table = conditions_balanced(reference, n=64, seed=0, youngest=20, oldest=95)
    outside = (table["age"] > reference["requested_age"].max()) | (
        table["age"] < reference["requested_age"].min()
    )
    assert outside.any()
    assert ((table["extrapolated"] == "requested_age") == outside).all()


def test_a_sweep_varies_one_condition_and_holds_the_noise(reference):
    sweeps = [Sweep(VENTRICLE, n_levels=5), Sweep("requested_age", n_levels=3)]
    table = conditions_sweep(reference, sweeps, n=40, seed=0)
    assert len(table) == 32  # two whole repetitions of (5 + 3) levels in two sexes
    assert table.groupby("subject")["seed"].nunique().eq(1).all()
    assert table["subject"].nunique() == table["seed"].nunique() == 4
    medians = reference.groupby("requested_sex")[NUMBERS].median()
    held = medians.loc[table["requested_sex"]].to_numpy()
    assert ((table[NUMBERS].to_numpy() != held).sum(axis=1) <= 1).all()
    swept = sorted(set(table[VENTRICLE]) - set(medians[VENTRICLE]))
    np.testing.assert_allclose(swept, np.linspace(reference[VENTRICLE].min(), reference[VENTRICLE].max(), 5))


def test_a_sweep_beyond_the_reference_is_flagged_and_stays_positive(reference):
    table = conditions_sweep(reference, [Sweep(VENTRICLE, n_levels=5, beyond=3.0)], n=10, seed=0)
    low, high = reference[VENTRICLE].min(), reference[VENTRICLE].max()
    assert table[VENTRICLE].min() == low / 2
    assert table[VENTRICLE].max() == pytest.approx(high + 3 * (high - low))
    outside = (table[VENTRICLE] < low) | (table[VENTRICLE] > high)
    assert ((table["extrapolated"] == VENTRICLE) == outside).all()


def test_volumes_are_those_that_question_6_measures():
    names = [s.name for s in STRUCTURES]
    volumes = pd.DataFrame([2.0 ** (np.arange(len(names)) % 40)] * 2, columns=names)
    subjects = pd.DataFrame(
        {"participant_id": ["a", "b"], "subject": ["a", "b"], "age": [30.0, 40.0], "sex": ["F", "M"]}
    )
    cohort = Cohort("both", subjects.assign(status="ok", reason=""), volumes=volumes.assign(TIV=1.5e6))
    raw, normalised = reference_conditions(cohort), reference_conditions(cohort, brain=BRAIN_NORMALISED)
    for column, one in REQUESTED_VOLUMES.items():
        expected = volumes[[name for name in names if one.member(name)]].sum(axis=1)
        expected = expected / 1.5e6 * STANDARD_HEAD_MM3 if one.normalised else expected
        np.testing.assert_allclose((normalised if one.normalised else raw)[column], expected)


def test_a_reference_without_volumes_gives_age_and_sex_only(reference):
    table = conditions_like(reference[["requested_age", "requested_sex"]], n=5, seed=0)
    assert VENTRICLE not in table
    assert BRAIN not in table
    with pytest.raises(DataError, match="no 'requested_brain_mm3' to vary; it has requested_age"):
        conditions_sweep(reference[["requested_age", "requested_sex"]], [Sweep(BRAIN)], n=100, seed=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: conditions_like(r.head(10), n=5, seed=0), "at least 8 subjects of each sex"),
        (lambda r: conditions_like(r, n=0, seed=0), "at least one row, got n = 0"),
        (lambda r: conditions_balanced(r, n=5, seed=0, youngest=60, oldest=50), "got 60 to 50"),
        (lambda r: conditions_sweep(r, [Sweep(BRAIN)], n=17, seed=0), "at least 18 rows, got n = 17"),
        (lambda r: conditions_sweep(r, [Sweep(BRAIN, n_levels=1)], n=9, seed=0), "at least 2 levels"),
        (
            lambda r: conditions_sweep(r[r["requested_sex"] == "F"], [Sweep(BRAIN)], n=99, seed=0),
            "nobody of sex M",
        ),
    ],
)
def test_designs_that_cannot_be_made_are_refused(call, message, reference):
    with pytest.raises(DataError, match=message):
        call(reference)


@pytest.fixture
def reference_file(reference, tmp_path):
    path = tmp_path / "reference.tsv"
    ids = [f"p{i}" for i in range(len(reference))]
    reference.assign(participant_id=ids).to_csv(path, sep="\t", index=False)
    return path


def test_the_command_writes_a_table_that_it_reads_again(reference_file, tmp_path):
    out = tmp_path / "asked.tsv"
    line = write_conditions(reference_file, out, n=30, seed=0, sweep=["ventricle"], sex="F", beyond=0.5)
    assert "27 rows, 3 subjects; " in line
    assert "go beyond the reference" in line
    again = pd.read_csv(out, sep="\t")
    assert again["sex"].eq("F").all()
    assert again[VENTRICLE].nunique() == 9


@pytest.mark.parametrize("flags", [{}, {"resample": True}, {"balanced": True}, {"sweep": ["age", "brain"]}])
def test_sampling_takes_rows_and_seeds_from_the_table(flags, reference_file, tmp_path):
    out = tmp_path / "asked.tsv"
    write_conditions(reference_file, out, n=400, seed=0, **flags)
    asked = pd.read_csv(out, sep="\t")
    subjects = subjects_of(read_conditions(out, ["age", VENTRICLE, BRAIN]), seed=77)
    for column in ("participant_id", "subject", "seed", *NUMBERS):
        assert subjects[column].tolist() == asked[column].tolist()


def test_the_command_says_what_the_reference_lacks(reference, tmp_path):
    path = tmp_path / "ages.tsv"
    subjects = reference[["requested_age", "requested_sex", BRAIN]]
    subjects.assign(participant_id=[f"p{i}" for i in range(len(subjects))]).to_csv(
        path, sep="\t", index=False
    )
    line = write_conditions(path, tmp_path / "asked.tsv", n=5, seed=0)
    assert line.endswith("no volumes for requested_ventricle_mm3, segment it first")


def test_the_command_line_makes_the_same_table(reference_file, tmp_path):
    flags = ["--like", str(reference_file), "-n", "12", "--seed", "4", "--balanced", "--oldest", "70"]
    result = CliRunner().invoke(app, ["conditions", *flags, "--out", str(tmp_path / "a.tsv")])
    assert result.exit_code == 0, result.output
    assert "12 rows, 12 subjects" in result.output
    write_conditions(reference_file, tmp_path / "b.tsv", n=12, seed=4, balanced=True, ages=(None, 70.0))
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()


def test_the_command_refuses_two_designs_at_once(reference_file, tmp_path):
    with pytest.raises(DataError, match="choose one of --resample, --balanced and --sweep"):
        write_conditions(reference_file, tmp_path / "t.tsv", n=5, seed=0, balanced=True, resample=True)
    with pytest.raises(DataError, match="--sex F or M, got 'men'"):
        write_conditions(reference_file, tmp_path / "t.tsv", n=5, seed=0, sweep=["age"], sex="men")
