"""Options of the segmenter reach it from the YAML of a run, for each cohort."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from plausibrain import pipeline
from plausibrain.config import read_config
from plausibrain.evaluation.segment_files import segmenters, typed_options
from plausibrain.image_work import ChosenSegmenter

YAML = """
reference: {path: a, segmenter: synthseg_style, segmenter_options: {parcels: 0, device: cpu}}
generated: {path: b}
out: out
"""


class SeenError(Exception):
    """What the segmenters of a run were given is known; nothing is to be measured."""


def test_options_in_yaml_reach_the_segmenter_of_their_cohort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.yaml").write_text(YAML)
    seen = {}

    def visit(cohorts: object, work: object, *, segmenters: Mapping[str, ChosenSegmenter]) -> None:
        seen.update({role: (chosen.name, chosen.options) for role, chosen in segmenters.items()})
        raise SeenError("as far as needed")

    monkeypatch.setattr(pipeline, "visit_cohorts", visit)
    with pytest.raises(SeenError, match="as far as needed"):
        pipeline.measure_images({}, read_config(tmp_path / "run.yaml"), None)
    assert seen == {
        "reference": ("synthseg_style", {"parcels": 0, "device": "cpu"}),
        "generated": ("synthseg_style", {}),
    }


def test_a_nought_in_yaml_switches_off() -> None:
    """YAML gives a number where a command line gives text; both are false for the segmenter."""
    plugin = segmenters()["synthseg_style"]
    given = [typed_options(plugin, {"parcels": value})["parcels"] for value in (0, "0", False, 1, "1", True)]
    assert given == [False, False, False, True, True, True]
    assert {type(value) for value in given} == {bool}
