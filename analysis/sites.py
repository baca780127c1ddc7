"""Sites of the reference: how much they matter, and volumes compared within them.

A site (scanner, country, protocol) shifts volumes of the same brains. As a factor every site has its own
mean; as a random effect (restricted maximum likelihood, statsmodels) the means of small sites are shrunk
towards the common one. Effects are estimated in the reference at equal age, sex and head size, and taken out
of both cohorts where they name a site that the reference has; images without a site are compared with the
average site. Resampling does not estimate the effects anew, so intervals are slightly too narrow where sites
are small.
"""

import warnings
from dataclasses import replace

import numpy as np
import statsmodels.api as sm
from scipy.stats import f as fisher
from statsmodels.tools.sm_exceptions import ConvergenceWarning, SingularMatrixWarning

from plausibrain.analysis.covariates import Covariates
from plausibrain.analysis.sample import Sample, Samples
from plausibrain.analysis.settings import SiteModel

#: Fewer subjects share one level with all other small sites.
LEAST_PER_SITE = 10
NO_VARIANCE = 1e-10  # of the variance of all subjects
SMALL_SITES = "small sites"


def sites_of(sample: Sample) -> np.ndarray:
    """Return the site of every row, (n,) str; empty where none is stated."""
    if "site" not in sample.subjects:
        return np.full(len(sample), "")
    return sample.subjects["site"].astype("string").fillna("").to_numpy(dtype=str)


def reference_levels(reference: Sample) -> np.ndarray:
    """Return the level of every reference row, (n,) str: its site, or that of all small ones."""
    sites = sites_of(reference)
    names, counts = np.unique(sites, return_counts=True)
    small = [name for name, count in zip(names, counts, strict=True) if count < LEAST_PER_SITE and name]
    return np.where(np.isin(sites, small), SMALL_SITES, sites)


def several_sites(reference: Sample) -> bool:
    """Tell whether every reference row states its site and there are at least two with enough subjects."""
    levels, counts = np.unique(reference_levels(reference), return_counts=True)
    return "" not in levels and int((counts >= LEAST_PER_SITE).sum()) > 1


def within_sites(samples: Samples, how: SiteModel) -> Samples:
    """Return both cohorts with the effects of the reference's sites taken out.

    Parameters
    ----------
    samples : Samples
    how : {"none", "factor", "random"}
        Unchanged for `none`, and where the reference does not state at least two sites.
    """
    reference = samples.reference
    if how == "none" or not several_sites(reference):
        return samples
    levels = reference_levels(reference)
    names = np.unique(levels)
    effects = site_effects(reference, levels, how)  # (k, s) and of head size last
    effect_of = dict(zip(names, effects, strict=True))
    return replace(
        samples,
        reference=_without(reference, levels, effect_of),
        generated=_without(samples.generated, _levels_of_generated(samples), effect_of),
    )


def _levels_of_generated(samples: Samples) -> np.ndarray:
    """Return the level of every generated row, as the reference has them."""
    own, real = sites_of(samples.generated), sites_of(samples.reference)
    small = np.unique(real[reference_levels(samples.reference) == SMALL_SITES])
    return np.where(np.isin(own, small), SMALL_SITES, own)


def _without(sample: Sample, levels: np.ndarray, effects: dict[str, np.ndarray]) -> Sample:
    nothing = np.zeros_like(next(iter(effects.values())))
    shift = np.array([effects.get(level, nothing) for level in levels])
    s = len(sample.structures)
    tiv = None if sample.tiv is None else sample.tiv - shift[:, -1]
    return replace(sample, volumes=sample.volumes - shift[:, :s], tiv=tiv)


def site_effects(reference: Sample, levels: np.ndarray, how: SiteModel) -> np.ndarray:
    """Return what every level adds to every structure, and to head size last, mm³, (k, s or s + 1).

    Effects of a factor are centred over subjects. Structures are compared at equal age, sex and head size,
    head size at equal age and sex.
    """
    columns = []
    for y, design in _outcomes(reference):
        effect = _factor(y, design, levels) if how == "factor" else _random(y, design, levels)
        columns.append(effect)
    return np.column_stack(columns)


