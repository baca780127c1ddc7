"""Effect sizes of real tables against pingouin and statsmodels, from the raw file without our readers."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
import statsmodels.api as sm

from plausibrain.analysis.estimates.ageing_maps import age_correlation
from plausibrain.analysis.estimates.sex_maps import raw_sex_d
from plausibrain.analysis.estimates.size import hedges_g
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.noise import estimate_noise
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, read_cohort

TOLERANCE = 1e-6
SETTINGS = Settings(n_resamples=100, n_splits=20)
COLUMNS = {
    "TIV": "vol_total intracranial",
    "Left-Cerebral-Cortex": "vol_left cerebral cortex",
    "Right-Cerebral-Cortex": "vol_right cerebral cortex",
    "Left-Hippocampus": "vol_left hippocampus",
    "Right-Hippocampus": "vol_right hippocampus",
    "Left-Lateral-Ventricle": "vol_left lateral ventricle",
    "Right-Lateral-Ventricle": "vol_right lateral ventricle",
}


@cache
def ixi(folder: Path) -> Cohort:
    return read_cohort(folder / "tables" / "ixi_synthseg.csv", sex_coding="1=M,0=F")


@cache
def raw_ixi(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "tables" / "ixi_synthseg.csv").drop_duplicates("subject_id")


@cache
def halves(folder: Path) -> Pairs:
    cohort = ixi(folder)
    young = (cohort.subjects["age"] < cohort.subjects["age"].median()).to_numpy()
    samples = prepare_samples(cohort.select(young), cohort.select(~young), min_subjects=10)
    return Pairs.of(build_frame(samples, SETTINGS))


@cache
def whole(folder: Path) -> Pairs:
    return Pairs.of(build_frame(prepare_samples(ixi(folder), ixi(folder), min_subjects=10), SETTINGS))


def test_274_subjects_remain(shared_data):
    assert len(ixi(shared_data).included) == len(raw_ixi(shared_data)) == 274


@pytest.mark.parametrize("structure", [name for name in COLUMNS if "Ventricle" not in name])
def test_raw_sex_d(shared_data, structure):
    table, pair = raw_ixi(shared_data), whole(shared_data).full
    men, women = (table.loc[table.sex == s, COLUMNS[structure]] for s in (1, 0))
    expected = pg.compute_effsize(men, women, eftype="cohen")
    at = pair.frame.outcome_names.index(structure)
    assert raw_sex_d("reference", pair)[0, at] == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("structure", [n for n in COLUMNS if n.endswith(("Hippocampus", "Ventricle"))])
def test_age_r(shared_data, structure):
    table, pair = raw_ixi(shared_data), whole(shared_data).full
    expected = pg.corr(table.age, table[COLUMNS[structure]])["r"].iloc[0]
    at = pair.frame.outcome_names.index(structure)
    assert age_correlation("reference", pair)[0, at] == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("structure", list(COLUMNS))
def test_hedges_g(shared_data, structure):
    table, pair = raw_ixi(shared_data), halves(shared_data).full
    young = table.age < table.age.median()
    old_mm3, young_mm3 = (table.loc[rows, COLUMNS[structure]] for rows in (~young, young))
    expected = pg.compute_effsize(old_mm3, young_mm3, eftype="hedges")
    at = pair.frame.outcome_names.index(structure)
    assert hedges_g(pair)[0, at] == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("structure", ["Left-Hippocampus", "Right-Lateral-Ventricle"])
def test_adjusted_difference_is_statsmodels(shared_data, structure):
    """Random halves; the model is written out here with knots at the reference's quantiles (Harrell 2.25)."""
    cohort, table = ixi(shared_data), raw_ixi(shared_data).set_index("subject_id")
    first = np.random.default_rng(0).permutation(len(cohort)) < 137
    parts = [cohort.select(first), cohort.select(~first)]
    pair = Pairs.of(build_frame(prepare_samples(*parts, min_subjects=10), SETTINGS)).full
    rows = pd.concat([table.loc[c.subjects["participant_id"].astype(table.index.dtype)] for c in parts])
    age = rows["age"].to_numpy() / 10
    k = np.quantile(age[:137], [0.05, 0.35, 0.65, 0.95])

    def bend(j):
        u = [np.clip(age - knot, 0, None) ** 3 for knot in k]
        return u[j] - u[2] * (k[3] - k[j]) / (k[3] - k[2]) + u[3] * (k[2] - k[j]) / (k[3] - k[2])

    group = (np.arange(274) >= 137).astype(float)
    x = np.column_stack([np.ones(274), age, bend(0), bend(1), rows["sex"], rows[COLUMNS["TIV"]] / 1e6])
    y = rows[COLUMNS[structure]].to_numpy()
    gap = sm.OLS(y, np.column_stack([x, group])).fit().params[-1]
    sd = np.sqrt(sm.OLS(y[:137], x[:137]).fit().scale)
    at = pair.frame.structures.index(structure)
    assert pair.difference("covariate")[0, at] == pytest.approx(gap / sd, abs=TOLERANCE)


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # inside pingouin, of newer pandas
def test_noise_of_two_visits(shared_data):
    """Reliability of the real repeat visits against pingouin's ICC(1,1)."""
    visits = [
        read_cohort(shared_data / "tables" / f"NIMH_controls_v{v}.csv", sex_coding="1=M,0=F") for v in (1, 2)
    ]
    noise = estimate_noise(*visits, SETTINGS).set_index("structure")
    assert len(noise) > 20
    for structure in ("Left-Hippocampus", "Left-Lateral-Ventricle", "Right-Amygdala"):
        long = pd.concat(
            [
                pd.DataFrame({"subject": c.subjects["subject"], "visit": v, "mm3": c.volumes[structure]})
                for v, c in enumerate(visits)
            ]
        )
        both = long.groupby("subject").filter(lambda rows: len(rows) == 2 and rows["mm3"].notna().all())
        icc = pg.intraclass_corr(both, targets="subject", raters="visit", ratings="mm3")
        expected = icc.loc[icc["Type"].isin(["ICC1", "ICC(1,1)"]), "ICC"].iloc[0]
        assert noise.loc[structure, "reliability"] == pytest.approx(expected, abs=TOLERANCE)
        assert noise.loc[structure, "n_subjects"] <= both["subject"].nunique()
    # Large structures are measured better than small ones.
    assert noise.loc["Left-Lateral-Ventricle", "noise_sd"] < noise.loc["Right-Amygdala", "noise_sd"]
    assert noise["noise_sd"].between(0, 1).all()
