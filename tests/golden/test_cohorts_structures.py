"""The structure table against the label lists of SynthSeg 2.0 and the Neuromorphometrics key."""

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from plausibrain.cohorts.structures import (
    NEUROMORPHOMETRICS,
    STRUCTURES,
    find_structure,
    names,
    structure,
)


def test_segmentation_labels_of_synthseg_are_our_aseg(shared_data: Path) -> None:
    labels = np.load(shared_data / "labelmaps" / "synthseg_segmentation_labels_2.0.npy")
    called = np.load(shared_data / "labelmaps" / "synthseg_segmentation_names_2.0.npy")
    pairs = {(int(label), str(name)) for label, name in zip(labels, called, strict=True) if label}
    assert pairs == {(structure(name).index, structure(name).synthseg) for name in names("aseg")}


def test_every_label_of_the_generation_maps_has_a_structure(shared_data: Path) -> None:
    labels = np.load(shared_data / "labelmaps" / "generation_labels.npy")
    assert [int(label) for label in labels if find_structure(int(label)) is None] == []


def test_sided_generation_labels_are_part_of_the_segmentation_label_they_become(shared_data: Path) -> None:
    """Both lists end with 18 left and 18 right labels; the midline part of the second has one label more."""
    generated = np.load(shared_data / "labelmaps" / "generation_labels.npy")[-36:]
    target = np.load(shared_data / "labelmaps" / "synthseg_segmentation_labels_2.0.npy")[-36:]
    changed = [(int(a), int(b)) for a, b in zip(generated, target, strict=True) if a != b]
    assert [structure(source).name for source, result in changed if result == 0] == [
        "Left-vessel",
        "Right-vessel",
    ]
    merged = [(structure(source), structure(result)) for source, result in changed if result]
    assert len(merged) == 6
    for part, whole in merged:
        assert (part.part_of, part.hemisphere) == (whole.region, whole.hemisphere)


def test_columns_of_real_tables_are_the_32_and_68_structures(shared_data: Path) -> None:
    with (shared_data / "tables" / "ixi_synthseg.csv").open() as stream:
        header = next(csv.reader(stream))
    found = [find_structure(name.removeprefix("vol_")) for name in header if name.startswith("vol_")]
    assert {s.name for s in found if s} == {*names("aseg"), *names("dk")}


@pytest.mark.parametrize("path", ["t1w/heads/dktatlas_aparc+aseg.nii.gz"])
def test_every_label_of_a_freesurfer_segmentation_has_a_structure(shared_data: Path, path: str) -> None:
    labels = np.unique(np.asarray(nib.load(shared_data / path).dataobj))
    assert [int(label) for label in labels if find_structure(int(label)) is None] == []


def test_neuromorphometrics_key(shared_data: Path) -> None:
    with (shared_data / "t1w" / "malf" / "labels.tsv").open() as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    sided = {
        int(row["glm_label"]): int(row["freesurfer_label"])
        for row in rows
        if "+" not in row["freesurfer_label"]
    }
    assert {label: NEUROMORPHOMETRICS[label] for label in sided} == sided


def test_names_follow_the_colour_table_of_freesurfer() -> None:
    """Facts from FreeSurferColorLUT.txt, spelled out here so that a slip in the table shows."""
    known = {
        2: "Left-Cerebral-White-Matter",
        10: "Left-Thalamus",
        14: "3rd-Ventricle",
        16: "Brain-Stem",
        24: "CSF",
        26: "Left-Accumbens-area",
        28: "Left-VentralDC",
        31: "Left-choroid-plexus",
        44: "Right-Inf-Lat-Vent",
        47: "Right-Cerebellum-Cortex",
        53: "Right-Hippocampus",
        72: "5th-Ventricle",
        77: "WM-hypointensities",
        85: "Optic-Chiasm",
        251: "CC_Posterior",
        255: "CC_Anterior",
        1001: "ctx-lh-bankssts",
        1035: "ctx-lh-insula",
        2022: "ctx-rh-postcentral",
        2034: "ctx-rh-transversetemporal",
    }
    assert {s.index: s.name for s in STRUCTURES if s.index in known} == known
