"""The confirmed defects of published comparisons that concern statistics do not exist here.

Numbered as in the survey of peers the project was planned with: 5, 7, 8, 9 and 10.
"""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.analysis.analyse import analyse, judge
from plausibrain.analysis.evaluate import Pairs, evaluate_headline
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.quantities import all_estimates
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.results import COLUMNS
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.analysis.transport import assignment_cost
from plausibrain.analysis.weights import Clusters, split_weights
from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject

ROOT = Path(__file__).parents[2]
SETTINGS = Settings(n_resamples=300, n_splits=40, wasabi_repeats=20)
REFERENCE, GENERATED = table_cohort(120, seed=1, name="r"), table_cohort(110, seed=2, name="g")
WASABI = next(p for p in all_headlines() if p.name == "wasabi")


def headlines(card):
    return {h["name"]: h for question in card["questions"] for h in question["headlines"]}


def pairs_of(generated: Cohort) -> Pairs:
    return Pairs.of(build_frame(prepare_samples(REFERENCE, generated, min_subjects=10), SETTINGS))


def rows_of_wasabi(pairs: Pairs) -> pd.DataFrame:
    """Return the rows of the table of results that belong to the published distance."""
    plugin = next(p for p in all_estimates() if p.name == "wasabi_published")
    return plugin(pairs).reindex(columns=COLUMNS)


@cache
def sound_rows() -> pd.DataFrame:
    return rows_of_wasabi(pairs_of(GENERATED))


def test_5_head_size_is_tested_and_d_has_interval_p_and_correction():
    """Published: head size is skipped, d has no interval, some fifty p values are computed and never used."""
    shrunk = inject("head_size_bias", GENERATED, severity=-0.15, seed=0)
    found = analyse(REFERENCE, shrunk, SETTINGS)
    assert headlines(found.scorecard)["size_head"]["verdict"] == "fail"
    rows = found.tables["results"].query("analysis == 'size' and status == 'ok'")
    assert set(rows.loc[rows["structure"] == "TIV", "quantity"]) == {"adjusted_d", "hedges_g", "cohens_d"}
    published = rows.query("quantity == 'cohens_d' and headsize == 'pooled_residual'")
    for table in (published, rows.query("quantity == 'adjusted_d' and headsize == 'covariate'")):
        assert len(table) > 30
        assert (table["ci_low"] < table["estimate"]).all()
        assert (table["estimate"] < table["ci_high"]).all()
        assert (table["q"] >= table["p"] - 1e-12).all()
        assert (table["q"] > table["p"]).any()
        assert set(table["verdict"]) <= {"pass", "fail", "inconclusive"}
    # The whole head is smaller and the proportions are right: both are said, one does not take up the other.
    adjusted = rows.query("quantity == 'adjusted_d' and headsize == 'share'")
    assert adjusted["estimate"].abs().median() < 0.2


@pytest.mark.parametrize("n", [40, 110])
def test_7_wasabi_works_below_500_subjects(n):
    """Published: 500 subjects are drawn without replacement from any cohort, which fails below 500."""
    pairs = pairs_of(table_cohort(n, seed=4, name="g"))
    assert np.isfinite(evaluate_headline(WASABI, pairs).estimate)
    rows = rows_of_wasabi(pairs)
    assert set(rows["quantity"]) == {"wasabi_published", "wasabi_plain"}
    assert (rows["n_generated"] <= n).all()
    assert np.isfinite(rows["estimate"].astype(float)).all()


