"""The examples for GitHub Actions and GitLab: read as YAML, their shell steps run in a folder."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from plausibrain.reports.baseline import write_baseline

EXAMPLES = Path(__file__).parents[3] / "examples" / "ci"


def steps(name: str) -> list[str]:
    """Return the shell lines of an example in their order, without the installation and the evaluation."""
    content: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{name}.yml").read_text(encoding="utf-8"))
    if name == "github":
        lines = [step["run"] for step in content["jobs"]["check"]["steps"] if "run" in step]
    else:
        lines = content["plausibility"]["before_script"] + content["plausibility"]["script"]
    assert lines[0] == "pip install plausibrain"
    assert lines[1].startswith(
        "plausibrain run --reference reference.csv --generated samples.csv --out runs/new"
    )
    return lines[2:]


@pytest.fixture
def workplace(tmp_path: Path, baseline: Path) -> Path:
    """A checkout with a baseline, and `plausibrain` on the path."""
    write_baseline(baseline, tmp_path / "baseline.json")
    program = tmp_path / "bin" / "plausibrain"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m plausibrain "$@"\n')
    program.chmod(0o755)
    return tmp_path


def shell(line: str, folder: Path) -> int:
    """Run a line as a runner does: stop at the first error."""
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    known = {**os.environ, "PATH": path, "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", line], cwd=folder, env=known, capture_output=True, check=False
    ).returncode  # fmt: skip


@pytest.mark.parametrize("name", ["github", "gitlab"])
@pytest.mark.parametrize("which", ["same", "worse"])
def test_steps_run_and_leave_what_they_promise(
    workplace: Path, request: pytest.FixtureRequest, name: str, which: str
) -> None:
    shutil.copytree(request.getfixturevalue(which), workplace / "runs" / "new")
    check, *after = steps(name)
    code = shell(check, workplace)
    assert code == (1 if which == "worse" else code)
    assert code in (0, 1, 3), "2 would be a mistake of the example"
    suite = ET.parse(workplace / "check" / "check.xml").getroot()  # noqa: S314  (we wrote it)
    assert suite.iter("testcase")
    assert [shell(line, workplace) for line in after] == [0] * len(after)
    if name == "github":
        assert (workplace / "summary.md").read_text(encoding="utf-8").strip()


def test_the_documentation_shows_the_examples() -> None:
    page = (EXAMPLES.parents[1] / "docs" / "compare-and-check.md").read_text(encoding="utf-8")
    for name in ("github", "gitlab"):
        assert (EXAMPLES / f"{name}.yml").read_text(encoding="utf-8") in page
