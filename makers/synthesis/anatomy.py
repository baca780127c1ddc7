"""The anatomical vocabulary of the network: what is rendered, what is predicted, and typical T1 intensities.

A label map of SynthSeg (Billot et al. 2023) distinguishes 54 labels. Each of them has a *tissue class*, which
decides its intensity and does not know left from right, and a *target*: one of 19 structures, again without
side. The side is predicted apart, by one more channel, so that a left-right flip is an exact augmentation.
"""

from dataclasses import dataclass

import numpy as np
import torch

from plausibrain.evaluation.channels import CHANNELS

#: Labels that are rendered apart and predicted as something else: (label, target label), left and right.
#: Vessels and the optic chiasm are not targets; 25/57 lie in white matter, 136/137/163/164 in the ventricles.
RENDERED_AS: tuple[tuple[int, int], ...] = (
    (25, 2),
    (57, 41),
    (136, 4),
    (163, 43),
    (137, 5),
    (164, 44),
)
_RIGHT_OF = {30: 62, 25: 57, 136: 163, 137: 164}

#: Typical T1w intensity of each tissue, as a share of cerebral white matter, and how much the mean moves
#: between subjects and scanners (standard deviation). Read off 3 T MPRAGE-like images; broad on purpose.
T1_PRIOR: dict[int, tuple[float, float]] = {
    2: (1.00, 0.02),
    3: (0.63, 0.055),
    4: (0.20, 0.07),
    5: (0.26, 0.08),
    7: (1.01, 0.05),
    8: (0.68, 0.06),
    10: (0.92, 0.06),
    11: (0.745, 0.05),
    12: (0.80, 0.05),
    13: (0.985, 0.06),
    14: (0.25, 0.08),
    15: (0.24, 0.08),
    16: (0.99, 0.06),
    17: (0.735, 0.05),
    18: (0.715, 0.05),
    24: (0.24, 0.10),
    25: (0.90, 0.08),
    26: (0.715, 0.05),
    28: (0.995, 0.06),
    30: (0.50, 0.20),
    72: (0.25, 0.10),
    85: (0.75, 0.10),
    136: (0.40, 0.12),
    137: (0.45, 0.12),
}


@dataclass(frozen=True)
class Codebook:
    """Lookup tables from a label's position in ``labels`` to its tissue class, target and side.

    Attributes
    ----------
    labels : ndarray of int, (n_labels,)
        Ids as they stand in the label maps; position 0 is background.
    tissues : ndarray of int, (n_tissues,)
        One id per tissue class (that of the left or only side).
    tissue, target, side : Tensor of int64, (n_labels,)
        Tissue class; channel (0 to 18); 0 without a side, 1 left, 2 right.
    """

    labels: np.ndarray
    tissues: np.ndarray
    tissue: torch.Tensor
    target: torch.Tensor
    side: torch.Tensor


def make_codebook(labels: np.ndarray) -> Codebook:
    """Return the lookup tables for the labels of a set of label maps.

    Parameters
    ----------
    labels : array of int, (n_labels,)
        The ids that occur, 0 first; ids of 500 and above are tissue outside the brain.
    """
    lateral = {right: left for left, right in CHANNELS if right is not None}
    lateral |= {right: left for left, right in _RIGHT_OF.items()}
    channel = {left: k for k, (left, _) in enumerate(CHANNELS)}
    channel_of = dict(RENDERED_AS)
    tissues = np.array(sorted({lateral.get(int(v), int(v)) for v in labels}))
    left = [lateral.get(int(v), int(v)) for v in labels]
    target = [channel.get(channel_of.get(v, v), 0) for v in left]
    has_side = set(lateral.values())
    side = [2 if int(v) in lateral else 1 if int(v) in has_side else 0 for v in labels]
    return Codebook(
        labels=np.asarray(labels),
        tissues=tissues,
        tissue=torch.as_tensor(np.searchsorted(tissues, left)),
        target=torch.as_tensor(target),
        side=torch.as_tensor(side),
    )


def codebook_on(codebook: Codebook, device: str) -> Codebook:
    """Return the codebook with its tables on a device."""
    tables = (getattr(codebook, name).to(device) for name in ("tissue", "target", "side"))
    return Codebook(codebook.labels, codebook.tissues, *tables)
