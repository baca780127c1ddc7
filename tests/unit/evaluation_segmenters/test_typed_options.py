"""Options come as text from a command line; a segmenter gets them in the types of its parameters."""

import inspect

import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.evaluation.segment_files import segmenters, typed_options

TEXTS = {bool: ("0", False), int: ("3", 3), float: ("2.5", 2.5)}
TYPED = [
    (plugin.name, name, parameter.annotation)
    for plugin in segmenters()
    for name, parameter in inspect.signature(plugin.function).parameters.items()
    if parameter.annotation in TEXTS
]


def test_there_are_options_of_every_type() -> None:
    assert {wanted for _, _, wanted in TYPED} == set(TEXTS)


@pytest.mark.parametrize(("segmenter", "option", "wanted"), TYPED)
def test_texts_become_values_of_the_type(segmenter: str, option: str, wanted: type) -> None:
    text, value = TEXTS[wanted]
    found = typed_options(segmenters()[segmenter], {option: text})[option]
    assert found == value
    assert type(found) is wanted


@pytest.mark.parametrize(("segmenter", "option", "wanted"), TYPED)
def test_other_texts_are_refused(segmenter: str, option: str, wanted: type) -> None:
    with pytest.raises(DataError, match=rf"option {option}=some: expected (0 or 1|a whole number|a number)"):
        typed_options(segmenters()[segmenter], {option: "some"})


def test_values_in_their_type_and_options_that_are_text_stay() -> None:
    plugin = segmenters()["synthseg"]
    assert typed_options(plugin, {"parc": False, "command": "1"}) == {"parc": False, "command": "1"}
