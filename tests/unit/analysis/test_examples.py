"""Examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

from plausibrain import analysis

MODULES = [info.name for info in pkgutil.walk_packages(analysis.__path__, "plausibrain.analysis.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
