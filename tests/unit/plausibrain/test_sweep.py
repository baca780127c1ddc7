"""One subject and one noise while one condition varies: requests, numbers, picture."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from plausibrain import sweep as sweeping
from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.schemas import SWEEP_VERDICTS
from plausibrain.cohorts.tables import read_table
from plausibrain.flags import numbers
from plausibrain.generation.conditions import BRAIN, BRAIN_NORMALISED, VENTRICLE
from plausibrain.generation.model import ImageGrid
from plausibrain.generation.scaler import ConditionScaler
from plausibrain.sweep import SweepPlan, measurements, requests, run_sweep, summary

#: What the invented model makes of each requested millilitre of ventricle, in ventricle and in brain.
OBEYED, LEAKED = 0.5, -2.0


class Obedient:
    """Draws images of one grey value each; what was requested is all there is to see."""

    name, checkpoint_hash = "obedient", "c0ffee"
    conditions = ("sex", VENTRICLE)
    grid = ImageGrid.of((6, 6, 6), np.diag([2.0, 2.0, 2.0, 1.0]))
    description = {"scheduler": "none", "steps": 1}  # noqa: RUF012
    scaler = ConditionScaler(("sex", VENTRICLE), (0.0, 5_000.0), (1.0, 60_000.0))

    def sample(self, rows, seeds):
        for _, row in rows.iterrows():
            yield np.full((6, 6, 6), row[VENTRICLE] / 1e5, np.float32)


@pytest.fixture
def reference():
    rng = np.random.default_rng(0)
    sex = np.array(["F", "M"] * 20)
    brain = np.where(sex == "F", 1.0e6, 1.2e6) + rng.uniform(-5e4, 5e4, 40)
    table = {"requested_age": rng.uniform(20, 80, 40), "requested_sex": sex}
    return pd.DataFrame(table | {VENTRICLE: rng.uniform(1e4, 5e4, 40), BRAIN: brain})


def segmented(cohort, out, **choices):
    """Volumes that follow the requests as the invented model does."""
    asked = pd.to_numeric(pd.Series([image_level(path) for path in cohort.images])) * 1e5
    ventricle = 10_000 + OBEYED * asked
    volumes = pd.DataFrame(
        {
            "Left-Lateral-Ventricle": ventricle,
            "Left-Cerebral-Cortex": 1_000_000 + LEAKED * asked,
            "TIV": 1_500_000.0,
        }
    )
    return replace(cohort, volumes=volumes, segmenter="invented")


def image_level(path):
    from plausibrain.cohorts.volumes import read_volume

    return float(read_volume(path).data.mean())


def test_levels_and_medians_are_those_of_the_sex(reference):
    table = requests(SweepPlan("brain", n_levels=5, beyond=0.0), reference)
    by_sex = table.groupby("sex")[BRAIN]
    own = reference.groupby("requested_sex")[BRAIN]
    assert by_sex.min().tolist() == pytest.approx(own.min().tolist())
    assert by_sex.max().tolist() == pytest.approx(own.max().tolist())
    assert table.groupby("subject")["seed"].nunique().tolist() == [1, 1]
    assert table[VENTRICLE].nunique() == 2  # the median of each sex
    assert not table["extrapolated"].any()


def test_a_value_inside_for_one_sex_is_outside_for_the_other(reference):
    table = requests(SweepPlan("brain", values=(1200.0,)), reference)
    outside = table.set_index("sex")["extrapolated"]
    assert outside["F"] == BRAIN
    assert outside["M"] == ""


def test_slope_and_leakage_are_those_of_the_model(reference, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeping, "load_model", lambda *given, device: Obedient())
    monkeypatch.setattr(sweeping, "_reference", lambda *given: reference)
    monkeypatch.setattr(sweeping, "segment", segmented)
    plan = SweepPlan("ventricle", values=(4.0, 20.0, 40.0, 100.0), n_repeats=2)
    line = run_sweep(tmp_path, plan, generator="obedient")
    assert "slope of measured on requested ventricle volume 0.50, r 1.000" in line
    rows = pd.read_csv(tmp_path / "sweep.tsv", sep="\t")
    assert len(rows) == 4 * 2 * 2
    training = rows.groupby("requested")["inside_training"].all()
    assert training.to_dict() == {4_000: False, 20_000: True, 40_000: True, 100_000: False}
    inside = rows.groupby("requested")["inside_reference"].all()
    assert inside.to_dict() == {4_000: False, 20_000: True, 40_000: True, 100_000: False}
    # from 20 to 40 mL the brain loses 2 x 20 mL of about 940 mL
    assert f"brain volume {100 * LEAKED * 20_000 / 940_000:+.1f} %" in line
    assert "head size (TIV) +0.0 %" in line
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    assert len(read_cohort(tmp_path / "generated", min_subjects=1)) == 16


def test_a_model_that_takes_normalised_brains_has_a_picture_too(reference, tmp_path, monkeypatch):
    """As the published bundle does; nothing of it is plotted under the name of the raw volume."""

    class Normalised(Obedient):
        conditions = ("sex", VENTRICLE, BRAIN_NORMALISED)
        scaler = ConditionScaler(conditions, (0.0, 5_000.0, 0.9e6), (1.0, 60_000.0, 1.2e6))

    normalised = reference.rename(columns={BRAIN: BRAIN_NORMALISED})
    monkeypatch.setattr(sweeping, "load_model", lambda *given, device: Normalised())
    monkeypatch.setattr(sweeping, "_reference", lambda *given: normalised)
    monkeypatch.setattr(sweeping, "segment", segmented)
    line = run_sweep(tmp_path, SweepPlan("ventricle", values=(20.0, 40.0), sexes=("F",)), generator="any")
    assert f"normalised brain volume {100 * LEAKED * 20_000 / 940_000:+.1f} %" in line
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    verdicts = read_table(tmp_path / "sweep_verdicts.tsv", SWEEP_VERDICTS)
    assert set(verdicts["reason"]) == {"1 strip, at least 3 are needed"}


def test_failed_segmentations_count_and_measure_nothing(reference):
    table = requests(SweepPlan("ventricle", n_levels=4, sexes=("F",)), reference)
    cohort = read_cohort_of(table)
    failed = cohort.subjects.assign(status=["ok", "ok", "ok", "excluded"], reason=["", "", "", "broken"])
    rows = measurements(replace(cohort, subjects=failed), table, VENTRICLE, None)
    assert rows["measured_ventricle_mm3"].isna().tolist() == [False, False, False, True]
    facts = summary(rows, VENTRICLE)
    assert facts["n_failed"] == 1
    assert facts["all"]["n"] == 3


def read_cohort_of(table):
    from plausibrain.cohorts.cohort import Cohort

    volumes = pd.DataFrame(
        {"Left-Lateral-Ventricle": table[VENTRICLE], "Left-Cerebral-Cortex": 1e6, "TIV": 1.5e6}
    )
    return Cohort("invented", table[["participant_id", "subject", "age", "sex"]], volumes=volumes)


def test_an_unknown_condition_is_named():
    with pytest.raises(DataError, match="age, ventricle, brain, brain_normalised, got 'height'"):
        _ = SweepPlan("height").column


@pytest.mark.parametrize(("text", "found"), [("", ()), ("10,40.5", (10.0, 40.5)), (" 1 , 2,", (1.0, 2.0))])
def test_numbers_of_a_flag(text, found):
    assert numbers(text, "--values") == found


@pytest.mark.parametrize("text", ["ten", "1;2", "nan", "1,inf"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(DataError, match=r"--values .*expected"):
        numbers(text, "--values")
