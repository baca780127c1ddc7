"""Options of the segmenter reach it from the YAML of a run, for each cohort."""

from pathlib import Path

import pytest

from plausibrain import pipeline
from plausibrain.config import Source, read_config
from plausibrain.evaluation.segment_files import segmenters, typed_options

YAML = """
reference: {path: a, segmenter: synthseg_style, segmenter_options: {parcels: 0, device: cpu}}
generated: {path: b}
out: out
"""


def test_options_in_yaml_reach_the_segmenter_of_their_cohort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.yaml").write_text(YAML)
    config = read_config(tmp_path / "run.yaml")
    seen = {}
    monkeypatch.setattr(Source, "read", lambda self, role: role)
    monkeypatch.setattr(
        pipeline, "measured", lambda role, out, *, segmenter, options, **_: seen.update({role: options})
    )
    pipeline.read_cohorts(config)
    assert seen == {"reference": {"parcels": 0, "device": "cpu"}, "generated": None}


def test_a_nought_in_yaml_switches_off() -> None:
    """YAML gives a number where a command line gives text; both are false for the segmenter."""
    plugin = segmenters()["synthseg_style"]
    given = [typed_options(plugin, {"parcels": value})["parcels"] for value in (0, "0", False, 1, "1", True)]
    assert given == [False, False, False, True, True, True]
    assert {type(value) for value in given} == {bool}
