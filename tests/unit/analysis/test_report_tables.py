"""Tables beside the results: balance, curves, correlations, draws, volumes."""

import numpy as np
import pytest
import statsmodels.api as sm

from plausibrain.analysis.evaluate import evaluate_headlines
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.report_tables import (
    balance_table,
    correlation_table,
    curve_table,
    draws_table,
    null_draws_table,
    volumes_table,
)
from tests.unit.analysis.factory import frame_of, normal_cohort, pairs_of, with_subjects

REFERENCE, GENERATED = normal_cohort(90, 1, name="r"), normal_cohort(80, 2, name="g", age=(40.0, 80.0))
PAIRS = pairs_of(REFERENCE, GENERATED)
FRAME = PAIRS.full.frame


def test_balance_by_hand():
    rows = balance_table(FRAME.reference.sample, FRAME.generated.sample).set_index("variable")
    a, b = REFERENCE.subjects["age"], GENERATED.subjects["age"]
    assert rows.loc["age", "smd"] == pytest.approx((b.mean() - a.mean()) / np.sqrt((a.var() + b.var()) / 2))
    assert rows.loc["sex", "reference"] == pytest.approx((REFERENCE.subjects["sex"] == "M").mean())
    assert rows.loc["age", "n_generated"] == 80


def test_balance_of_sites_and_of_constants():
    sites = [
        with_subjects(c, site=np.where(np.arange(len(c)) % 4 == 0, "b", "a")) for c in (REFERENCE, GENERATED)
    ]
    frame = frame_of(*sites)
    rows = balance_table(frame.reference.sample, frame.generated.sample)
    by_level = rows[rows["variable"] == "site"].set_index("level")["generated"]
    assert by_level.to_dict() == {"a": pytest.approx(0.75), "b": pytest.approx(0.25)}
    same_age = with_subjects(GENERATED, age=50.0)
    frame = frame_of(same_age, same_age)
    assert (
        balance_table(frame.reference.sample, frame.generated.sample).set_index("variable").loc["age", "smd"]
        == 0
    )


def test_curves_are_fitted_values():
    curves = curve_table(PAIRS)
    assert set(curves["sex"]) == {"F", "M"}
    x = FRAME.generated.design[:, FRAME.model(tiv=False)]
    fitted = sm.OLS(GENERATED.volumes["Left-Thalamus"].to_numpy(), x).fit().fittedvalues
    men = (GENERATED.subjects["sex"] == "M").to_numpy()
    ours = curves.query("cohort == 'generated' and sex == 'M' and structure == 'Left-Thalamus'")
    at = np.interp(GENERATED.subjects["age"][men], ours["age"], ours["estimate"])
    # Between 25 points the curve is drawn straight, which costs less than 0.1 % of 7000 mm3.
    np.testing.assert_allclose(at, fitted[men], rtol=1e-3)
    assert (ours["ci_low"] < ours["estimate"]).all()
    assert (ours["estimate"] < ours["ci_high"]).all()
    assert ours["age"].min() == pytest.approx(GENERATED.subjects["age"].min())


def test_no_curve_without_ages():
    flat = with_subjects(GENERATED, age=60.0)
    assert set(curve_table(pairs_of(REFERENCE, flat))["cohort"]) == {"reference"}
    assert curve_table(pairs_of(flat, flat)).empty


def test_correlations_are_of_residuals():
    rows = correlation_table(FRAME).set_index(["structure_a", "structure_b"])
    x = FRAME.reference.design
    left, right = (
        sm.OLS(REFERENCE.volumes[name].to_numpy(), x).fit().resid
        for name in ("Left-Thalamus", "Right-Thalamus")
    )
    expected = np.corrcoef(left, right)[0, 1]
    assert rows.loc[("Left-Thalamus", "Right-Thalamus"), "reference"] == pytest.approx(expected, abs=1e-5)
    s = len(FRAME.structures)
    assert len(rows) == s * (s - 1) / 2


def test_draws_and_splits():
    names = ("size_head", "energy", "conditioning_ventricle")
    found = evaluate_headlines([p for p in all_headlines() if p.name in names], PAIRS)
    draws, splits = draws_table(found), null_draws_table(found)
    assert list(draws.columns) == ["draw", "size_head", "energy"]
    assert len(draws) == FRAME.settings.n_resamples
    assert splits.groupby("headline").size().to_dict() == {"energy": 40, "size_head": 40}
    assert draws_table([]).empty
    assert null_draws_table([]).empty


def test_runs_of_the_same_subjects_have_the_same_draws():
    """What makes comparing two checkpoints paired: the same requested subjects are resampled alike."""
    head = [p for p in all_headlines() if p.name == "size_head"]
    shifted = GENERATED.__class__(
        "another",
        GENERATED.subjects,
        GENERATED.volumes.assign(TIV=GENERATED.volumes["TIV"] * 1.02),
        segmenter="truth",
    )
    one, other = (evaluate_headlines(head, pairs_of(REFERENCE, g))[0] for g in (GENERATED, shifted))
    stranger = evaluate_headlines(head, pairs_of(REFERENCE, normal_cohort(80, 9, name="x")))[0]
    assert np.corrcoef(one.draws, other.draws)[0, 1] > 0.99
    assert (one.draws - other.draws).std() < 0.2 * one.se
    assert abs(np.corrcoef(one.draws - one.estimate, stranger.draws)[0, 1]) < 0.95


def test_volumes_are_those_that_were_compared():
    table = volumes_table(FRAME)
    assert len(table) == 170
    got = table.query("cohort == 'generated'")["TIV"].to_numpy()
    np.testing.assert_array_equal(got, GENERATED.volumes["TIV"])
