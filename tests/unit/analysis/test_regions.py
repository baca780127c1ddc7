"""Shares of small differences by group, from differences that are known."""

import numpy as np
import pytest

from plausibrain.analysis.estimates.regions import regions
from plausibrain.generation.injection import inject
from tests.unit.analysis.factory import QUICK, normal_cohort, pairs_of, with_volume

REFERENCE, GENERATED = normal_cohort(300, 1, name="r"), normal_cohort(300, 2, name="g")


def with_parcels(cohort, *, shift=0.0):
    """Four parcels of the left cortex, those of the frontal lobe smaller by a share."""
    rng = np.random.default_rng(len(cohort.subjects) + int(1000 * shift))
    for name, frontal in (("superiorfrontal", 1), ("precentral", 1), ("precuneus", 0), ("lingual", 0)):
        own = 5000 * (1 + 0.1 * rng.standard_normal(len(cohort.subjects))) * (1 - shift * frontal)
        cohort = with_volume(cohort, f"ctx-lh-{name}", own)
    return cohort


def shares(table, quantity="region_share_small"):
    return table[table["quantity"] == quantity].set_index("stratum")["estimate"].to_dict()


def test_shares_and_lobes_follow_what_was_changed():
    table = regions(pairs_of(with_parcels(REFERENCE), with_parcels(GENERATED, shift=0.1), QUICK))
    found = shares(table)
    assert found["cortical parcels"] == pytest.approx(0.5, abs=0.26)
    mean = shares(table, "lobe_difference")
    assert mean["left frontal lobe"] == pytest.approx(-1.0, abs=0.25)
    assert abs(mean["left parietal lobe"]) < 0.25
    assert shares(table, "lobe_share_small")["left frontal lobe"] == 0.0


def test_subcortex_alone_falls_with_regional_atrophy():
    before = shares(regions(pairs_of(REFERENCE, GENERATED, QUICK)))
    shrunk = inject("regional_atrophy", GENERATED, severity=0.2, seed=1)
    after = shares(regions(pairs_of(REFERENCE, shrunk, QUICK)))
    assert "cortical parcels" not in after
    assert after["subcortical grey matter"] < before["subcortical grey matter"]


def test_every_share_stands_beside_halves_of_the_reference_at_the_same_n():
    table = regions(pairs_of(REFERENCE, GENERATED, QUICK))
    assert table[["null_median", "matched_median", "n_null"]].notna().all(axis=None)
    assert (table["n_null"] == 150).all()