def _outcomes(reference: Sample) -> list[tuple[np.ndarray, np.ndarray]]:
    covariates = Covariates.of(reference)
    design = covariates(reference)
    columns = np.ptp(design, axis=0) > 0
    columns[0] = True
    alone = columns & (np.array(covariates.names) != "tiv")
    outcomes = [(reference.volumes[:, i], design[:, columns]) for i in range(len(reference.structures))]
    return outcomes if reference.tiv is None else [*outcomes, (reference.tiv, design[:, alone])]


def _dummies(levels: np.ndarray) -> np.ndarray:
    return (levels[:, None] == np.unique(levels)[None]).astype(float)


def _factor(y: np.ndarray, design: np.ndarray, levels: np.ndarray) -> np.ndarray:
    dummies = _dummies(levels)
    regression = sm.OLS(y, np.column_stack([dummies, design[:, 1:]])).fit()
    effects = np.asarray(regression.params[: dummies.shape[1]])
    return np.asarray(effects - dummies.mean(axis=0) @ effects)


def _random(y: np.ndarray, design: np.ndarray, levels: np.ndarray) -> np.ndarray:
    center, scale = y.mean(), y.std() or 1.0
    with warnings.catch_warnings():
        for kind in (ConvergenceWarning, SingularMatrixWarning):  # a variance of sites at zero is an answer
            warnings.simplefilter("ignore", kind)
        regression = sm.MixedLM((y - center) / scale, design, groups=levels).fit(reml=True)
    if float(np.asarray(regression.cov_re)[0, 0]) <= NO_VARIANCE:
        return np.zeros(len(np.unique(levels)))
    effects = regression.random_effects
    return np.array([float(np.asarray(effects[name])[0]) * scale for name in np.unique(levels)])


def site_variance(reference: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of the variance of comparable subjects that sites explain, and p values, (s,) each.

    The share is adjusted for the number of sites (zero on average where sites do not matter); the p value is
    that of an F test.
    """
    dummies = _dummies(reference_levels(reference))
    shares, p = [], []
    for y, design in _outcomes(reference):
        without = sm.OLS(y, design).fit()
        full = sm.OLS(y, np.column_stack([dummies, design[:, 1:]])).fit()
        gain = (without.ssr - full.ssr) / (without.df_resid - full.df_resid)
        shares.append(max(0.0, 1 - full.mse_resid / without.mse_resid))
        p.append(float(fisher.sf(gain / full.mse_resid, without.df_resid - full.df_resid, full.df_resid)))
    return np.array(shares), np.array(p)


def site_statements(samples: Samples, how: SiteModel) -> list[str]:
    """Say what sites mean for the comparison: how much they explain, and whether the cohorts share them."""
    reference, generated = (
        set(np.unique(sites_of(s))) - {""} for s in (samples.reference, samples.generated)
    )
    statements = []
    if several_sites(samples.reference):
        shares, _ = site_variance(samples.reference)
        names = (*samples.reference.structures, *(() if samples.reference.tiv is None else ("TIV",)))
        most = int(np.argmax(shares))
        statements.append(
            f"the reference comes from {len(reference)} sites, which explain a median of "
            f"{100 * np.median(shares):.0f} % of the variance of comparable subjects (most of {names[most]}: "
            f"{100 * shares[most]:.0f} %); the question is likeness to this reference, and the tables repeat "
            "the differences within sites"
        )
        if how != "none":
            model = "a factor" if how == "factor" else "a random effect"
            levels = np.unique(reference_levels(samples.reference))
            share = float(np.isin(_levels_of_generated(samples), levels).mean())
            statements.append(
                f"volumes are compared within these sites (site as {model}); {100 * share:.0f} % of the "
                "generated rows name one of them, the others are compared with the average site"
            )
    if reference and generated and not reference & generated:
        statements.append(
            "the cohorts have no site in common: every difference includes that of scanners and populations"
        )
    return statements
