"""What the README and the documentation tell one to type: every command parses, and whole chains run.

Chains run as they are typed, in a working directory of their own and with relative paths; what a test adds
behind a command (fewer steps, fewer images) stands beside it here.
"""

import json
import re
import shlex
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from scipy.ndimage import affine_transform

from plausibrain.cli import app
from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.volumes import LabelMap, Volume, read_label_map
from plausibrain.evaluation import extraction
from plausibrain.evaluation.segmentation import Segmentation
from plausibrain.evaluation.segmenters import synthseg_style, synthseg_style_2mm
from plausibrain.evaluation.segmenters.precomputed import measure_label_map
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.ldm import training as ldm_training
from plausibrain.generation.sample_cohort import seed_of
from plausibrain.generation.simulator.cohort import simulate_cohort
from plausibrain.generation.simulator.subject import Grid
from tests.integration.conftest import QUICK, Command, plain_table

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^ *```[a-z]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
JOINED = re.compile(r"\s*\\\n\s*")
INLINE = re.compile(r"`(plausibrain [a-z]+ [^`]*)`")
PYTHON = ("import ", "from ")
N = 10


def commands_of(page: Path) -> list[str]:
    """Return every `plausibrain` command of a page, without comments."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in FENCED.findall(text) for line in JOINED.sub(" ", block).splitlines()]
    fenced = [
        re.sub(r"^.*?(?=plausibrain [a-z])", "", line)
        for line in lines
        if re.match(r"\s*(- run: |- )?plausibrain [a-z]", line)
    ]
    inline = [" ".join(command.split()) for command in INLINE.findall(text)]
    return [
        re.split(r"\s#|\s{4,}", command.strip())[0] for command in [*fenced, *inline] if "…" not in command
    ]


COMMANDS = [(page.name, command) for page in PAGES for command in commands_of(page)]


def problem(arguments: list[str], *, complete: bool) -> str:
    """Return what the command line says of arguments before it runs anything; empty when it takes them.

    Parameters
    ----------
    arguments : list of str
    complete : bool
        Whether a required argument may not be missing either.
    """
    commands = typer.main.get_command(app).commands
    if arguments[0] not in commands:
        return f"no command {arguments[0]}"
    try:
        commands[arguments[0]].make_context(arguments[0], list(arguments[1:]))
    except Exception as error:
        if type(error).__name__ == "MissingParameter" and not complete:
            return ""
        return str(error)
    return ""


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 30
    assert {page for page, _ in COMMANDS} >= {"README.md", "models.md", "conditions.md", "bring_your_own.md"}


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{p}-{c[:60]}" for p, c in COMMANDS])
def test_every_documented_command_parses(page: str, command: str) -> None:
    # a sentence may mention a command with the one option that it is about
    assert problem(shlex.split(command)[1:], complete=len(command.split()) > 4) == ""


def test_a_wrong_option_would_be_seen() -> None:
    assert "--nonsense" in problem(["run", "--nonsense", "1"], complete=False)
    assert "nowhere" in problem(["nowhere"], complete=False)


def documented(page: str, start: str) -> list[str]:
    """Return the words of the command of a page that starts so; fails when the page no longer has it."""
    matches = [command for name, command in COMMANDS if name == page and command.startswith(start)]
    assert matches, f"{page} no longer tells to type {start!r}"
    return shlex.split(matches[0])[1:]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_documented(command: Command) -> Callable[..., str]:
    """Run a documented command with a few more arguments behind it; return what it printed."""

    def run(page: str, start: str, *more: object, code: int = 0) -> str:
        outcome = command(*documented(page, start), *more)
        assert outcome.code == code, outcome.err or outcome.out
        return outcome.out

    return run


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_the_readme_runs_as_it_is_typed(here: Path, run_documented: Callable[..., str]) -> None:
    for name, seed in (("ixi_synthseg.csv", 1), ("model_a.csv", 2), ("model_b.csv", 3)):
        table = plain_table(60, seed)
        codes = table.sex.map({"M": 1, "F": 0}) if name.startswith("ixi") else table.sex
        table.assign(sex=codes).to_csv(name, index=False)
    for start in ("plausibrain run --reference ixi_synthseg.csv",):
        for i, model in enumerate(("model_a", "model_b")):
            commands = [c for p, c in COMMANDS if p == "README.md" and c.startswith(start)]
            assert model in commands[i]
            run_documented("README.md", commands[i], "--quiet", *QUICK)
    run_documented("README.md", "plausibrain compare runs/model_a runs/model_b")
    run_documented("README.md", "plausibrain baseline runs/model_a")
    Path("runs/model_a").rename("runs/new_checkpoint")
    # nothing became worse, and 60 subjects are too few to say so of the share of excluded rows
    said = run_documented("README.md", "plausibrain check runs/new_checkpoint", code=3)
    assert "0 failed, 1 inconclusive" in said
    for page in ("runs/new_checkpoint/report.html", "runs/a_or_b/compare.html", "check/check.html"):
        assert Path(page).is_file(), page


@pytest.fixture
def by_place(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the mask of the first scan answer for the network, with other gaps for every image.

    What the network answers is tested elsewhere and takes minutes here; the files are those of a real run.
    """

    def segment_at(image: Volume, answer_mm: int, *, name: str, **_: object) -> Segmentation:
        mask = read_label_map(here / "masks" / "sub-00000_T1w.nii.gz")
        place = np.linalg.inv(mask.affine) @ image.affine
        labels = affine_transform(mask.data, place, output_shape=image.shape, order=0)
        rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(image.data).tobytes()))
        present = 1 - 0.06 * rng.random(labels.max() + 1)
        data = np.where(rng.random(labels.shape) < present[labels], labels, 0)
        labels = LabelMap(data, image.affine)
        return Segmentation(labels, measure_label_map(labels), segmenter=name, version=f"{answer_mm} mm")

    for module in (synthseg_style, synthseg_style_2mm):
        monkeypatch.setattr(module, "segment_at", segment_at)
    monkeypatch.setattr(extraction, "default_extractors", lambda: ["low_resolution"])
    monkeypatch.setattr(ldm_training, "SHOWN_STEPS", 2)


