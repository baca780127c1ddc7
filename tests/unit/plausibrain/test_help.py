"""Help, examples and answers of the command line: complete, grouped, and what they say is true."""

import json
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from plausibrain import cli
from plausibrain.help_layout import COMMANDS, EXAMPLES, OPTIONS
from plausibrain.progress import _Lines, clock

GROUP = typer.main.get_command(cli.app)
NAMES = sorted(GROUP.commands)
RUNNER = CliRunner()


def test_every_command_stands_in_one_group_and_has_an_example() -> None:
    grouped = [name for names in COMMANDS.values() for name in names]
    assert sorted(grouped) == NAMES == sorted(EXAMPLES)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_groups_hold_every_option_once(name: str) -> None:
    known = [p.name for p in GROUP.commands[name].params if p.param_type_name == "option"]
    assert known
    grouped = [option for options in OPTIONS[name].values() for option in options]
    assert len(grouped) == len(set(grouped))
    assert set(known) - set(grouped) - {"help"} <= {"sex_coding"}


@pytest.mark.parametrize(
    ("name", "example"), [(name, line) for name, lines in EXAMPLES.items() for line in lines]
)
def test_examples_are_commands_that_parse(name: str, example: str) -> None:
    words = shlex.split(example)
    assert words[:2] == ["plausibrain", name]
    context = GROUP.commands[name].make_context(name, words[2:])
    assert not context.args


@pytest.mark.parametrize("name", NAMES)
def test_every_command_can_answer_in_json(name: str) -> None:
    options = {option for p in GROUP.commands[name].params for option in p.opts}
    assert "--json" in options


def test_the_help_shows_groups_defaults_and_examples() -> None:
    shown = RUNNER.invoke(cli.app, ["run", "--help"], env={"COLUMNS": "140"}).output
    assert "Cohorts" in shown
    assert "Generating here" in shown
    assert "Examples:" in shown
    assert "plausibrain run --reference bids/" in shown
    assert "(default: 2000)" in shown
    every = RUNNER.invoke(cli.app, ["--help"], env={"COLUMNS": "140"}).output
    assert all(panel in every for panel in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["generate", "--model", "lmd", "--out", "x"], "lmd"),
        (["segment", ".", "--segmenter", "sythseg", "--out", "x"], "sythseg"),
        (["report", "."], "is not a run folder"),
        (["check", ".", "--baseline", "."], "is not a run folder"),
        (["compare", ".", "..", "--out", "x"], "is not a run folder"),
        (["report", "nowhere"], "nowhere is not a folder"),
    ],
)
def test_errors_name_the_mistake(
    arguments: list[str], mistake: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    place = tmp_path / "one" / "two"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    monkeypatch.setattr("sys.argv", ["plausibrain", *arguments])
    with pytest.raises(SystemExit) as outcome:
        cli.main()
    assert outcome.value.code == cli.EXIT_DATA_ERROR
    assert mistake in capsys.readouterr().err


def test_plan_answers_in_json() -> None:
    outcome = RUNNER.invoke(cli.app, ["plan", "--effect", "0.1", "--json"])
    assert json.loads(outcome.output)["sentence"]


def test_lines_of_progress_state_share_count_and_time_left(capsys, monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr("plausibrain.progress.time.monotonic", lambda: now[0])
    lines = _Lines("analysis")
    lines("first", 0, 40)
    now[0] = 110.0
    lines("second", 10, 40)
    now[0] = 120.0
    lines("figures", 0, 8)
    now[0] = 130.0
    lines("figures", 2, 8)
    shown = capsys.readouterr().err.splitlines()
    assert shown[1] == "analysis: 10/40 (25%) second, 10 s, about 30 s left"
    assert shown[2] == "analysis: 0/8 (0%) figures, 20 s"
    assert shown[3].endswith("about 30 s left"), "a new pass has a clock of its own"
    assert clock(3600) == "1 h 0 min"
