"""Sites of the reference: the variance they explain, and differences of volumes within them.

A sensitivity analysis: verdicts follow `Settings.site`; the other ways to treat sites stand here.
"""

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.pair import bootstrap_pair, full_pair
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import COLUMNS, benjamini_hochberg, common_columns, estimate_rows
from plausibrain.analysis.settings import SiteModel
from plausibrain.analysis.sites import several_sites, site_variance

WAYS: dict[SiteModel, str] = {
    "none": "sites ignored", "factor": "within sites, site as a factor",
    "random": "within sites, site as a random effect",
}  # fmt: skip


@ESTIMATES.register(
    label="Sites of the reference",
    unit="SD",
    quantities={
        "site_variance": Quantity(
            "Variance of comparable subjects that sites explain",
            "Sites of the reference were examined by the variance that they explain at equal age, sex and "
            "head size, and differences of volumes repeated within sites.",
        ),
        **{
            f"adjusted_d_site_{how}": Quantity(f"Adjusted difference, {words}") for how, words in WAYS.items()
        },
    },
)
def sites(pairs: Pairs) -> pd.DataFrame:
    """Return explained variance per structure, and differences under the other ways to treat sites."""
    frame = pairs.full.frame
    if frame.samples is None or not several_sites(frame.samples.reference):
        return pd.DataFrame(columns=COLUMNS)
    others = [how for how in WAYS if how != frame.settings.site]
    return pd.concat([_variance(pairs), *(_differences(pairs, how) for how in others)], ignore_index=True)


def _variance(pairs: Pairs) -> pd.DataFrame:
    frame = pairs.full.frame
    if frame.samples is None:
        raise ValueError("the frame does not hold its samples")
    shares, p = site_variance(frame.samples.reference)
    common = common_columns(pairs.full, question=2, analysis="sites")
    blank = np.full((1, len(shares)), np.nan)
    table = estimate_rows(
        **common, quantity="site_variance", structures=frame.outcome_names, estimate=shares, draws=blank,
        unit="share", cohort="reference", headsize=frame.headsize, no_effect=None,
    )  # fmt: skip
    return table.assign(
        p=p, q=benjamini_hochberg(p), status="ok", reason="", n_generated=0, ci_level=np.nan, n_null=np.nan
    )


def _differences(pairs: Pairs, how: SiteModel) -> pd.DataFrame:
    frame = pairs.full.frame
    if frame.samples is None:
        raise ValueError("the frame does not hold its samples")
    settings = frame.settings.model_copy(update={"site": how})
    other = full_pair(build_frame(frame.samples, settings))
    names = other.frame.names(frame.headsize)
    draws = bootstrap_pair(other.frame, other).difference(frame.headsize)[:, : len(names)]
    return estimate_rows(
        **common_columns(pairs.full, question=2, analysis="sites"), quantity=f"adjusted_d_site_{how}",
        structures=names, estimate=other.difference(frame.headsize)[0, : len(names)], draws=draws, unit="SD",
        headsize=frame.headsize, margin=np.array([settings.margin_of(name) for name in names]),
    )  # fmt: skip
