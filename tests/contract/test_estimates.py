"""What every table of estimates keeps, free for each new one."""

import importlib
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from plausibrain.analysis.analyse import Analysis, analyse
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.feature_registry import all_distances
from plausibrain.analysis.independent import groups_of
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.quantities import all_estimates, all_quantities
from plausibrain.analysis.results import COLUMNS
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.schemas import NETWORK_AGE, NETWORK_SEX, SCHEMAS
from plausibrain.cohorts.structures import STRUCTURES, find_structure
from plausibrain.cohorts.tables import read_table, write_table
from plausibrain.evaluation.diversity.pair_table import all_similarities
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.reports.references import known_references
from tests.unit.analysis.factory import patients_and_controls, with_quality, with_subjects
from tests.unit.analysis.feature_factory import with_images

SETTINGS = Settings(n_resamples=100, n_splits=20, wasabi_repeats=10)
REFERENCE, GENERATED = (
    with_images(with_quality(table_cohort(n, seed=seed, name=name), seed=seed), seed)
    for n, seed, name in ((130, 1, "r"), (120, 2, "g"))
)
INDEPENDENT = patients_and_controls(60, 4, years=6.0)
REFERENCE = with_subjects(REFERENCE, site=[f"site {k % 3}" for k in range(130)])


def with_network(cohort: Cohort, seed: int) -> Cohort:
    """The cohort with ages and sexes that a network saw, roughly."""
    rng, n = np.random.default_rng(seed), len(cohort)
    ages = 0.8 * cohort.subjects["age"].astype(float) + rng.normal(10, 5, n)
    scores = cohort.subjects["sex"].eq("M") - 0.5 + rng.normal(0, 0.5, n)
    return with_subjects(cohort, **{NETWORK_AGE: ages, NETWORK_SEX: scores})


REFERENCE, GENERATED = with_network(REFERENCE, 5), with_network(GENERATED, 6)
TRAINING = with_images(table_cohort(90, seed=3, name="t"), 3)
REFERENCES = known_references()
KEY = ["question", "analysis", "quantity", "structure", "stratum", "headsize", "cohort"]
REGIONS = {structure.region for structure in STRUCTURES}
EVERY = pytest.mark.parametrize("plugin", all_estimates(), ids=lambda p: p.name)


def without_head_size(cohort: Cohort) -> Cohort:
    return replace(cohort, volumes=cohort.volumes.drop(columns="TIV"))


def pairs_of(reference: Cohort, generated: Cohort) -> Pairs:
    samples = prepare_samples(reference, generated, min_subjects=10, training=TRAINING)
    frame = build_frame(samples, SETTINGS)
    return Pairs.of(replace(frame, independent=groups_of(INDEPENDENT, frame)))


PAIRS = pairs_of(REFERENCE, GENERATED)
CLOUDS = ("wasabi", "feature_distances")
RAW, BOTH = ("none",), ("none", "covariate")
OWED = {
    **dict.fromkeys(("cohens_d_pooled", "common_language"), RAW),
    "partial_r_cohort": BOTH[1:],
    "site_variance": ("covariate",),
    **dict.fromkeys(("adjusted_d_site_factor", "adjusted_d_site_random"), ("covariate",)),
    **dict.fromkeys(("cohens_d_bilateral", "cohens_d_bilateral_mean"), ("none", "pooled_residual")),
    "adjusted_d": ("none", "share", "covariate"),
    "cohens_d": ("none", "pooled_residual"),
    "hedges_g": RAW,
    "age_r": RAW,
    **dict.fromkeys(("age_slope", "age_beta", "group_by_age", "group_by_sex", "sd_ratio"), BOTH),
    **dict.fromkeys(("age_deming_slope", "age_concordance", "age_sign_agreement"), BOTH),
    **dict.fromkeys(("sex_deming_slope", "sex_concordance", "sex_sign_agreement"), BOTH),
    "sex_d": RAW,
    "sex_d_adjusted": ("none", "share", "pooled_residual", "covariate"),
    **dict.fromkeys(("share_in_tails", "asymmetry_index", "allometric_slope", "excluded"), RAW),
    **dict.fromkeys(("ventricle_volume_slope", "brain_volume_slope"), RAW),
    **dict.fromkeys(("quality_d", "quality_sd_ratio", "quality_mean"), RAW),
    **dict.fromkeys(("wasabi_published", "wasabi_plain"), ("share",)),
    **dict.fromkeys(("ms_ssim", "four_component_gradient"), RAW),
    **dict.fromkeys(("near_duplicates", "copies", "copies_published", "training_copied"), RAW),
    **dict.fromkeys([distance.name for distance in all_distances()], RAW),
}


@cache
def mixed() -> Pairs:
    rng = np.random.default_rng(0)
    return pairs_of(REFERENCE.select(rng.permutation(130)), GENERATED.select(rng.permutation(120)))


@cache
def headless() -> Pairs:
    return pairs_of(without_head_size(REFERENCE), without_head_size(GENERATED))


@cache
def same() -> Pairs:
    return pairs_of(REFERENCE, REFERENCE)


@cache
def table_of(name: str) -> pd.DataFrame:
    plugin = next(p for p in all_estimates() if p.name == name)
    return plugin(PAIRS).reindex(columns=COLUMNS)


@cache
def whole() -> Analysis:
    return analyse(REFERENCE, GENERATED, SETTINGS, training=TRAINING)


