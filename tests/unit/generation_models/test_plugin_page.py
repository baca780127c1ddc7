"""The page on foreign models is true: its example is installed as a package and run by its own commands."""

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from plausibrain.cli import app
from plausibrain.cohorts.cohort import read_cohort, write_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import hash_file
from plausibrain.cohorts.volumes import read_volume
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.registry import MODELS, find_model

PAGE = Path(__file__).parents[3] / "docs" / "plugin_model.md"


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.S | re.M)
    return [content for marked, content in fenced if marked == language]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The page's module and entry point, as pip would leave them on the path."""
    (code,), (project,) = blocks("python"), blocks("toml")
    (group, entries), *others = tomllib.loads(project)["project"]["entry-points"].items()
    assert not others
    site = tmp_path / "site"
    info = site / "ball_brains-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "ball_brains.py").write_text(code, encoding="utf-8")
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: ball-brains\nVersion: 1.0\n", encoding="utf-8"
    )
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    find_model("ldm")  # everything else is registered before the registry is copied
    monkeypatch.setattr(MODELS, "_plugins", dict(MODELS._plugins))
    monkeypatch.setattr(MODELS, "_entry_points_loaded", False)
    monkeypatch.syspath_prepend(site)
    yield tmp_path
    sys.modules.pop("ball_brains", None)


def test_the_example_is_as_short_as_promised():
    (code,) = blocks("python")
    assert len(code.splitlines()) == 15


def test_the_commands_of_the_page_draw_what_was_asked(installed, monkeypatch):
    monkeypatch.chdir(installed)
    write_cohort(table_cohort(12, seed=0, name="reference"), installed / "reference")
    (installed / "ball_weights").mkdir()
    np.save("ball_weights/weights.npy", np.float64(0.05))
    commands = [line for block in blocks("") for line in block.splitlines()]
    for command in commands[1:]:  # the first one is about `folder`, see below
        run(command)
    cohort = read_cohort(installed / "ball_cohort")
    assert len(cohort) == 6
    for path, asked in zip(cohort.images, cohort.subjects["requested_brain_mm3"], strict=True):
        drawn = (read_volume(path).data > 0.5).sum() * 5.0**3
        assert drawn == pytest.approx(asked, rel=0.02)  # one voxel in a hundred lies on the edge
    said = json.loads((installed / "ball_cohort/dataset_description.json").read_text())["GeneratedBy"][0]
    assert (said["Model"], said["Steps"]) == ("ball", 1)
    assert said["CheckpointSHA256"] == hash_file("ball_weights/weights.npy")
    (installed / "ball_cohort").rename("my_images")
    run(commands[0])
    assert len(read_cohort(installed / "my_cohort").images) == 6


def run(command: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == "plausibrain"
    result = CliRunner().invoke(app, [*arguments, *(["--quiet"] if arguments[0] == "generate" else [])])
    assert result.exit_code == 0, result.output


def test_the_foreign_model_is_listed_beside_ours(installed):
    assert {"ball", "ldm", "folder"} <= {
        plugin.name for plugin in MODELS.discover("plausibrain.generation.models")
    }


def test_and_is_gone_with_its_package(installed, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(DataError, match="there is no 'ball' among the models"):
        find_model("ball")
