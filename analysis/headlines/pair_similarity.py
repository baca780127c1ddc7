"""How much more alike two generated images are than two real ones (MS-SSIM).

0 is the target: as alike as real subjects. Above, the generator draws the same brain again and again; below,
its images differ in ways that subjects do not, and noise alone does that. Images are aligned rigidly first,
so it is about size, shape and texture. It sees a cohort that lacks variety, and not whether the variety it
has is of the right kind; published generators with wrong anatomy have perfect values.
"""

import numpy as np

from plausibrain.analysis.pair import Pair
from plausibrain.analysis.pair_similarity import mean_similarity
from plausibrain.analysis.registry import headline


@headline(
    label="Similarity of two images, beyond real pairs",
    unit="MS-SSIM",
    question=8,
    ideal=0.0,
    better="closer",
    margin=lambda frame: (-frame.settings.similarity_margin, frame.settings.similarity_margin),
    sentence="Two generated images are {estimate} MS-SSIM {direction} than two reference images",
    words=("less alike", "more alike"),
    needs=("pairs of images",),
    source=("Wang2003", "Pinaya2022"),
    assumes=("shared ages", "joint"),
    bounds=(-1.0, 1.0),
)
def pair_similarity(pair: Pair) -> np.ndarray:
    """Return mean MS-SSIM of generated pairs minus that of real pairs, (B,)."""
    generated, reference = (mean_similarity(pair, role, "ms_ssim") for role in ("generated", "reference"))
    return generated - reference
