"""Which runs may be compared, and which subjects they share."""

import numpy as np
import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.reports.baseline_snapshot import Snapshot
from plausibrain.reports.compare.protocol import (
    joint_draws,
    pairing,
    protocol_differences,
    require_same_protocol,
)
from tests.unit.compare.factory import PROTOCOL, World


def changed(snapshot: Snapshot, **facts: object) -> Snapshot:
    return Snapshot(snapshot.facts.model_copy(update=facts), snapshot.source, snapshot.draws)


def test_differences_name_nested_absent_and_changed_fields():
    first = {"a": {"b": 1, "c": [1, 2]}, "d": "x", "same": None}
    second = {"a": {"b": 2, "c": [1, 2]}, "e": True, "same": None}
    assert protocol_differences(first, second) == [
        ("a.b", "1", "2"),
        ("d", "x", "(absent)"),
        ("e", "(absent)", "True"),
    ]


def test_long_values_are_cut():
    ((_, first, _),) = protocol_differences({"note": "x" * 100}, {"note": ""})
    assert len(first) == 60


def test_lists_show_what_only_one_of_them_holds():
    long = [f"structure {k}" for k in range(50)]
    ((_, first, second),) = protocol_differences({"s": [*long, "CSF"]}, {"s": [*long, "TIV", "Pons"]})
    assert (first, second) == ("51 items (only here: CSF)", "52 items (only here: TIV, Pons)")
    ((_, first, second),) = protocol_differences({"s": [1, 2]}, {"s": [2, 1]})
    assert (first, second) == ("2 items", "the same in another order")
    ((_, first, second),) = protocol_differences({"s": long}, {"s": long[:49]})
    assert (first, second) == ("50 items (only here: structure 49)", "49 items")


def test_different_protocols_are_refused_with_exactly_the_fields_that_differ():
    first = World().run("a").snapshot()
    second = World(protocol=PROTOCOL | {"draws": 200, "headsize": "none"}).run("b").snapshot()
    with pytest.raises(DataError, match="different protocols") as caught:
        require_same_protocol(first, second)
    fields = [line.strip() for line in str(caught.value).splitlines() if line.startswith("  ")]
    assert fields == ["draws: 400 in a, 200 in b", "headsize: covariate in a, none in b"]


def test_a_fingerprint_without_recorded_fields_is_still_refused():
    first = World().run("a").snapshot()
    with pytest.raises(DataError, match="recorded protocol fields are equal"):
        require_same_protocol(first, changed(first, fingerprint="other"))


def test_a_run_without_fingerprint_is_refused():
    first = World().run("a").snapshot()
    with pytest.raises(DataError, match="states no protocol fingerprint"):
        require_same_protocol(first, changed(first, fingerprint=""))


def test_sharing_is_read_from_the_hashes():
    world, elsewhere = World(seed=1), World(seed=1, reference_seed=2)
    first = world.run("a", ids="x").snapshot()
    same, other = world.run("b", ids="x").snapshot(), elsewhere.run("c", ids="y").snapshot()
    assert pairing(first, same) == type(pairing(first, same))("same", "same", aligned=True)
    assert pairing(first, other) == type(pairing(first, same))("other", "other", aligned=False)
    blank = first.facts.reference.model_copy(update={"content_hash": ""})
    assert pairing(first, changed(first, reference=blank)).reference == "unknown"
    assert "independent" in pairing(first, other).sentence
    assert "cancels" in pairing(first, same).sentence


def test_draws_of_a_shared_reference_keep_their_order():
    world = World()
    first, second = (world.run(name).snapshot() for name in "ab")
    joint = joint_draws([first, second])
    np.testing.assert_array_equal(joint[1].to_numpy(), second.draws.to_numpy())


def test_draws_on_another_reference_are_shuffled_alike():
    """Runs on one foreign reference stay joined to each other, and lose only what they never shared."""
    world, elsewhere = World(seed=1), World(seed=1, reference_seed=2)
    first = world.run("a").snapshot()
    others = [elsewhere.run(name, own=0.1).snapshot() for name in "bc"]
    joint = joint_draws([first, *others])
    assert not np.array_equal(joint[1]["size_0"], others[0].draws["size_0"])
    assert sorted(joint[1]["size_0"]) == sorted(others[0].draws["size_0"])
    assert np.corrcoef(joint[1]["size_0"], joint[2]["size_0"])[0, 1] > 0.9
    assert abs(np.corrcoef(joint[0]["size_0"], joint[1]["size_0"])[0, 1]) < 0.2


def test_only_draws_that_all_runs_have_are_joined():
    long, short = World(n_draws=400).run("a").snapshot(), World(n_draws=300).run("b").snapshot()
    assert [len(table) for table in joint_draws([long, short])] == [300, 300]
    none = Snapshot(short.facts, short.source, None)
    assert joint_draws([long, none])[1] is None
    assert joint_draws([none]) == [None]
