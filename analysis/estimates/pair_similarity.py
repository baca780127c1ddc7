"""Question 8: how alike two images of one cohort are, generated pairs and real pairs.

Table 1 of the brain LDM paper, with its row of real images and with intervals. Low similarity is no merit
of its own, noise lowers it too: the target is the value of real pairs. Papers that compare each generated
image with a real one print another number under the same name.
"""

import numpy as np
import pandas as pd

from plausibrain.analysis.effect_maps import both_and_difference
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.pair import Pair, Role
from plausibrain.analysis.pair_similarity import mean_similarity, similarity_names
from plausibrain.analysis.quantities import ESTIMATES
from plausibrain.analysis.results import COLUMNS, common_columns


@ESTIMATES.register(label="Similarity of pairs of images", unit="", source=("Pinaya2022", "Wang2003"))
def pair_similarity(pairs: Pairs) -> pd.DataFrame:
    """Return the mean over pairs of every similarity, in both cohorts, and the difference."""
    common = common_columns(pairs.full, question=8, analysis="pair_similarity")
    rows = []
    for name in similarity_names(pairs.full.frame):

        def mean(role: Role, pair: Pair, name: str = name) -> np.ndarray:
            return mean_similarity(pair, role, name)[:, None]

        rows += both_and_difference(pairs, mean, common, quantity=name, structures=[""], unit="similarity")
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)
