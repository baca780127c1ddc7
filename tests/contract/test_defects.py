"""Every injected defect: nothing at severity 0, more with more, reproducible, never in its input."""

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import defects, inject

TABLE = [plugin.name for plugin in defects("table")]
REFERENCE = table_cohort(160, seed=1, name="reference")
TRAINING = table_cohort(160, seed=2, name="training")


def change(name: str, severity: float, seed: int = 0) -> float:
    """Mean absolute log ratio of volumes, plus the share of subjects cells that changed."""
    injected = inject(name, REFERENCE, severity=severity, seed=seed, training=TRAINING)
    moved = np.abs(np.log(injected.volumes / REFERENCE.volumes)).to_numpy().mean()
    return float(moved + (injected.subjects != REFERENCE.subjects).to_numpy().mean())


@pytest.mark.parametrize("name", TABLE)
def test_severity_zero_injects_nothing(name):
    # Volumes may pass through log and exp, which costs a few units in the last place.
    assert change(name, 0.0) < 1e-12


@pytest.mark.parametrize("name", TABLE)
def test_more_severity_changes_more(name):
    plugin = next(plugin for plugin in defects("table") if plugin.name == name)
    severities = plugin.severities
    assert list(severities) == sorted(severities)
    changes = [change(name, severity) for severity in severities]
    assert changes[0] > 0
    assert changes[-1] > changes[0]


@pytest.mark.parametrize("name", TABLE)
def test_same_seed_same_defect_and_input_untouched(name):
    before = REFERENCE.volumes.copy(), REFERENCE.subjects.copy()
    severity = next(p for p in defects("table") if p.name == name).severities[-1]
    first, again = (inject(name, REFERENCE, severity=severity, seed=5, training=TRAINING) for _ in range(2))
    pd.testing.assert_frame_equal(first.volumes, again.volumes)
    pd.testing.assert_frame_equal(first.subjects, again.subjects)
    pd.testing.assert_frame_equal(REFERENCE.volumes, before[0])
    pd.testing.assert_frame_equal(REFERENCE.subjects, before[1])
    assert list(first.volumes.columns) == list(REFERENCE.volumes.columns)
    assert (first.volumes > 0).all(axis=None)


@pytest.mark.parametrize("plugin", defects(), ids=lambda plugin: plugin.name)
def test_every_defect_says_what_must_see_it(plugin):
    assert set(plugin.detects) <= set(range(1, 11))
    assert plugin.detects
    assert plugin.unit
    assert 0 not in plugin.severities


def test_unknown_defect_names_what_exists():
    with pytest.raises(DataError, match="flat_ageing"):
        inject("no_such_defect", REFERENCE, severity=1.0, seed=0)


def test_copies_need_a_training_cohort():
    with pytest.raises(DataError, match="pass training="):
        inject("copied_subjects", REFERENCE, severity=0.5, seed=0)
