"""Winners, rank stability and structures that moved, with injected truth."""

import numpy as np
import pandas as pd
import pytest

from plausibrain.reports.compare.marks import MARKS
from plausibrain.reports.compare.pairing import paired_correlations
from plausibrain.reports.compare.results import compare_snapshots
from plausibrain.reports.compare.structures import moved_structures
from plausibrain.reports.compare.tables import COMPARE, compare_table, rank_table
from plausibrain.reports.compare.tallies import standings, tallies
from plausibrain.reports.run_folder import Run, read_run
from tests.unit.compare.factory import HEADLINES, STRUCTURES, World

N_SIMULATED = 150


def compared(*runs: dict, **world):
    subjects = World(**world)
    names = [f"run {place}" for place in range(len(runs))]
    made = [subjects.run(name, **run).snapshot() for name, run in zip(names, runs, strict=True)]
    return compare_snapshots(made, names)


def group_of(comparison, number: int):
    return next(group for group in comparison.groups if group.number == number)


def line_of(comparison, name: str):
    return next(line for line in comparison.lines if line.name == name)


def test_a_clearly_better_run_wins_its_question():
    comparison = compared({"shift": 0.8}, {"shift": 0.05}, n_generated=300)
    assert group_of(comparison, 2).winner == 1
    assert group_of(comparison, 3).winner is None
    assert line_of(comparison, "size_0").winner == 1


def test_a_question_without_numbers_has_no_winner():
    group = group_of(compared({}, {}), 7)
    assert (group.lines, group.winner) == ((), None)
    assert group.reason == "no images in this run"


def test_better_here_and_worse_there_is_mixed():
    comparison = compared({"shift": [0.9, 0, 0, 0]}, {"shift": [0, 0.9, 0, 0]}, n_generated=300)
    assert group_of(comparison, 2).mixed
    assert group_of(comparison, 2).winner is None


def test_runs_equally_far_on_either_side_differ_but_neither_is_nearer():
    comparison = compared({"shift": [0.5, 0, 0, 0]}, {"shift": [-0.5, 0, 0, 0]}, n_generated=300)
    (pair,) = line_of(comparison, "size_0").pairs
    assert pair.resolved
    assert pair.nearer is None


def test_a_certain_but_negligible_difference_makes_no_run_better():
    """A paired change of 0.01 SD against a margin of 0.2 is resolved, and a twentieth of the margin."""
    first, second = {"shift": 0.5, "ids": "g", "own": 0.001}, {"shift": 0.51, "ids": "g", "own": 0.001}
    (pair,) = line_of(compared(first, second, n_generated=300), "size_0").pairs
    assert pair.worsening.low > 0
    assert pair.negligible
    assert pair.nearer is None
    larger = {"shift": 0.6, "ids": "g", "own": 0.001}
    assert line_of(compared(first, larger, n_generated=300), "size_0").pairs[0].nearer == 0


def test_what_the_requests_do_not_support_is_not_judged_in_the_comparison_either():
    withheld = {name: {"verdict": "not judged"} for name in ("spread", "within", "distance")}
    comparison = compared({"scale": 0.5, **withheld}, withheld, n_generated=300)
    (pair,) = line_of(comparison, "spread").pairs
    assert pair.resolved
    assert pair.nearer is None
    assert [score.unjudged for score in tallies(comparison)] == [2, 2]
    assert [score.better + score.worse for score in tallies(comparison)] == [0, 0]
    row = compare_table(comparison).set_index("headline").loc["spread"]
    assert row.nearer_ideal == "not judged"
    assert "spread" not in set(rank_table(comparison).headline)


@pytest.mark.parametrize("n", [2, 8, 20])
def test_two_to_twenty_runs_are_ranked_over_all_questions(n):
    """Each is further from the reference than the one before, so their order is known."""
    shifts = np.linspace(0, 2, n)
    runs = [{"ids": str(place), "shift": shift} for place, shift in enumerate(shifts[::-1])]
    comparison = compared(*runs, n_draws=100)
    rows = standings(comparison)
    assert len({MARKS[place] for place in range(n)}) == n, "no two runs look alike"
    assert rows[0].place in (n - 1, n - 2)
    assert np.corrcoef([row.place for row in rows], np.arange(n))[0, 1] < -0.9
    assert sum(row.first for row in rows) == pytest.approx(1)
    assert all(row.low <= row.rank <= row.high for row in rows)


def test_of_three_runs_the_winner_beats_both():
    comparison = compared({"shift": 0.8}, {"shift": 0.0}, {"shift": 0.8, "ids": "c"}, n_generated=300)
    group = group_of(comparison, 2)
    assert group.winner == 1
    assert group.beats(1, 0)
    assert group.beats(1, 2)
    assert not group.beats(0, 2)
    assert comparison.n_tests == 3 * len(HEADLINES)


