"""Question 7: every measure of image quality: its mean in both cohorts, difference and spread.

The column `structure` holds the name of the measure.
"""

import numpy as np
import pandas as pd

from plausibrain.analysis.effect_maps import both_and_difference
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import Pair, Role
from plausibrain.analysis.quality import log_spread_ratio, quality_difference
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import (
    COLUMNS,
    common_columns,
    estimate_rows,
    evaluate_on,
    from_logarithm,
)


@ESTIMATES.register(
    label="Image quality",
    unit="SD",
    source=("Esteban2017",),
    quantities={
        "quality_d": Quantity(
            "Difference of image quality",
            "Image quality is measured inside the brain of both cohorts after the same "
            "preparation (orientation, voxel size, white matter set to 1,000), by definitions "
            "that follow MRIQC [@Esteban2017] where it has one; differences are adjusted for "
            "age and sex and given in standard deviations of the reference. Measures that need "
            "air around the head are left out where the background is empty.",
        ),
        "quality_sd_ratio": Quantity("Spread of image quality, ratio of standard deviations"),
        "quality_mean": Quantity("Mean of each quality measure, in its own unit"),
    },
)
def quality(pairs: Pairs) -> pd.DataFrame:
    """Return adjusted differences, ratios of standard deviations and plain means of every measure."""
    names = pairs.full.frame.measures
    if not names:
        return pd.DataFrame(columns=COLUMNS)
    common = common_columns(pairs.full, question=7, analysis="quality")
    settings = pairs.full.frame.settings
    estimate, draws, null = evaluate_on(quality_difference, pairs.full, pairs.bootstrap, pairs.null)
    difference = estimate_rows(
        **common, quantity="quality_d", structures=names, estimate=estimate, draws=draws, null=null,
        unit="SD", margin=np.full(len(names), settings.quality_margin),
    )  # fmt: skip
    estimate, draws, null = evaluate_on(log_spread_ratio, pairs.full, pairs.bootstrap, pairs.null)
    spread = estimate_rows(
        **common, quantity="quality_sd_ratio", structures=names, estimate=estimate, draws=draws, null=null,
        unit="ratio", margin=np.full(len(names), np.log(settings.spread_margin)),
    )  # fmt: skip
    means = both_and_difference(
        pairs, _means, common, quantity="quality_mean", structures=names, unit="own unit of the measure"
    )
    return pd.concat([difference, from_logarithm(spread), *means], ignore_index=True)


def _means(role: Role, pair: Pair) -> np.ndarray:
    """Return the mean of every measure in its own unit, not adjusted for anything, (B, k)."""
    side = pair.side(role)
    values = side.arrays.sample.quality.to_numpy(dtype=float)
    return side.means(values)