@EVERY
def test_rows_are_of_the_schema_and_stand_once(plugin):
    rows = table_of(plugin.name)
    assert len(rows)
    assert set(plugin(PAIRS).columns) <= set(COLUMNS)
    assert not rows.duplicated(KEY).any()
    assert set(rows["status"]) <= {"ok", "failed", "not_applicable"}
    assert set(rows["cohort"]) <= {"reference", "generated", "difference"}
    assert set(rows["headsize"]) <= {"none", "share", "pooled_residual", "covariate"}
    assert set(rows["question"]) <= set(range(1, 11))
    assert rows["unit"].notna().all()
    for name in set(rows["structure"]) - {""}:
        of_images = name in REFERENCE.measures or name in REFERENCE.features
        assert find_structure(name) or name in REGIONS or name == "TIV" or of_images, name


@EVERY
def test_numbers_are_in_order(plugin):
    rows = table_of(plugin.name).query("status == 'ok'").astype({"estimate": float})
    assert np.isfinite(rows["estimate"]).all()
    known = rows.dropna(subset=["ci_low", "ci_high"])
    slack = 1e-9 + 1e-9 * known["estimate"].abs()
    assert (known["ci_low"] <= known["estimate"] + slack).all()
    assert (known["estimate"] <= known["ci_high"] + slack).all()
    tested = rows.dropna(subset=["p"])
    assert tested["p"].between(0, 1).all()
    assert (tested["q"] >= tested["p"] - 1e-12).all()
    judged = rows[rows["verdict"] != ""]
    assert judged["p_equivalence"].between(0, 1).all()
    assert (judged["margin_low"] < judged["margin_high"]).all()
    for name in ("null", "matched"):
        split = rows.dropna(subset=[f"{name}_median"])
        assert (split[f"{name}_low"] <= split[f"{name}_median"]).all()
        assert (split[f"{name}_median"] <= split[f"{name}_high"]).all()
        assert (split["n_null"] > 0).all()
    assert (rows[["n_reference", "n_generated"]].astype(float).sum(axis=1) > 0).all()


@EVERY
def test_order_of_rows_does_not_matter(plugin):
    ours, theirs = (
        t.sort_values(KEY).reset_index(drop=True) for t in (table_of(plugin.name), plugin(mixed()))
    )
    assert len(ours) == len(theirs)
    for column in ("estimate", "ci_low", "ci_high", "null_median"):
        if column in theirs:
            np.testing.assert_allclose(
                ours[column].astype(float), theirs[column].astype(float), rtol=1e-6, atol=1e-7
            )


@EVERY
def test_without_head_size_what_needs_it_is_left_out(plugin):
    rows = plugin(headless())
    if len(rows):
        assert set(rows["headsize"]) == {"none"}
        assert "TIV" not in set(rows["structure"])


@EVERY
def test_the_same_cohort_twice_shows_no_difference(plugin):
    rows = plugin(same()).reindex(columns=COLUMNS)
    # Distances between clouds are not 0 there: the reference is predicted without each subject, or n matters.
    shown = rows[
        (rows["cohort"] == "difference") & ~rows["analysis"].isin(CLOUDS) & (rows["structure"] != "")
    ]
    expected = np.where(shown["unit"] == "ratio", 1.0, 0.0)
    np.testing.assert_allclose(shown["estimate"].astype(float), expected, atol=1e-6)
    assert not (shown["verdict"] == "fail").any()


@EVERY
def test_words_and_sources(plugin):
    assert plugin.label
    assert set(plugin.source) <= set(REFERENCES)
    assert len(importlib.import_module(plugin.module).__doc__ or "") > 60
    assert plugin.module.endswith(plugin.name)


def test_the_quantities_that_a_report_is_owed_are_there():
    """Issue of the first release, analysis: what results must hold."""
    found = set(map(tuple, whole().tables["results"][["quantity", "headsize"]].drop_duplicates().to_numpy()))
    owed = {(quantity, headsize) for quantity, conventions in OWED.items() for headsize in conventions}
    assert owed <= found


def test_every_table_can_be_written_and_read(tmp_path):
    for name, rows in whole().tables.items():
        path = tmp_path / f"{name}.tsv"
        write_table(rows, path, SCHEMAS[name])
        assert len(read_table(path, SCHEMAS[name])) == len(rows), name


def test_strata_have_their_own_rows_and_n():
    rows = whole().tables["results"].query("analysis == 'size_by_stratum'")
    assert {"F", "M", "60-69"} <= set(rows["stratum"])
    women = (REFERENCE.subjects["sex"] == "F").sum(), (GENERATED.subjects["sex"] == "F").sum()
    got = rows.query("stratum == 'F'")[["n_reference", "n_generated"]].drop_duplicates().to_numpy(dtype=int)
    assert got.tolist() == [list(women)]
    assert rows["mde"].notna().all()
    # Fewer subjects, larger detectable differences.
    all_subjects = whole().tables["results"].query("quantity == 'adjusted_d' and headsize == 'covariate'")
    assert rows.query("stratum == '60-69'")["mde"].median() > 1.5 * all_subjects["mde"].median()


def test_q_is_within_one_quantity():
    rows = whole().tables["results"].query("quantity == 'hedges_g'")
    expected = multipletests(rows["p"].astype(float), method="fdr_bh")[1]
    np.testing.assert_allclose(rows["q"].astype(float), expected)


@EVERY
def test_every_quantity_is_described(plugin):
    table = table_of(plugin.name)
    described = {**all_quantities(), **{p.name: p for p in all_similarities()}}
    assert set(table.quantity.dropna()) <= set(described), "name its quantities where it registers"
