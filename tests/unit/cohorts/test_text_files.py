"""Files of others: regular, of a bounded size, and without the traps of YAML."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.raw_tables import read_raw_table
from plausibrain.cohorts.tables import Column, Schema, read_table, write_table
from plausibrain.cohorts.text_files import read_json, read_yaml, require_regular_file
from plausibrain.cohorts.volumes import read_volume

ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 10))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ALIASES, "alias"),
        ("out: a\nout: b\n", "twice"),
        ("a: " + "[" * 400 + "]" * 400, "nested"),
        ("a: " + "{b: " * 400 + "}" * 400, "nested"),
        ("a: [", "not readable YAML"),
        ("a: !!python/object/apply:os.system [ls]", "not readable YAML"),
        ("a: \x00", "not readable YAML"),
    ],
)
def test_yaml_with_traps_is_refused_in_a_short_sentence(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words) as caught:
        read_yaml(path)
    assert len(str(caught.value)) < 500 + len(str(path))
    assert "\n" not in str(caught.value)


def test_plain_yaml_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("reference: {path: a}\nsettings: {seed: 3}\n", encoding="utf-8")
    assert read_yaml(path) == {"reference": {"path": "a"}, "settings": {"seed": 3}}


def test_json_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(DataError, match="JSON"):
        read_json(path)


@pytest.mark.parametrize("name", ["image.nii.gz", "image.mgz", "table.csv"])
def test_a_pipe_does_not_block(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    os.mkfifo(path)
    with pytest.raises(DataError, match="regular file"):
        read_raw_table(path) if name.endswith("csv") else read_volume(path)


def test_devices_folders_and_circles_of_links_are_no_files(tmp_path: Path) -> None:
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    for path in (Path("/dev/zero"), tmp_path, circle, Path("a\0b")):
        with pytest.raises(DataError):
            require_regular_file(path)


def test_a_line_of_millions_of_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("a," * 2_500_000 + "\n1\n", encoding="utf-8")
    with pytest.raises(DataError, match="columns"):
        read_raw_table(path)


@pytest.mark.parametrize("left", [5, 1, 0])
def test_a_table_that_was_cut_off_is_refused(left: int, tmp_path: Path) -> None:
    schema = Schema("numbers", (Column("a", "float", "A number."),))
    path = write_table(pd.DataFrame({"a": np.arange(6.0)}), tmp_path / "numbers.tsv", schema)
    assert len(read_table(path, schema)) == 6
    path.write_text("".join(path.read_text().splitlines(keepends=True)[: left + 1]))
    with pytest.raises(DataError, match="cut off"):
        read_table(path, schema)
