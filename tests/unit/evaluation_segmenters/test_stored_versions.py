"""Results that lie in a store are found again only while the segmenter that made them is the same."""

import sys
from dataclasses import replace

import pytest

from plausibrain.evaluation import segment_files
from plausibrain.evaluation.open_image import OpenImage
from plausibrain.evaluation.segment_files import _key, _version
from plausibrain.evaluation.segmentation import SEGMENTERS
from plausibrain.evaluation.segmenters import synthseg_style, synthseg_style_2mm


@pytest.mark.parametrize(("name", "answer_mm"), [("synthseg_style", 1), ("synthseg_style_2mm", 2)])
def test_new_weights_give_another_key(name, answer_mm, tmp_path, monkeypatch):
    assert synthseg_style_2mm.NAME in SEGMENTERS
    plugin = SEGMENTERS[name]
    assert _version(plugin, {}) == synthseg_style.version(answer_mm)
    path = tmp_path / "image.nii.gz"
    path.write_bytes(b"an image")
    before = _key(OpenImage(path), plugin, {})
    assert _key(OpenImage(path), replace(plugin), {}) == before
    boundaries, known = tmp_path / "other.json", synthseg_style._resource
    boundaries.write_text("{}")
    monkeypatch.setattr(
        synthseg_style, "_resource", lambda x: boundaries if x == synthseg_style.BOUNDARY_FILE else known(x)
    )
    synthseg_style.version.cache_clear()
    try:
        assert _key(OpenImage(path), plugin, {}) not in (None, before)
    finally:
        synthseg_style.version.cache_clear()


def test_another_device_gives_another_key(tmp_path, monkeypatch):
    """A GPU adds up in another order and precision; a store that machines share must not mix the two."""
    SEGMENTERS.discover("plausibrain.evaluation.segmenters")
    monkeypatch.setattr(segment_files, "arithmetic_of", lambda device: device)
    path = tmp_path / "image.nii.gz"
    path.write_bytes(b"an image")
    network = SEGMENTERS["synthseg_style"]
    assert _key(OpenImage(path), network, {}) == _key(OpenImage(path), network, {"device": "cpu"})
    assert _key(OpenImage(path), network, {"device": "cuda"}) != _key(
        OpenImage(path), network, {"device": "cpu"}
    )


def test_only_a_network_gets_a_device():
    assert segment_files.with_device("precomputed", {"labels": "x"}, "auto") == {"labels": "x"}
    assert segment_files.with_device("synthseg_style", {}, "cpu") == {"device": "cpu"}
    assert segment_files.with_device("synthseg_style", {"device": "cpu"}, "cuda:7") == {"device": "cpu"}


@pytest.mark.parametrize("name", ["synthseg_style", "synthseg_style_2mm"])
def test_parcels_are_in_the_version_and_so_in_the_key(name, tmp_path):
    plugin, path = SEGMENTERS[name], tmp_path / "image.nii.gz"
    path.write_bytes(b"an image")
    versions = {wanted: _version(plugin, {"parcels": wanted}) for wanted in (True, False)}
    assert versions[True] != versions[False]
    assert _version(plugin, {}) == versions[name == "synthseg_style"]
    assert len({_key(OpenImage(path), plugin, {"parcels": wanted}) for wanted in (True, False)}) == 2


def test_every_segmenter_names_what_else_decides_its_results():
    SEGMENTERS.discover("plausibrain.evaluation.segmenters")
    silent = [
        plugin.name
        for plugin in SEGMENTERS
        if plugin.module.startswith("plausibrain.evaluation.segmenters.")
        and not any(hasattr(sys.modules[plugin.module], name) for name in ("version", "further_inputs"))
    ]
    assert silent == []
