"""The examples in the docstrings of pairs, alignment and extraction say what happens."""

import doctest
import importlib

import pytest

MODULES = (
    "evaluation.alignment",
    "evaluation.extraction",
    "evaluation.diversity.pyramids",
    "evaluation.diversity.sampling",
    "evaluation.diversity.slabs",
    "evaluation.diversity.windows",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed
