"""Volumes of adults given head size: moments of a population drawn from published norms.

`makers.calibrate_plausibility` draws the population and stores mean and covariance of its log volumes as
shares of the total intracranial volume; what a segmenter adds, a bias and an error per structure, is in them.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np

from plausibrain.cohorts.structures import TIV

#: Structures with a left and a right part that are judged together, the two added.
PAIRS = (
    "Cerebral-White-Matter", "Cerebral-Cortex", "Lateral-Ventricle", "Cerebellum-White-Matter",
    "Cerebellum-Cortex", "Thalamus", "Caudate", "Putamen", "Hippocampus",
)  # fmt: skip
#: Calibrated numbers: limits by voxel size and check, and the population.
LIMITS_FILE = "plausibility.json"


def log_shares(volumes: Mapping[str, float]) -> np.ndarray:
    """Return the logarithm of each pair's volume as a share of the total intracranial volume, (9,).

    Parameters
    ----------
    volumes : mapping of str to float
        mm3, with ``TIV``.
    """
    pairs = [sum(float(volumes.get(f"{side}-{name}", 0.0)) for side in ("Left", "Right")) for name in PAIRS]
    return np.log(np.maximum(np.array(pairs), 1.0) / float(volumes[TIV]))


def limits_content() -> bytes:
    """Return the bytes of the calibrated numbers, which decide every flag."""
    return files("plausibrain.evaluation.plausibility").joinpath(LIMITS_FILE).read_bytes()


@cache
def shipped_population() -> tuple[np.ndarray, np.ndarray]:
    """Return mean, (9,), and covariance, (9, 9), of `log_shares` in adults."""
    content = json.loads(limits_content())["population"]
    return np.array(content["mean"]), np.array(content["covariance"])