def test_8_real_against_real_uses_disjoint_subjects():
    """Published: two subsets of the same subjects overlap; shared subjects cost nothing, the null is too low.

    18 normal dimensions, 500 of 1000 subjects: fresh samples 14.2, overlapping draws 7.9 (squared distance).
    """
    rng = np.random.default_rng(0)
    n, d = 200, 18
    subjects = rng.standard_normal((2 * n, d))
    first, second = split_weights(Clusters.of(np.arange(2 * n).astype(str)), n, 8, rng)
    assert not (first & second).any()
    ours = np.mean(
        [assignment_cost(subjects[a > 0], subjects[b > 0]) for a, b in zip(first, second, strict=True)]
    )
    fresh = np.mean([assignment_cost(*rng.standard_normal((2, n, d))) for _ in range(8)])
    overlapping = np.mean(
        [
            assignment_cost(*(subjects[rng.choice(2 * n, n, replace=False)] for _ in range(2)))
            for _ in range(8)
        ]
    )
    # Standard error of a mean of 8: below 0.15 of about 16.
    assert ours == pytest.approx(fresh, rel=0.04)
    assert overlapping < 0.65 * fresh


def test_8_the_null_of_a_run_is_that_of_a_fresh_cohort():
    found = evaluate_headline(WASABI, pairs_of(GENERATED))
    weights = Pairs.of(found.frame).null
    assert not (weights.reference.weights & weights.generated.weights).any()
    assert np.median(found.matched) == pytest.approx(np.median(found.null), rel=0.15)


def test_9_a_global_volume_bias_is_seen_where_the_published_rescaling_hides_it():
    """Published: both cohorts are divided by their own grand mean before they are compared."""
    # Every structure 15 % too large in heads of the right size.
    larger = GENERATED.volumes.drop(columns="TIV") * 1.15
    biased = replace(GENERATED, volumes=larger.assign(TIV=GENERATED.volumes["TIV"]))
    biased_rows = rows_of_wasabi(pairs_of(biased))

    def estimate(rows, quantity):
        row = rows[rows["quantity"] == quantity].iloc[0]
        return float(row["estimate"]), float(row["null_high"])

    hidden, seen = (
        estimate(biased_rows, q)[0] / estimate(sound_rows(), q)[0]
        for q in ("wasabi_published", "wasabi_plain")
    )
    assert hidden == pytest.approx(1.0, abs=0.1)
    assert seen > 3
    plain, null_high = estimate(biased_rows, "wasabi_plain")
    assert plain > null_high
    verdicts = {name: h["verdict"] for name, h in headlines(judge(REFERENCE, biased, SETTINGS)).items()}
    assert [verdicts[name] for name in ("wasabi", "size_within", "size_worst")] == ["fail"] * 3


def test_10_the_spread_over_subsamples_is_not_called_an_error():
    """Published: repeated subsamples without replacement are called bootstrap and their SD an error."""
    rows = sound_rows()
    assert rows["ci_level"].isna().all()
    published = rows.query("quantity == 'wasabi_published'")["reason"].iloc[0]
    assert "not a confidence interval" in published
    text = (ROOT / "analysis" / "estimates" / "wasabi_published.py").read_text(encoding="utf-8").lower()
    for phrase in ("standard error", "bootstrap", "confidence interval"):
        for match in re.finditer(re.escape(phrase), text):
            assert "not a" in text[max(0, match.start() - 30) : match.start()], phrase


@pytest.mark.slow
def test_10_the_interval_of_wasabi_covers():
    """The interval is about what this n gives on average; 60 comparisons of two populations that differ."""
    found = []
    for k in range(60):
        generated = inject(
            "regional_atrophy", table_cohort(80, seed=601 + 2 * k, name="g"), severity=0.2, seed=k
        )
        frame = build_frame(
            prepare_samples(table_cohort(80, seed=600 + 2 * k, name="r"), generated, min_subjects=10),
            SETTINGS,
        )
        h = evaluate_headline(WASABI, Pairs.of(frame))
        found.append((h.estimate, *h.interval(0.95)))
    estimate, low, high = np.array(found).T
    covered = np.mean((low <= estimate.mean()) & (estimate.mean() <= high))
    # Of 60 intervals with 95 % coverage fewer than 51 cover once in 250 times.
    assert covered >= 51 / 60