@pytest.mark.parametrize("run", [{}, {"shift": 0.5, "scale": 0.8}])
def test_equal_runs_are_told_apart_in_at_most_5_percent(run):
    found = differ = 0
    for seed in range(N_SIMULATED):
        comparison = compared({"ids": "a", **run}, {"ids": "b", **run}, seed=seed, n_draws=300)
        pairs = [pair for line in comparison.lines for pair in line.pairs]
        found += any(pair.nearer is not None for pair in pairs)
        differ += any(pair.resolved for pair in pairs)
    at_most = 0.05 + 3 * np.sqrt(0.05 * 0.95 / N_SIMULATED)
    assert found / N_SIMULATED <= at_most
    assert differ / N_SIMULATED <= at_most


def test_pairing_narrows_every_interval_of_a_difference():
    def widths(**second):
        comparison = compared({"ids": "a", "own": 0.3}, {"own": 0.3, **second})
        return {line.name: line.pairs[0].joint.se_difference for line in comparison.lines}

    paired, unpaired = widths(ids="a"), widths(ids="b")
    assert all(paired[name] < 0.95 * unpaired[name] for name in paired)
    assert all(paired[f"size_{k}"] < 0.6 * unpaired[f"size_{k}"] for k in range(4))


def test_a_missing_number_is_a_row_with_its_reason():
    gone = {"size_1": {"status": "failed", "reason": "no such structure"}}
    comparison = compared({}, gone)
    row = compare_table(comparison).set_index("headline").loc["size_1"]
    assert row.status == "missing"
    assert row.reason == "run 1: no such structure"
    assert np.isnan(row.difference)
    assert np.isnan(row.value_second)
    assert np.isfinite(row.value_first)
    assert "size_1" not in set(rank_table(comparison).headline)
    assert comparison.n_tests == len(HEADLINES) - 1


def test_the_table_has_every_headline_of_every_pair():
    comparison = compared({"ids": "a"}, {"ids": "b"}, {"ids": "c"})
    table = compare_table(comparison)
    assert list(table.columns) == [column.name for column in COMPARE.columns]
    assert len(table) == 3 * len(HEADLINES)
    assert not table.duplicated(["headline", "run_first", "run_second"]).any()
    np.testing.assert_allclose(table.difference, table.value_second - table.value_first)
    assert ((table.ci_low > 0) | (table.ci_high < 0)).eq(table.resolved == "yes").all()
    assert (table.ci_low < table.difference).all()
    assert (table.difference < table.ci_high).all()


def test_rank_shares_add_up_over_runs_and_ranks():
    ranks = rank_table(compared({"ids": "a"}, {"ids": "b", "shift": 0.3}, {"ids": "c", "shift": 0.6}))
    for key in ("run", "rank"):
        totals = ranks.groupby(["question", "headline", key]).share.sum()
        np.testing.assert_allclose(totals, 1)
    first = (
        ranks[(ranks.headline == "") & (ranks.question == 2) & (ranks["rank"] == 1)].set_index("run").share
    )
    assert first["run 0"] > 0.9


def test_numbers_that_depend_on_n_are_shown_beyond_real_against_real():
    depends = {"against_null": True, "judged": 0.01, "null": {"n": 75}}
    few = World(n_generated=60).run("few", distance=depends).snapshot()
    many = World(n_generated=150).run("many", distance=depends).snapshot()
    line = line_of(compare_snapshots([few, many], ["few", "many"]), "distance")
    assert line.pairs[0].difference.estimate == 0
    assert [headline.estimate for headline in line.headlines] == [0.01, 0.01]
    assert line.ranks[0, 0] == pytest.approx(0.5, abs=0.25)  # draws moved along, so neither is far ahead


# --- structures ---


def moved(first: dict, second: dict, *, shared: bool = True, paired: bool = False, **world) -> pd.DataFrame:
    subjects = World(n_draws=100, **world)
    runs = [subjects.run(name, **run).opened() for name, run in (("a", first), ("b", second))]
    return moved_structures(*runs, shared_reference=shared, shared_generated=paired)


def test_the_structure_that_moved_is_found():
    table = moved({"ids": "a"}, {"ids": "b", "shift": [0, 0, 0.8, 0]}, n_generated=300)
    assert sorted(table.structure) == sorted(STRUCTURES)
    first = table.iloc[0]
    assert first.structure == "Left-Amygdala"
    assert first.q < 0.001
    assert first.nearer == 1
    assert (table.nearer.iloc[1:] == 0).all()


def test_a_structure_that_came_nearer_is_marked():
    table = moved({"ids": "a", "shift": [0, 0.9, 0, 0]}, {"ids": "b"}, n_generated=300)
    assert table.iloc[0].nearer == 2


