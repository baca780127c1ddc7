"""Run folders on disk for the check."""

from pathlib import Path

import pytest

from tests.unit.compare.factory import World


@pytest.fixture(scope="session")
def world() -> World:
    return World(n_reference=300, n_generated=600)


@pytest.fixture(scope="session")
def baseline(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.run("old model", own=0.3).write(tmp_path_factory.mktemp("baseline"))


@pytest.fixture(scope="session")
def same(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As good as the baseline."""
    return world.run("new model", own=0.3).write(tmp_path_factory.mktemp("same"))


@pytest.fixture(scope="session")
def worse(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first structure is 0.9 standard deviations too large."""
    return world.run("worse model", own=0.3, shift=[0.9, 0, 0, 0]).write(tmp_path_factory.mktemp("worse"))
