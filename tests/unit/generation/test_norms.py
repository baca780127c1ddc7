"""Subjects and volumes follow the published norms, and depend on (seed, i) alone."""

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import canonical_name
from plausibrain.generation.demo_cohorts import HEADS_MM3, asked_cohort, table_cohort
from plausibrain.generation.norm_tables import age_factor, expected_volume, norm_tables
from plausibrain.generation.norms import (
    LATERAL_VENTRICLES,
    PAIRED_TISSUE,
    TISSUE,
    VOLUME_NAMES,
    draw_subjects,
    draw_volumes,
    with_requests,
)

N = 3000


@pytest.fixture(scope="module")
def sixty() -> tuple[pd.DataFrame, pd.DataFrame]:
    subjects = draw_subjects(N, seed=1, age=(60.0, 60.0))
    return subjects, draw_volumes(subjects, seed=1)


def total(volumes: pd.DataFrame, family: str) -> pd.Series:
    if family == "Ventricles":
        names = [name for name in volumes if "Vent" in name and "DC" not in name]
    else:
        names = [name for name in volumes if name.removeprefix("Left-").removeprefix("Right-") == family]
    return volumes[names].sum(axis=1)


@pytest.mark.parametrize("family", norm_tables().families.index)
def test_mean_spread_and_sex_difference_at_sixty(sixty, family):
    subjects, volumes = sixty
    row = norm_tables().families.loc[family]
    unit = 2000.0 if row["unit_of"] == "hemisphere" else 1000.0
    drawn = total(volumes, family)
    cv = row["cv_percent"] / 100
    # Standard error of a mean is CV / sqrt(n); three and a half of them, n = 1,500 per sex.
    tolerance = 3.5 * cv / np.sqrt(N / 2)
    for sex, column in (("M", "mean_male_60y_ml"), ("F", "mean_female_60y_ml")):
        chosen = drawn[subjects["sex"] == sex]
        assert chosen.mean() == pytest.approx(unit * row[column], rel=tolerance)
        # Standard error of a CV is CV / sqrt(2 n), larger where the tail is long.
        assert chosen.std() / chosen.mean() == pytest.approx(cv, rel=0.12)


@pytest.mark.parametrize("name", [*PAIRED_TISSUE, "Lateral-Ventricle", "Inf-Lat-Vent"])
def test_left_and_right_correlate(sixty, name):
    _, volumes = sixty
    assert volumes[f"Left-{name}"].corr(volumes[f"Right-{name}"]) > 0.85


def test_correlations_between_structures_are_the_published_ones(sixty):
    subjects, volumes = sixty
    tables = norm_tables()
    families = list(tables.families.index)
    log_totals = np.log(pd.DataFrame({name: total(volumes, name) for name in families}))
    within = log_totals - log_totals.groupby(subjects["sex"]).transform("mean")
    # Standard error of a correlation is below 1 / sqrt(n) = .018.
    np.testing.assert_allclose(within.corr().to_numpy(), tables.correlation, atol=0.07)


@pytest.mark.parametrize(
    ("family", "column", "young"),
    [
        ("Hippocampus", "slope_60_70", 60.0),
        ("Ventricles", "slope_50_60", 50.0),
        ("Cerebral-Cortex", "slope_20_30", 20.0),
    ],
)
def test_slope_of_a_decade(family, column, young):
    factor = age_factor(family, [young, young + 10])
    slope = 10 * np.log(factor[1] / factor[0])
    assert slope == pytest.approx(norm_tables().families.loc[family, column], abs=0.05)


def test_head_size_is_the_sum_of_its_parts(sixty):
    _, volumes = sixty
    assert tuple(volumes.columns) == VOLUME_NAMES
    np.testing.assert_allclose(volumes.drop(columns="TIV").sum(axis=1), volumes["TIV"], rtol=1e-12)
    assert (volumes > 0).all(axis=None)


def test_names_are_structures():
    assert [canonical_name(name) for name in VOLUME_NAMES] == list(VOLUME_NAMES)


