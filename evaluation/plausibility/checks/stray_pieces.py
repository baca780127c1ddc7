"""Structures in pieces: labels of an image in which anatomy does not hold together."""

from collections.abc import Mapping

import numpy as np

from plausibrain.evaluation.plausibility.registry import check


@check(
    label="Share of labelled voxels in stray pieces",
    unit="log10",
    high="structures fall into pieces",
)
def stray_pieces(facts: Mapping[str, float]) -> float:
    """Return the share of the brain's voxels that the clean-up removed as stray, log10; -6 for none."""
    return float(np.log10(facts.get("share_removed", 0.0) + 1e-6))