@pytest.mark.slow
@pytest.mark.usefixtures("by_place", "without_figures")
def test_from_scans_to_a_model_and_its_report(
    here: Path, command: Command, run_documented: Callable[..., str]
) -> None:
    subjects = table_cohort(N, seed=3, name="scans")
    simulate_cohort(subjects, Path("scans"), seed=3, grid=Grid(4.0), skull_strip=True)
    table = Path("scans/participants.tsv")
    stated = pd.read_csv(table, sep="\t")[["participant_id", "age", "sex"]]
    stated.to_csv(table, sep="\t", index=False)
    Path("masks").mkdir()
    for path in sorted(Path("scans").rglob("*_dseg.nii.gz")):
        path.rename(Path("masks") / path.name.replace("_dseg", "_T1w"))
    # The label maps of the simulator stand in for a segmentation, which would take minutes.
    outcome = command(
        *documented("models.md", "plausibrain segment scans"), "--segmenter", "precomputed",
        "--option", "labels=masks", "--processes", 1, "--quiet",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    few = ("--steps", "autoencoder=1", "--steps", "diffusion=1", "--held-out", "1", "--quiet")
    run_documented("models.md", "plausibrain train --model ldm --cohort scans", *few)
    assert Path("checkpoint/weights.safetensors").is_file()
    run = ("--n-images", N, "--generator-option", "steps=2", "--seed", 7, "--processes", 1, "--quiet", *QUICK)
    start = "plausibrain run --reference scans --generator ldm"
    run_documented("models.md", start, *run)
    generated = read_cohort("run_real/generated", min_subjects=1)
    assert len(generated.images) == N
    seeds = [seed_of(7, name) for name in generated.subjects["participant_id"]]
    assert list(generated.subjects["seed"]) == seeds
    card = json.loads(Path("run_real/scorecard.json").read_text())
    conditioning = [h for q in card["questions"] if q["number"] == 6 for h in q["headlines"]]
    assert {h["name"] for h in conditioning} >= {"conditioning_ventricle", "conditioning_brain"}
    assert Path("run_real/report.html").is_file()
    files = [path for path in Path("run_real").rglob("*.nii.gz") if path.is_file()]
    written = {path: path.stat().st_mtime_ns for path in files}
    assert len(written) >= 2 * N  # images and label maps
    run_documented("models.md", start, *run)  # both are there, and are not made again
    assert {path: path.stat().st_mtime_ns for path in files} == written
