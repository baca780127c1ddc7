"""A place that cannot be written to is refused before anything else is looked at, by every command."""

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from plausibrain.cli import app
from plausibrain.cohorts.errors import DataError
from plausibrain.output_paths import writable_file, writable_folder

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
WRITING = sorted(name for name, one in COMMANDS.items() if any(p.name == "out" for p in one.params))


def writes_one_file(command: Any) -> bool:
    text = next(str(option.help) for option in command.params if option.name == "out")
    return not text.lower().startswith(("folder", "run folder"))


@pytest.mark.parametrize("name", [name for name in WRITING if name != "run"])
def test_every_command_refuses_where_it_cannot_write(name: str, tmp_path: Path) -> None:
    file = tmp_path / "occupied"
    file.touch()
    places = {file / "below": "is a file"}
    if writes_one_file(COMMANDS[name]):
        places[tmp_path] = "expected a file to write"
    for place, match in places.items():
        outcome = CliRunner().invoke(app, [name, "--out", str(place)])  # all else is missing, and told later
        assert isinstance(outcome.exception, DataError), outcome.output
        assert match in str(outcome.exception)


@pytest.mark.parametrize("option", ["--out", "--cache"])
def test_a_run_refuses_before_it_reads_a_cohort(option: str, tmp_path: Path) -> None:
    file = tmp_path / "occupied"
    file.touch()
    places = {"--out": tmp_path / "out", "--cache": tmp_path / "cache", option: file / "below"}
    flags = [text for name, place in places.items() for text in (name, str(place))]
    missing = str(tmp_path / "missing.csv")
    outcome = CliRunner().invoke(app, ["run", "--reference", missing, "--generated", missing, *flags])
    assert "is a file" in str(outcome.exception)


def test_places_that_can_be_made_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert writable_folder(Path("a/b")) == Path("a/b")
    assert writable_file(Path("a/b.tsv")) == Path("a/b.tsv")
    assert writable_folder(None) is writable_file(None) is None
    assert list(tmp_path.iterdir()) == []


def test_folders_without_permission_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # whoever runs tests as root may write everywhere
    with pytest.raises(DataError, match="may not be written to"):
        writable_folder(tmp_path / "a" / "b")
