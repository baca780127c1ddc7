"""Parcels of a real cortex against manual ones; skipped where the scans are not at hand."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.parcels import IN_DKT, manual_cortex
from plausibrain.cohorts.volumes import read_label_map
from plausibrain.evaluation.cortical_parcels import load_parcellation

SCAN = "trt-01"
#: Below what docs/segmenter.md reports for ten scans: a guard against a broken path, not a claim.
MEAN_DICE, LOW_DICE, CORRELATION = 0.72, 0.5, 0.85


@pytest.fixture(scope="module")
def scores(shared_data: Path) -> pd.DataFrame:
    folder = shared_data / "t1w" / "oasis_trt"
    truth = read_label_map(folder / f"{SCAN}_labels.DKT31.manual.nii.gz")
    return manual_cortex(folder / f"{SCAN}_whole_brain_labels.nii.gz", truth, load_parcellation())


def test_parcels_lie_where_a_person_drew_them(scores: pd.DataFrame) -> None:
    assert len(scores) == len(IN_DKT) == 62
    assert scores["dice_dkt"].mean() > MEAN_DICE
    assert scores["dice_dkt"].quantile(0.1) > LOW_DICE


def test_volumes_are_those_of_the_manual_parcels(scores: pd.DataFrame) -> None:
    assert scores["mm3"].corr(scores["manual"]) > CORRELATION
    assert scores["mm3"].sum() == pytest.approx(scores["manual"].sum(), rel=0.01)
