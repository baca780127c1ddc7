"""The examples in the docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import cohorts

MODULES = sorted(info.name for info in pkgutil.iter_modules(cohorts.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(f"cohorts.{name}")
    assert doctest.testmod(module).failed == 0
