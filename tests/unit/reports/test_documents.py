"""Training and audit are pages in the form of all others: answer first, sound HTML, numbers of the files."""

import json
import math
from pathlib import Path

import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.schemas import AUDIT
from plausibrain.cohorts.tables import read_table
from plausibrain.reports.audit import NO_DEFECT, WANTED_POWER, write_audit_page
from plausibrain.reports.training import write_training_page
from tests.unit.reports.documents import audit_folder, training_folder
from tests.unit.reports.page_parser import Page


def words(page: Page) -> str:
    return " ".join(page.all("body")[0].text.split())


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_audit_page(audit_folder(tmp_path_factory.mktemp("audit")))


def test_the_audit_opens_with_its_false_alarms_and_what_is_detected(audit: Path) -> None:
    table, page = read_table(audit.parent / "audit.tsv", AUDIT), Page.of(audit.read_text(encoding="utf-8"))
    assert page.problems == []
    none = table[(table["defect"] == NO_DEFECT) & (table["question"] == 0)].iloc[0]
    answer = page.all("h1")[0].text
    assert answer.startswith(f"{none.n_fail} of {none.trials} cohorts without a defect fail")
    # Question 0: sections of the report beside the scorecard, which have the name of a headline.
    declared = table[(table["declared"] == 1) & ((table["headline"] == "") | (table["question"] == 0))]
    best = declared.groupby("defect")["share_fail"].max()
    seen = (best >= WANTED_POWER).sum()
    assert f"{seen} of {len(best)} defects are detected with at least 80 % power" in words(page)
    assert len([e for e in page.elements if e.attributes.get("class") == "panel"]) == len(
        declared.groupby(["defect", "question"])
    )
    assert (audit.parent / "audit.md").exists(), "the same for a repository"


def test_a_training_says_how_far_it_is_and_what_became_better(tmp_path: Path) -> None:
    page = Page.of(write_training_page(training_folder(tmp_path / "done")).read_text(encoding="utf-8"))
    assert page.problems == []
    assert "Trained: autoencoder, 1,200 steps and diffusion, 1,200 steps" in page.all("h1")[0].text
    text = words(page)
    assert "Autoencoder: held-out l1 went from 0.0025 at step 600 to 0.00125 at step 1,200." in text.replace(
        "\N{NO-BREAK SPACE}", " "
    )
    assert len(page.all("img")) == 1
    running = write_training_page(training_folder(tmp_path / "running", last=300)).read_text(encoding="utf-8")
    assert "In training: diffusion at step 300 of 1,200" in running


def test_a_training_shows_no_file_from_elsewhere(tmp_path: Path) -> None:
    folder = training_folder(tmp_path / "run")
    (tmp_path / "secret.png").write_bytes(b"secret")
    facts = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    (folder / "samples" / "link.png").symlink_to(tmp_path / "secret.png")
    for name in ("../../secret.png", "link.png", "gone.png", "<b>.png"):
        facts["pictures"]["autoencoder"] = [{"file": name, "caption": "<script>alert(1)</script>"}]
        (folder / "training.json").write_text(json.dumps(facts), encoding="utf-8")
        text = write_training_page(folder).read_text(encoding="utf-8")
        assert "<img" not in text
        assert "<script>alert" not in text


def test_values_that_are_not_finite_are_left_out_and_other_folders_refused(tmp_path: Path) -> None:
    folder = training_folder(tmp_path / "run")
    curves = {"autoencoder": [{"step": 1.0, "l1": math.nan}, {"step": 2.0, "l1": 0.5}]}
    (folder / "curves.json").write_text(json.dumps(curves), encoding="utf-8")
    assert "In training: autoencoder at step 2 of 1,200" in write_training_page(folder).read_text("utf-8")
    with pytest.raises(DataError, match="give the folder of a training"):
        write_training_page(tmp_path)
