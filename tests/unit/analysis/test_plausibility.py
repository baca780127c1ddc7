"""Plausibility of single subjects: odd combinations come out on top, held-out reference subjects do not."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from plausibrain.analysis.plausibility import plausibility_table
from plausibrain.cohorts.schemas import PLAUSIBILITY
from tests.unit.analysis.factory import frame_of, normal_cohort, with_volume

REFERENCE, GENERATED = normal_cohort(200, 1, name="r"), normal_cohort(150, 2, name="g")


def table_of(generated=GENERATED, reference=REFERENCE) -> pd.DataFrame:
    return plausibility_table(frame_of(reference, generated))


def of(table: pd.DataFrame, cohort: str) -> pd.DataFrame:
    return table[table["cohort"] == cohort]


def test_new_subjects_are_as_far_as_held_out_reference_subjects():
    table = table_of()
    reference, generated = (of(table, c)["distance"] for c in ("reference", "generated"))
    assert generated.median() == pytest.approx(reference.median(), rel=0.1)
    # Shares of a perfect generator are uniform: their mean is 1/2 within 4 standard errors.
    assert of(table, "generated")["share_as_far"].mean() == pytest.approx(0.5, abs=4 * 0.29 / np.sqrt(150))


def test_odd_volume_comes_first_with_its_reason():
    volumes = GENERATED.volumes["Left-Hippocampus"].to_numpy().copy()
    volumes[7] *= 0.5
    first = of(table_of(with_volume(GENERATED, "Left-Hippocampus", volumes)), "generated").iloc[0]
    assert first["participant_id"] == GENERATED.subjects["participant_id"][7]
    assert first["rank"] == 1
    assert first["share_as_far"] == pytest.approx(1 / 201)
    assert first["reasons"].startswith("Left-Hippocampus -")


def test_odd_combination_of_usual_volumes_is_found():
    """Left and right differ as no subject's do, each within two standard deviations."""
    changed = GENERATED
    for side, shift in (("Left", 0.12), ("Right", -0.12)):
        name = f"{side}-Hippocampus"
        values = GENERATED.volumes[name].to_numpy().copy()
        values[3] = np.median(values) * (1 + shift)
        changed = with_volume(changed, name, values)
    table = of(table_of(changed), "generated").set_index("participant_id")
    before = of(table_of(), "generated").set_index("participant_id")
    row = GENERATED.subjects["participant_id"][3]
    assert table.loc[row, "distance"] > before.loc[row, "distance"]
    assert "Hippocampus" in table.loc[row, "reasons"]


def test_few_odd_reference_subjects_hardly_move_the_others():
    values = REFERENCE.volumes["Left-Thalamus"].to_numpy().copy()
    values[:6] *= 3.0
    odd = with_volume(REFERENCE, "Left-Thalamus", values)
    clean, spoilt = (
        of(table_of(reference=r), "generated").sort_values("participant_id")["distance"]
        for r in (REFERENCE, odd)
    )
    # Least squares predicts age and sex, so that outliers move the deviations a little, not the order.
    assert spearmanr(clean, spoilt).statistic > 0.9


def test_table_is_complete_and_ranked():
    table = table_of()
    assert list(table) == [column.name for column in PLAUSIBILITY.columns]
    assert table.groupby("cohort").size().to_dict() == {"reference": 200, "generated": 150}
    for cohort in ("reference", "generated"):
        mine = of(table, cohort)
        assert mine["rank"].tolist() == list(range(1, len(mine) + 1))
        assert mine["distance"].is_monotonic_decreasing
    assert table["share_as_far"].between(0, 1).all()


def test_order_of_rows_does_not_matter():
    order = np.random.default_rng(0).permutation(150)
    pd.testing.assert_frame_equal(table_of(), table_of(GENERATED.select(order)))
