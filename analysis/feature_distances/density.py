"""Density: in how many balls of real images a generated one lies, over the number expected.

1 for real images against real ones. Above 1 the generated images crowd where real ones are dense: faithful,
not diverse.
"""

import numpy as np

from plausibrain.analysis.feature_registry import feature_distance
from plausibrain.analysis.neighbourhoods import NEAREST, neighbourhoods
from plausibrain.analysis.pair import Pair


@feature_distance(
    label="Density", unit="ratio", better="closer", ideal=1.0, source=("Naeem2020",), bounds=(0.0, np.inf)
)
def density(pair: Pair, name: str) -> np.ndarray:
    """Return the mean number of balls of real vectors around a generated one, over k, (B,).

    References
    ----------
    Naeem et al. 2020, eq. 4 (key Naeem2020), k = 5.
    """
    return np.array(
        [
            float((n.across <= n.reference_radius[:, None]).sum(axis=0).mean() / NEAREST)
            for n in neighbourhoods(pair, name)
        ]
    )
