"""The benchmark of cortical disagreement on a phantom whose shares are known."""

import numpy as np
import pytest

from benchmarks.segmentation_cortex import compare_cortex
from benchmarks.validate_segmentation import RETEST, retest_section
from plausibrain.cohorts.structures import names
from plausibrain.evaluation.segmentation import Segmentation


def test_shares_of_a_phantom():
    """Manual cortex of 100 voxels: 80 agree, 12 are our fluid (9 dark), 8 our white matter (6 bright)."""
    manual = np.array([4] * 50 + [2] * 50 + [3] * 100)
    ours = np.array([4] * 50 + [2] * 46 + [3] * 4 + [3] * 80 + [24] * 12 + [2] * 8)
    grey = np.array([0.2] * 50 + [1.0] * 50 + [0.6] * 80 + [0.2] * 9 + [0.6] * 3 + [1.0] * 6 + [0.6] * 2)
    shares = compare_cortex(ours, manual, grey)
    assert list(shares.values()) == pytest.approx(
        [12, 9, 8, 6, 4, 15, 100 * 4 / 84, -16, 100 * (80 / 85 - 1)]
    )


def test_scan_and_rescan_are_compared_with_a_sign_and_beside_the_manual_labels():
    volumes = dict.fromkeys((*names("aseg"), "TIV"), 10_000.0)
    first, second = RETEST[0]
    results = {
        scan: Segmentation(None, {**volumes, "Left-Thalamus": 10_000.0 + (1000.0 if scan == second else 0.0)})
        for pair in RETEST
        for scan in pair
    }
    references = {
        scan: {**volumes, "Left-Thalamus": 10_500.0 if scan == first else 10_000.0} for scan in results
    }
    row = next(line for line in retest_section(results, references) if line.startswith("| Thalamus"))
    assert row == "| Thalamus | +4.9 | -2.5 | +0.0 | +0.0 | 20.2 | no |"