def test_a_subject_depends_on_seed_and_number_alone():
    few, many = draw_subjects(5, seed=9), draw_subjects(50, seed=9)
    pd.testing.assert_frame_equal(few, many.iloc[:5])
    pd.testing.assert_frame_equal(draw_volumes(many.iloc[[3]], seed=9), draw_volumes(few, seed=9).iloc[[3]])
    assert not np.allclose(draw_volumes(few, seed=9), draw_volumes(few, seed=10))


def test_requests_are_obeyed_exactly():
    subjects = draw_subjects(4, seed=2).assign(
        requested_tiv_mm3=[1.4e6, 1.6e6, np.nan, np.nan],
        requested_ventricle_mm3=[20_000.0, np.nan, 60_000.0, np.nan],
        requested_brain_mm3=[1.0e6, np.nan, np.nan, 1.1e6],
    )
    volumes = draw_volumes(subjects, seed=2)
    free = draw_volumes(subjects[["age", "sex"]], seed=2)
    asked = with_requests(subjects, volumes)
    np.testing.assert_allclose(volumes["TIV"][:2], [1.4e6, 1.6e6], rtol=1e-9)
    np.testing.assert_allclose(volumes[list(LATERAL_VENTRICLES)].sum(axis=1)[[0, 2]], [20_000.0, 60_000.0])
    np.testing.assert_allclose(volumes[list(TISSUE)].sum(axis=1)[[0, 3]], [1.0e6, 1.1e6])
    assert volumes["TIV"][3] == pytest.approx(free["TIV"][3])
    assert asked["requested_brain_mm3"][0] == pytest.approx(1.0e6)


def test_expected_volume_by_hand():
    assert expected_volume("Ventricles", [60.0, 60.0], ["M", "F"]).tolist() == [30400.0, 24400.0]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"n": -1}, "at least 0 subjects, got -1"),
        ({"n": 2, "age": (50.0, 40.0)}, "youngest age up to the oldest, got 50 to 40 years"),
        ({"n": 2, "sex_balance": 1.5}, "from 0 to 1, got 1.5"),
    ],
)
def test_senseless_arguments_are_refused(arguments, match):
    with pytest.raises(DataError, match=match):
        draw_subjects(**{"seed": 0, **arguments})


def test_missing_age_or_sex_is_refused():
    subjects = draw_subjects(3, seed=0)
    with pytest.raises(DataError, match="sex"):
        draw_volumes(subjects.drop(columns="sex"), seed=0)
    with pytest.raises(DataError, match=r"rows \[1\]"):
        draw_volumes(subjects.assign(age=[20.0, np.nan, 30.0]), seed=0)


def test_no_subjects_is_an_empty_table():
    empty = draw_volumes(draw_subjects(0, seed=0), seed=0)
    assert empty.shape == (0, len(VOLUME_NAMES))


def test_volumes_that_are_asked_for_become_the_cohorts():
    subjects = pd.DataFrame(
        {
            "participant_id": ["sub-a", "sub-b"],
            "subject": ["a", "b"],
            "age": [30.0, 70.0],
            "sex": ["F", "M"],
            "requested_ventricle_mm3": [9e4, np.nan],
        }
    )
    cohort = asked_cohort(subjects, seed=3, name="asked")
    asked = cohort.subjects["requested_ventricle_mm3"]
    assert asked[0] == pytest.approx(9e4)
    assert asked[1] == pytest.approx(cohort.volumes[list(LATERAL_VENTRICLES)].sum(axis=1)[1])
    assert list(cohort.subjects["drawn_as"]) == ["3:0", "3:1"]


def test_a_rare_head_that_nobody_requested_stops_no_cohort():
    """Subject 50 of this seed has the largest head of some 350,000 subjects."""
    heads = table_cohort(51, seed=901_215, name="rare").volumes["TIV"]
    assert heads.max() > HEADS_MM3[1]
