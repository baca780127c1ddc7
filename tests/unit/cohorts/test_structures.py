import numpy as np
import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import (
    NEUROMORPHOMETRICS,
    STRUCTURES,
    TIV,
    canonical_name,
    find_structure,
    homologue,
    names,
    region_of,
    structure,
)


def test_atlases_have_their_published_sizes():
    assert (len(names("aseg")), len(names("dk"))) == (32, 68)


def test_labels_and_names_are_unique():
    assert len({s.index for s in STRUCTURES}) == len({s.name for s in STRUCTURES}) == len(STRUCTURES)


def test_no_spelling_means_two_structures():
    wrong = [
        (name, s.name) for s in STRUCTURES for name in (s.name, *s.aliases) if find_structure(name) is not s
    ]
    assert wrong == []


def test_parcels_are_1001_to_1035_on_the_left_without_1004():
    expected = [i for i in range(1001, 1036) if i != 1004]
    left = [s.index for s in STRUCTURES if s.atlas == "dk" and s.hemisphere == "left"]
    right = [s.index for s in STRUCTURES if s.atlas == "dk" and s.hemisphere == "right"]
    assert left == expected
    assert right == [i + 1000 for i in expected]


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("left cerebral white matter", "Left-Cerebral-White-Matter"),
        ("3rd ventricle", "3rd-Ventricle"),
        ("brain-stem", "Brain-Stem"),
        ("left ventral DC", "Left-VentralDC"),
        ("csf", "CSF"),
        ("ctx-lh-bankssts", "ctx-lh-bankssts"),
        ("Left-Thalamus-Proper", "Left-Thalamus"),
        ("Left-Thalamus-Proper*", "Left-Thalamus"),
        ("lhCortexVol", "Left-Cerebral-Cortex"),
        ("rhCerebralWhiteMatterVol", "Right-Cerebral-White-Matter"),
        ("lh_bankssts_volume", "ctx-lh-bankssts"),
        ("rh_insula_volume", "ctx-rh-insula"),
        ("Rhippo", "Right-Hippocampus"),
        ("EstimatedTotalIntraCranialVol", TIV),
        ("eTIV", TIV),
        ("ICV", TIV),
        ("total intracranial", TIV),
        ("TIV", TIV),
        ("lh_bankssts_thickness", None),
        ("BrainSegVol-to-eTIV", None),
        ("TotalGrayVol", None),
        ("age", None),
        ("", None),
    ],
)
def test_names_of_other_programs_are_known(spelling, name):
    assert canonical_name(spelling) == name


def test_every_structure_is_found_by_label_and_by_name():
    for s in STRUCTURES:
        assert structure(s.index) is structure(s.name) is structure(np.int32(s.index)) is s


def test_homologue_is_its_own_inverse_and_keeps_region_tissue_and_atlas():
    sided = [s for s in STRUCTURES if s.hemisphere != "midline"]
    for s in sided:
        other = structure(homologue(s.name))
        assert homologue(other.name) == s.name
        assert (other.region, other.tissue, other.atlas, other.part_of) == (
            s.region,
            s.tissue,
            s.atlas,
            s.part_of,
        )
        assert {other.hemisphere, s.hemisphere} == {"left", "right"}


def test_midline_structures_and_head_size_have_no_homologue():
    assert [homologue(name) for name in ("Brain-Stem", "CSF", TIV, "nothing")] == [None] * 4


def test_region_drops_the_side():
    assert region_of("Right-Hippocampus") == region_of("left hippocampus") == "Hippocampus"
    assert region_of(TIV) == TIV


def test_parts_lie_in_a_region_that_exists():
    regions = {s.region for s in STRUCTURES}
    assert {s.part_of for s in STRUCTURES} - {""} <= regions
    assert all(s.part_of == "Cerebral-Cortex" for s in STRUCTURES if s.atlas == "dk")


def test_unknown_names_and_labels_are_refused():
    with pytest.raises(DataError, match="no structure is called 'Left-Soul'"):
        structure("Left-Soul")
    with pytest.raises(DataError, match="no structure is called 9999"):
        structure(9999)
    with pytest.raises(DataError, match="choose aseg, dk or extra"):
        names("destrieux")


def test_neuromorphometrics_cortex_is_odd_on_the_left():
    assert {NEUROMORPHOMETRICS[label] for label in range(101, 208, 2)} == {3}
    assert {NEUROMORPHOMETRICS[label] for label in range(100, 208, 2)} == {42}


def test_every_parcel_and_nothing_else_has_a_lobe_that_is_the_same_on_both_sides():
    assert all(bool(s.lobe) == (s.atlas == "dk") for s in STRUCTURES)
    assert all(structure(homologue(name)).lobe == structure(name).lobe for name in names("dk"))
    lobes = [structure(name).lobe for name in names("dk") if name.startswith("ctx-lh-")]
    counts = {lobe: lobes.count(lobe) for lobe in set(lobes)}
    expected = {"frontal": 11, "parietal": 5, "temporal": 9, "occipital": 4, "cingulate": 4, "insula": 1}
    assert counts == expected
