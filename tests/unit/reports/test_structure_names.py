"""Names, groups and order of structures."""

import pandas as pd
import pytest

from plausibrain.cohorts.structures import STRUCTURES, TIV, names
from plausibrain.reports.structure_names import (
    CORTEX,
    GROUPS,
    OTHER,
    WHOLE,
    group,
    in_words,
    region_label,
    sort_by_structure,
    structure_label,
)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("TIV", "Head size (TIV)"),
        ("Left-VentralDC", "Ventral diencephalon, left"),
        ("ctx-rh-superiorfrontal", "Superior frontal, right"),
        ("3rd-Ventricle", "Third ventricle"),
        ("Quux <b>", "Quux <b>"),
    ],
)
def test_labels(name: str, label: str) -> None:
    assert structure_label(name) == label


def test_labels_of_all_structures_differ() -> None:
    every = [TIV, *names("aseg"), *names("dk")]
    assert len({structure_label(name) for name in every}) == len(every) == 101


def test_groups() -> None:
    assert group(TIV) == WHOLE
    assert group("ctx-lh-insula") == "Cingulate cortex and insula"
    assert {group(name) for name in names("dk")} == set(CORTEX)
    assert group("Quux") == OTHER
    assert {group(name) for name in (*names("aseg"), *names("dk"))} == set(GROUPS) - {OTHER}


def test_left_and_right_stand_together_after_head_size() -> None:
    table = pd.DataFrame({"structure": ["Right-Caudate", "Quux", "Left-Hippocampus", "Left-Caudate", TIV]})
    assert list(sort_by_structure(table).structure) == [
        TIV, "Left-Caudate", "Right-Caudate", "Left-Hippocampus", "Quux",
    ]  # fmt: skip


def test_sentences_name_structures_in_words() -> None:
    for structure in STRUCTURES:
        if "-" in structure.name:
            text = in_words(f"The largest bias is that of {structure.name}, 0.4 SD. {structure.name} fails.")
            assert structure.name not in text
            assert text.startswith("The largest bias is that of ")
            assert region_label(structure.name)[1:] in text
            assert ". " + text.split(". ")[1][0].upper() in text
    assert in_words("sub-Left-Hippocampus-01") == "sub-Left-Hippocampus-01", "an id stays as it is"