def coverage(n_runs: int, **options) -> tuple[float, float]:
    """Share of intervals of a change that hold the true change of zero, and its standard error."""
    tables = [moved(seed=seed, **options) for seed in range(n_runs)]
    held = np.concatenate([(table.ci_low < 0) & (table.ci_high > 0) for table in tables])
    return float(held.mean()), float(np.sqrt(0.95 * 0.05 / held.size))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"first": {"ids": "a"}, "second": {"ids": "b"}}, id="unpaired"),
        pytest.param({"first": {"own": 0.3}, "second": {"own": 0.3}, "paired": True}, id="paired"),
        pytest.param(
            {"first": {"own": 0.3, "shift": 0.5}, "second": {"own": 0.3, "shift": 0.5}, "paired": True},
            id="paired-off-the-ideal",
        ),
    ],
)
def test_the_interval_of_a_change_covers_at_95_percent(options):
    rate, error = coverage(60, **options)
    assert rate == pytest.approx(0.95, abs=3 * error)


def test_the_interval_of_a_change_is_too_wide_when_what_is_shared_is_ignored():
    rate, error = coverage(60, first={"own": 0.3}, second={"own": 0.3}, shared=False)
    assert rate > 0.95 + 3 * error


def test_pairing_finds_a_small_change():
    small = {"own": 0.2, "shift": [0.1, 0, 0, 0]}
    paired = moved({"own": 0.2}, small, paired=True, n_generated=300).set_index("structure")
    unpaired = moved({"own": 0.2}, small, n_generated=300).set_index("structure")
    name = STRUCTURES[0]
    assert paired.correlation[name] > 0.9
    assert unpaired.correlation[name] == 0
    assert paired.q[name] < 0.01 < unpaired.q[name]


def test_correlations_are_given_age_sex_and_head_size():
    """Two cohorts that share nothing but their subjects' ages, sexes and head sizes have nothing left in "
    "common."""
    made = [World(n_generated=400, n_draws=100).run(name, ids="a").opened() for name in "ab"]
    for seed, run in enumerate(made):
        subjects, volumes = run.table("subjects"), run.table("volumes")
        male, noise = (
            (subjects.sex == "M").astype(float),
            np.random.default_rng(seed).normal(0, 100, len(subjects)),
        )
        tiv = 1.4e6 + 1e5 * np.random.default_rng(9).standard_normal(len(subjects))
        ageing = -40 * (subjects.age - 65) + 300 * male + 2e-3 * (tiv - 1.4e6) + noise
        run._tables["volumes"] = volumes.assign(TIV=tiv, **{STRUCTURES[0]: 4000 + ageing})
    found = paired_correlations(*made)
    assert abs(found[STRUCTURES[0]]) < 0.2
    assert found["TIV"] == pytest.approx(1)


def test_correlations_need_subjects_and_spread():
    run = World(n_generated=8, n_draws=100).run("a").opened()
    assert paired_correlations(run, run) == {}
    run = World(n_draws=100).run("a").opened()
    run._tables["volumes"] = run.table("volumes").assign(**{STRUCTURES[0]: 4000.0})
    assert STRUCTURES[0] not in paired_correlations(run, run)
    run._tables["subjects"] = run.table("subjects").drop(columns="age")
    assert paired_correlations(run, run) == {}


def test_several_images_of_a_subject_count_once():
    run = World(n_generated=40, n_draws=100).run("a").opened()
    subjects = run.table("subjects")
    twice = subjects[subjects.cohort == "generated"].assign(participant_id=lambda t: t.participant_id + "b")
    volumes = run.table("volumes")
    extra = volumes[volumes.cohort == "generated"].assign(participant_id=lambda t: t.participant_id + "b")
    double = Run(
        run.path,
        run.record,
        run.scorecard,
        {"subjects": pd.concat([subjects, twice]), "volumes": pd.concat([volumes, extra])},
    )
    found = paired_correlations(run, double)
    assert all(value == pytest.approx(1) for value in found.values())


def test_structures_of_only_one_run_are_left_out(tmp_path):
    subjects = World()
    a, b = subjects.run("a").write(tmp_path / "a"), subjects.run("b").write(tmp_path / "b")
    results = pd.read_csv(b / "tables" / "results.tsv", sep="\t", keep_default_na=False)
    results[results.structure != STRUCTURES[0]].to_csv(b / "tables" / "results.tsv", sep="\t", index=False)
    (b / "tables" / "results.json").unlink()
    table = moved_structures(read_run(a), read_run(b), shared_reference=True)
    assert len(table) == len(STRUCTURES) - 1


def test_no_structures_at_all_give_an_empty_table(tmp_path):
    subjects = World()
    a, b = subjects.run("a").write(tmp_path / "a"), subjects.run("b").write(tmp_path / "b")
    path = b / "tables" / "results.tsv"
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    path.with_suffix(".json").unlink()
    assert moved_structures(read_run(a), read_run(b), shared_reference=True).empty
