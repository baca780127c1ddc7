"""How much the quality of images varies beside that of real ones.

The geometric mean over measures of the ratio of standard deviations, among subjects of the same age and sex.
Generators tend to give every image the same sharpness, noise and contrast: each one looks fine, a cohort of
them does not. A few spoilt images raise it; real cohorts from several scanners have more of it than one
scanner.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.quality import log_spread_ratio
from plausibrain.analysis.registry import headline


@headline(
    label="Spread of image quality, typical measure",
    unit="ratio of SDs",
    question=7,
    ideal=1.0,
    better="closer",
    margin=lambda frame: (1 / frame.settings.spread_margin, frame.settings.spread_margin),
    sentence="The standard deviation of a typical image-quality measure is {estimate} times that in the "
    "reference",
    needs=("image quality",),
    logarithmic=True,
    lognormal=True,
    assumes=("shared ages",),
    bounds=(0.0, np.inf),
)
def quality_spread(pair: Pair) -> np.ndarray:
    """Return the geometric mean of the ratios of residual standard deviations, (B,)."""
    logs = log_spread_ratio(pair)
    return np.exp(np.where(np.isfinite(logs), logs, np.nan).mean(axis=1))
