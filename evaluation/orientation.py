"""Whether a segmentation lies in the world as a human head does: the right way up, facing forwards.

Headers of generated images are often an identity matrix that nobody meant. A network that finds structures by
their looks labels a brain that stands on its head all the same, so the places of the labels tell the axes.
Left and right cannot be told apart this way in one image: a mirrored brain is a plausible brain.
"""

from collections.abc import Mapping
from itertools import permutations, product

import numpy as np

from plausibrain.cohorts.structures import structure
from plausibrain.cohorts.volumes import LabelMap
from plausibrain.evaluation.alignment import centres, template_centres

#: Structures whose places are used: their left and right halves become one, which lies near the midline.
_LEFT = (2, 3, 7, 8, 10, 11, 12, 13, 17, 18, 26, 28)
_MIDLINE = (16,)
_FEWEST = 7
#: Another reading of the axes must fit this much better than the header's.
_CLEARLY = 0.7
_AXES = ("left-right", "back-front", "down-up")


def orientation_reasons(labels: LabelMap) -> tuple[str, ...]:
    """Return why the header's axes cannot be those of the head; empty where they can.

    Parameters
    ----------
    labels : LabelMap
        FreeSurfer's labels.

    Notes
    -----
    The centres of bilateral structures, left and right taken together, are compared with those of a template
    under every exchange and inversion of the world's axes; size and place do not count. A head may be tilted
    by up to about 40 degrees before another reading fits better.
    """
    own, template = centres(labels), template_centres()
    reasons = [_MIRRORED] if _is_mirrored(own) else []
    source, target = _merge(own), _merge(template)
    shared_ids = sorted(set(source) & set(target))
    if len(shared_ids) >= _FEWEST:
        reading = _best_reading(*(np.array([centre[k] for k in shared_ids]) for centre in (source, target)))
        reasons += [] if reading is None else [reading]
    return tuple(reasons)


_MIRRORED = (
    "structures labelled left lie to the right of those labelled right; the labels or the header are mirrored"
)


def _is_mirrored(centres: Mapping[int, np.ndarray]) -> bool:
    """Whether most pairs of structures lie on each other's sides."""
    pairs = [(centres[k], centres[right]) for k in _LEFT if k in centres and (right := _right(k)) in centres]
    return len(pairs) > 0 and float(np.median([right[0] - left[0] for left, right in pairs])) < 0


def _right(label: int) -> int:
    return structure(structure(label).name.replace("Left", "Right")).index


def _merge(own: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    middles = {k: own[k] for k in _MIDLINE if k in own}
    for left in _LEFT:
        halves = [own[k] for k in (left, _right(left)) if k in own]
        if halves:
            middles[left] = np.mean(halves, axis=0)
    return middles


def _best_reading(source: np.ndarray, target: np.ndarray) -> str | None:
    """Say which axes of the world fit better, or None where those of the header do."""
    source, target = (x - x.mean(0) for x in (source, target))
    source = source * np.sqrt((target**2).sum() / max((source**2).sum(), 1e-12))
    errors = {
        (order, signs): float(((source[:, order] * signs - target) ** 2).sum())
        for order in permutations(range(3))
        for signs in product((1, -1), repeat=3)
        if signs[0] == 1  # the midline says nothing of left and right
    }
    best = min(errors, key=lambda reading: errors[reading])
    usual = ((0, 1, 2), (1, 1, 1))
    if best == usual or errors[best] > _CLEARLY * errors[usual]:
        return None
    return _words(*best)


def _words(order: tuple[int, ...], signs: tuple[int, ...]) -> str:
    parts = [
        f"{_AXES[axis]} runs along the header's {_AXES[source]}{'' if sign == 1 else ', reversed'}"
        for axis, (source, sign) in enumerate(zip(order, signs, strict=True))
        if source != axis or sign != 1
    ]
    return f"the brain does not lie as the header says: {'; '.join(parts)}; state the orientation"
