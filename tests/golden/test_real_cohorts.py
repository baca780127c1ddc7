"""What the scorecard says about real tables whose truth is known; the whole story is docs/validation.md."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.analysis.analyse import analyse, judge
from plausibrain.analysis.noise import estimate_noise
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, read_cohort

CODING = "1=M,0=F"
QUICK = Settings(n_resamples=300, n_splits=40)
N_SPLITS = 5


def verdicts(scorecard: dict) -> dict[str, str]:
    return {h["name"]: h["verdict"] for q in scorecard["questions"] for h in q["headlines"]}


@pytest.fixture(scope="module")
def fcon(shared_data: Path) -> Cohort:
    return read_cohort(shared_data / "tables" / "fcon1000.csv", sex_coding=CODING)


@pytest.mark.slow
def test_halves_of_one_population_are_never_called_different(fcon: Cohort) -> None:
    for seed in range(N_SPLITS):
        order = np.random.default_rng(seed).permutation(len(fcon))
        found = verdicts(judge(fcon.select(order[:200]), fcon.select(order[200:400]), QUICK))
        assert "fail" not in found.values(), (seed, found)


def test_men_against_women_differ_in_size(fcon: Cohort) -> None:
    men = (fcon.subjects["sex"] == "M").to_numpy()
    scorecard = judge(fcon.select(men), fcon.select(~men), QUICK)
    assert scorecard["questions"][1]["verdict"] == "fail"
    found = verdicts(scorecard)
    assert found["size_head"] == "fail"
    assert found["sex_raw"] == "not measured", "sex cannot be told from the cohort"


@pytest.fixture(scope="module")
def latent_diffusion(shared_data: Path) -> dict:
    ixi = read_cohort(shared_data / "tables" / "ixi_synthseg.csv", sex_coding=CODING)
    generated = read_cohort(shared_data / "tables" / "brainldm_synthseg.csv")
    return {"ixi": ixi, "analysis": analyse(ixi, generated, QUICK)}


@pytest.mark.slow
def test_a_public_generator_is_seen_through(latent_diffusion: dict) -> None:
    scorecard = latent_diffusion["analysis"].scorecard
    entries = {h["name"]: h for q in scorecard["questions"] for h in q["headlines"]}
    assert entries["spread_head"]["verdict"] == "fail", "heads vary too little"
    assert entries["spread_head"]["ci_high"] < 0.8
    assert entries["conditioning_brain"]["verdict"] == "fail", "the brain-volume condition is weak"
    assert 0.5 < entries["conditioning_ventricle"]["estimate"] < 0.8, "ventricles follow the request in part"
    assert scorecard["design"]["kind"] == "one_factor"
    for name in ("ageing", "sex_raw", "covariation", "wasabi"):
        assert entries[name]["verdict"] == "not judged"
        assert "design" in entries[name]["caveat"]


@pytest.mark.slow
def test_another_age_mix_is_in_the_balance_table_and_adjusted(latent_diffusion: dict) -> None:
    """Young against old subjects of one study: the raw difference is ageing, the adjusted one is not."""
    ixi = latent_diffusion["ixi"]
    rng = np.random.default_rng(0)
    age = ixi.subjects["age"].to_numpy()
    keep = rng.random(len(age)) < np.clip((age - 50) / 30, 0.05, 1)
    analysis = analyse(ixi.select(~keep), ixi.select(keep), QUICK)
    balance = analysis.tables["balance"].set_index("variable")
    assert balance.loc["age", "smd"] > 0.8
    results = analysis.tables["results"]
    ventricle = results[results["structure"] == "Left-Lateral-Ventricle"]
    raw = ventricle[(ventricle["quantity"] == "hedges_g")]["estimate"].iloc[0]
    adjusted = ventricle[(ventricle["quantity"] == "adjusted_d") & (ventricle["stratum"] == "all")]
    assert raw > 0.5
    assert (adjusted["estimate"].abs() < 0.3).all()


def test_noise_of_two_visits_widens_the_margin(shared_data: Path) -> None:
    visits = [
        read_cohort(shared_data / "tables" / f"NIMH_controls_v{i}.csv", sex_coding=CODING) for i in (1, 2)
    ]
    table: pd.DataFrame = estimate_noise(visits[0], visits[1], Settings()).set_index("structure")
    assert table["n_subjects"].iloc[0] == 67
    assert table.loc["Left-Lateral-Ventricle", "reliability"] > 0.98
    assert table.loc["Left-Accumbens-area", "noise_sd"] > 0.2
    settings = Settings(noise=table["noise_sd"].to_dict())
    assert settings.margin_of("Left-Accumbens-area") == table.loc["Left-Accumbens-area", "noise_sd"]
    assert settings.margin_of("Left-Lateral-Ventricle") == 0.2
