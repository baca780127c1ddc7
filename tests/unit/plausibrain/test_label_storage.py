"""A finished run keeps all label maps, those that its page shows, or none; it never removes others."""

from pathlib import Path

import pandas as pd
import pytest

from plausibrain.config import RunConfig, Source
from plausibrain.label_storage import drop_labels

SHOWN = pd.DataFrame({"cohort": ["generated", "reference"], "participant_id": ["sub-1", "sub-0"]})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two cohorts of three images: their label maps in the store of the run, but for one in a cache."""
    for role in ("reference", "generated"):
        store = tmp_path / "run" / "segmented" / role / "store"
        store.mkdir(parents=True)
        for k in range(2):
            (store / f"{k}.nii.gz").write_bytes(b"labels")
        (tmp_path / "cache").mkdir(exist_ok=True)
        (tmp_path / "cache" / f"{role}.nii.gz").write_bytes(b"labels")
        places = ["store/0.nii.gz", "store/1.nii.gz", f"../../../cache/{role}.nii.gz", ""]
        table = pd.DataFrame({"participant_id": [f"sub-{k}" for k in range(4)], "labels": places})
        table.to_csv(store.parent / "segmentation.tsv", sep="\t", index=False, na_rep="n/a")
    return tmp_path / "run"


def kept(run: Path) -> set[str]:
    return {f"{path.parts[-3]}/{path.name}" for path in run.rglob("*.nii.gz")}


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("all", {"reference/0.nii.gz", "reference/1.nii.gz", "generated/0.nii.gz", "generated/1.nii.gz"}),
        ("sample", {"reference/0.nii.gz", "generated/1.nii.gz"}),
        ("none", set()),
    ],
)
def test_label_maps_that_are_not_wanted_are_removed(run, keep, expected):
    assert drop_labels(run, keep, SHOWN) == 4 - len(expected)
    assert kept(run) == expected
    assert len(list((run.parent / "cache").glob("*.nii.gz"))) == 2, "other runs use a cache"


def test_a_run_of_tables_has_no_label_maps(tmp_path):
    assert drop_labels(tmp_path, "none", SHOWN.iloc[:0]) == 0


def test_other_words_are_refused(tmp_path):
    source = Source(path=tmp_path)
    with pytest.raises(ValueError, match="'none', 'sample' or 'all'"):
        RunConfig(reference=source, generated=source, out=tmp_path, keep_labels="some")
