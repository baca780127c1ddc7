"""The examples in the docstrings of pairs, alignment and extraction say what happens."""

import doctest
import importlib

import pytest

MODULES = (
    "plausibrain.evaluation.alignment",
    "plausibrain.evaluation.extraction",
    "plausibrain.evaluation.diversity.pyramids",
    "plausibrain.evaluation.diversity.sampling",
    "plausibrain.evaluation.diversity.slabs",
    "plausibrain.evaluation.diversity.windows",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed
