"""The examples in the docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

from plausibrain import cohorts

MODULES = sorted(info.name for info in pkgutil.iter_modules(cohorts.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(f"plausibrain.cohorts.{name}")
    assert doctest.testmod(module).failed == 0
