"""Sites with known effects are found, taken out, and named; as a random effect small ones are shrunk."""

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
import statsmodels.formula.api as smf

from plausibrain.analysis.analyse import judge
from plausibrain.analysis.design import describe_design
from plausibrain.analysis.estimates.sites import sites
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.analysis.sites import several_sites, site_effects, site_variance, within_sites
from plausibrain.cohorts.cohort import Cohort
from tests.unit.analysis.factory import QUICK, frame_of, normal_cohort, pairs_of, with_subjects, with_volume

HIPPOCAMPUS, THALAMUS = "Left-Hippocampus", "Left-Thalamus"
BIAS = {"A": 0.0, "B": 0.06, "C": -0.06}
N = 240


def at_sites(cohort: Cohort, *, biased: bool = True) -> Cohort:
    """Spread a cohort over three sites that measure one hippocampus differently."""
    site = np.array(list(BIAS))[np.arange(len(cohort)) % 3]
    factor = 1 + np.array([BIAS[name] for name in site]) * biased
    return with_subjects(with_volume(cohort, HIPPOCAMPUS, cohort.volumes[HIPPOCAMPUS] * factor), site=site)


TRUE = normal_cohort(N, 1, name="r")
REFERENCE, GENERATED = at_sites(TRUE), normal_cohort(200, 2, name="g")


def samples_of(reference=REFERENCE, generated=GENERATED):
    return prepare_samples(reference, generated, min_subjects=10)


def column(values, structure=HIPPOCAMPUS):
    return values[samples_of().reference.structures.index(structure)]


def model_table(reference) -> pd.DataFrame:
    frame = frame_of(REFERENCE, GENERATED)
    columns = dict(zip(frame.columns[1:], frame.reference.design.T[1:], strict=True))
    return pd.DataFrame(columns | {"y": reference.column(HIPPOCAMPUS), "site": reference.subjects["site"]})


def test_effects_of_a_factor_are_those_of_a_linear_model():
    reference = samples_of().reference
    table = model_table(reference)
    names = " + ".join(c for c in table if c not in ("y", "site"))
    fitted = smf.ols(f"y ~ C(site) + {names}", table).fit()
    ours = column(site_effects(reference, table["site"].to_numpy(dtype=str), "factor").T)
    assert ours[1] - ours[0] == pytest.approx(fitted.params["C(site)[T.B]"], rel=1e-6)
    assert ours.mean() == pytest.approx(0.0, abs=1e-6 * abs(ours).max()), "equal sites, centred effects"


def test_a_random_effect_shrinks_towards_the_common_mean():
    reference = samples_of().reference
    site = reference.subjects["site"].to_numpy(dtype=str)
    fixed, random = (column(site_effects(reference, site, how).T) for how in ("factor", "random"))
    assert (np.sign(fixed[1:]) == np.sign(random[1:])).all()
    assert (np.abs(random[1:]) < np.abs(fixed[1:])).all()
    np.testing.assert_allclose(random[1:], fixed[1:], rtol=0.2)


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_explained_variance_is_that_of_an_analysis_of_covariance():
    reference = samples_of().reference
    shares, p = site_variance(reference)
    table = model_table(reference)
    covariates = [c for c in table if c not in ("y", "site")]
    expected = pg.ancova(data=table, dv="y", covar=covariates, between="site").set_index("Source")
    assert column(p) == pytest.approx(expected.loc["site", "p_unc"], rel=1e-6)
    assert 0 < column(shares) < expected.loc["site", "np2"], "adjusted for the number of sites"
    assert np.median(np.delete(shares, reference.structures.index(HIPPOCAMPUS))) < 0.05


@pytest.mark.parametrize("how", ["factor", "random"])
def test_sites_are_taken_out_of_both_cohorts(how):
    samples = samples_of(generated=at_sites(GENERATED))
    within = within_sites(samples, how)
    for role, truth in (("reference", TRUE), ("generated", GENERATED)):
        sample, before = getattr(within, role), getattr(samples, role)
        off, off_before = (
            np.abs(s.column(HIPPOCAMPUS) - truth.volumes[HIPPOCAMPUS]).mean() for s in (sample, before)
        )
        assert off < 0.5 * off_before
    assert within_sites(samples, "none") is samples


def test_images_of_no_site_are_compared_with_the_average_site():
    within = within_sites(samples_of(), "factor")
    np.testing.assert_array_equal(within.generated.volumes, samples_of().generated.volumes)
    assert within.reference.volumes.mean() == pytest.approx(samples_of().reference.volumes.mean(), rel=1e-9)


def test_differences_within_sites_stand_beside_those_that_ignore_them():
    """Images of site B alone: larger hippocampi than the reference has on average, not than site B has."""
    generated = with_subjects(GENERATED, site="B")
    generated = with_volume(generated, HIPPOCAMPUS, generated.volumes[HIPPOCAMPUS] * (1 + BIAS["B"]))
    pairs = pairs_of(REFERENCE, generated)
    rows = sites(pairs)
    of = rows[rows["structure"] == HIPPOCAMPUS].set_index("quantity")
    ignoring = column(pairs.full.difference("covariate")[0])
    for how in ("factor", "random"):
        assert abs(of.loc[f"adjusted_d_site_{how}", "estimate"]) < 0.5 * ignoring
    assert of.loc["site_variance", "q"] < 1e-6
    chosen = pairs_of(REFERENCE, generated, Settings(n_resamples=100, n_splits=20, site="factor"))
    np.testing.assert_allclose(
        column(chosen.full.difference("covariate")[0]), of.loc["adjusted_d_site_factor", "estimate"]
    )
    assert {"adjusted_d_site_none", "adjusted_d_site_random"} <= set(sites(chosen)["quantity"])


def test_the_scorecard_says_what_sites_mean():
    said = describe_design(frame_of(REFERENCE, GENERATED)).statements
    assert any("comes from 3 sites" in line and "likeness to this reference" in line for line in said)
    apart = judge(at_sites(TRUE), with_subjects(GENERATED, site="elsewhere"), QUICK)["design"]["statements"]
    assert any("no site in common" in line for line in apart)
    within = Settings(n_resamples=100, n_splits=20, site="random")
    told = describe_design(frame_of(REFERENCE, GENERATED, within)).statements
    assert any("site as a random effect); 0 % of the generated rows" in line for line in told)


@pytest.mark.parametrize(
    "site", ["A", ["A"] * (N - 3) + ["B"] * 3, [None] + ["A", "B"] * (N // 2 - 1) + ["A"]]
)
def test_one_site_small_sites_or_gaps_are_no_sites(site):
    reference = with_subjects(TRUE, site=site)
    assert not several_sites(samples_of(reference=reference).reference)
    assert len(sites(pairs_of(reference, GENERATED))) == 0
