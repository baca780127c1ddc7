"""`plausibrain run --generator`: from a table of real volumes to a report on images of a shipped model."""

import json
from pathlib import Path

import pytest

from plausibrain.cohorts.cohort import read_cohort
from plausibrain.generation.sample_cohort import seed_of
from tests.integration.conftest import QUICK, Command

N = 12


@pytest.mark.slow
def test_a_shipped_model_is_drawn_segmented_and_judged(
    command: Command, tables: dict[str, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    arguments = ("run", "--reference", tables["reference"], "--generator", "ldm", "--draws", N, "--seed", 7,
                 "--generator-option", "steps=2")  # fmt: skip
    outcome = command(*arguments, "--out", run, "--quiet", *QUICK)
    assert outcome.code == 0, outcome.err
    card = json.loads((run / "scorecard.json").read_text())
    conditioning = [h for q in card["questions"] if q["number"] == 6 for h in q["headlines"]]
    assert {h["name"] for h in conditioning} >= {"conditioning_ventricle", "conditioning_brain"}
    drawn = read_cohort(run / "generated", min_subjects=1)
    assert len(drawn.images) == N
    assert list(drawn.subjects["seed"]) == [seed_of(7, name) for name in drawn.subjects["participant_id"]]
    assert "ldm" in (run / "report.html").read_text()
    again = command(*arguments, "--out", run, "--quiet", *QUICK)
    assert again.code == 0, again.err  # images and segmentations are found, not made again


def test_an_unknown_generator_is_named(command: Command, tables: dict[str, Path], tmp_path: Path) -> None:
    outcome = command("run", "--reference", tables["reference"], "--generator", "gan3000", "--out", tmp_path)
    assert outcome.code == 2
    assert "gan3000" in outcome.err
    assert "ldm" in outcome.err
