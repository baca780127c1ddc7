"""Every parcel has one lobe; groups are those of the papers."""

from plausibrain.cohorts.lobes import SUBCORTICAL, lobe_of, lobes_of, region_groups
from plausibrain.cohorts.structures import STRUCTURES, names


def test_every_parcel_has_a_lobe():
    assert all(lobe_of(name) for name in names("dk"))
    assert not any(lobe_of(name) for name in names("aseg"))


def test_lobes_by_hemisphere_hold_every_parcel_once():
    found = lobes_of(names("dk"))
    assert len(found) == 12
    assert sorted(i for members in found.values() for i in members) == list(range(68))
    assert len(found["left frontal lobe"]) == 11


def test_groups():
    groups = region_groups([*names("aseg"), *names("dk")])
    assert {name: len(members) for name, members in groups.items()} == {
        "cortical parcels": 68, "subcortical grey matter": 14, "all structures": 100
    }  # fmt: skip
    assert "cortical parcels" not in region_groups(names("aseg"))
    assert {s.region for s in STRUCTURES if s.atlas == "aseg"} >= SUBCORTICAL
