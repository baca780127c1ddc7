"""A structure whose ageing the segmenter does not measure takes no part in question 4."""

import json
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from plausibrain.analysis import withheld_ageing
from plausibrain.analysis.estimates.ageing_maps import ageing_maps
from plausibrain.analysis.estimates.interactions import interactions
from plausibrain.analysis.evaluate import evaluate_headline
from plausibrain.analysis.registry import all_headlines
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.structures import names, region_of
from tests.unit.analysis.factory import normal_cohort, pairs_of, with_volume

HEADLINES = {plugin.name: plugin for plugin in all_headlines()}
NAME = "Left-Hippocampus"


def measured(cohort: Cohort) -> Cohort:
    return replace(cohort, segmenter="ours")


def wrong_ageing(cohort: Cohort) -> Cohort:
    """The hippocampus of this cohort grows with age, by half between 30 and 80."""
    factor = 1 + 0.01 * (cohort.subjects["age"].to_numpy(dtype=float) - 30)
    return with_volume(cohort, NAME, cohort.volumes[NAME].to_numpy() * factor)


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(withheld_ageing, "age_biases", lambda: {"ours": {"Hippocampus": [-4.2, -6.0, -2.4]}})
    generated = wrong_ageing(normal_cohort(150, 2, name="g"))
    return pairs_of(measured(normal_cohort(150, 1, name="r")), measured(generated))


def test_a_withheld_structure_fails_no_headline(pairs) -> None:
    found = evaluate_headline(HEADLINES["ageing_worst"], pairs)
    assert found.status == "ok"
    assert "Hippocampus" not in found.plugin.which(pairs.full)
    assert found.verdict(0.05, 1) != "fail"
    assert evaluate_headline(HEADLINES["ageing"], pairs).estimate == pytest.approx(1.0, abs=0.35)


def test_the_same_structure_fails_where_it_is_measured() -> None:
    pairs = pairs_of(normal_cohort(150, 1, name="r"), wrong_ageing(normal_cohort(150, 2, name="g")))
    found = evaluate_headline(HEADLINES["ageing_worst"], pairs)
    assert NAME in found.plugin.which(pairs.full)
    assert found.verdict(0.05, 1) == "fail"


@pytest.mark.parametrize("estimates", [ageing_maps, interactions])
def test_the_table_gives_the_reason_and_no_number(estimates, pairs) -> None:
    table = estimates(pairs)
    ageing = table["quantity"].str.startswith("age_") | (table["quantity"] == "group_by_age")
    rows = table[ageing & (table["structure"] == NAME)]
    assert len(rows) > 1
    assert rows["estimate"].isna().all()
    assert rows["ci_low"].isna().all()
    assert set(rows["reason"]) == {
        "withheld: the bias of the segmenter changes by -4.2 % per decade (90 % interval -6.0 to -2.4)"
    }
    others = table[table["structure"] == "Left-Thalamus"]
    assert np.isfinite(others["estimate"]).all()
    if "group_by_sex" in set(table["quantity"]):
        assert np.isfinite(table.query("quantity == 'group_by_sex' and structure == @NAME")["estimate"]).all()


def test_the_shipped_file_names_regions_of_ours_beyond_its_limit() -> None:
    content = json.loads(files("plausibrain.analysis").joinpath("withheld_ageing.json").read_text())
    known = {region_of(name) for name in names("aseg")}
    for biases in content["withheld"].values():
        assert set(biases) <= known
        for slope, low, high in biases.values():
            assert low <= slope <= high
            assert max(-low, high) > content["limit"]
