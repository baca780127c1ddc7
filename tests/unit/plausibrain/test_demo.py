"""The demo on images and the audit on images, at 4 mm and with exact labels in place of the network."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from plausibrain import demo, image_audit, simulated_images
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, write_cohort
from plausibrain.demo import demo_on_images, run_demo
from plausibrain.evaluation import extraction
from plausibrain.image_audit import run_image_audit
from tests.unit.plausibrain.simulated import VOXEL_MM, segment_by_truth

N = 10
QUICK = Settings(n_resamples=100, n_splits=20, wasabi_repeats=10)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated_images, "VOXEL_MM", VOXEL_MM)
        patch.setattr(simulated_images, "segment", segment_by_truth)
        patch.setattr(extraction, "default_extractors", lambda: ["low_resolution"])
        patch.setattr(demo, "Settings", lambda: QUICK)
        patch.setattr(demo, "IMAGE_PAIRS", N)
        patch.setattr(image_audit, "PAIRS_PER_SUBJECT", 1)
        for module in (simulated_images, demo, image_audit):
            patch.setattr(module, "processes", lambda: 1)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a demo; the audit has the same reference and the same subjects without a defect."""
    folder = tmp_path_factory.mktemp("demo")
    said: list[str] = []
    assert demo_on_images(folder, n=N, seed=0, quiet=True, say=said.append).is_file()
    assert any(line.startswith("check of the defective") for line in said)
    return folder


def written(folder: Path, pattern: str) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob(pattern)}


def test_both_models_of_the_demo_have_the_same_images_for_other_requests(finished: Path) -> None:
    assert (finished / "check" / "check.md").is_file()
    subjects = {
        name: pd.read_csv(finished / "cohorts" / name / "participants.tsv", sep="\t").set_index(
            "participant_id"
        )
        for name in ("sound", "defective")
    }
    assert sorted(subjects["sound"]["age"]) == sorted(subjects["defective"]["age"])
    assert (subjects["sound"]["age"] != subjects["defective"]["age"]).any()
    tables = {
        name: pd.read_csv(finished / name / "tables" / "measures.tsv", sep="\t")
        for name in ("sound", "defective")
    }
    pd.testing.assert_series_equal(tables["sound"]["value"], tables["defective"]["value"])
    cards = {
        name: {
            headline["name"]: headline["estimate"]
            for question in json.loads((finished / name / "scorecard.json").read_text())["questions"]
            for headline in question["headlines"]
        }
        for name in ("sound", "defective")
    }
    assert cards["sound"]["image_distance"] == pytest.approx(cards["defective"]["image_distance"])
    assert cards["sound"]["conditioning_brain"] > 0.8 > cards["defective"]["conditioning_brain"]


def test_the_demo_shows_tables_of_many_before_images_of_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[Path, dict[str, Any]]] = []

    def step(out: Path, **options: Any) -> Path:
        steps.append((out, options))
        return out / "comparison" / "compare.html"

    for name in ("demo_on_tables", "demo_on_images"):
        monkeypatch.setattr(demo, name, step)
    pages = run_demo(tmp_path, images=True, quiet=True, say=lambda line: None)
    assert pages == [tmp_path / name / "comparison" / "compare.html" for name in ("tables", "images")]
    assert [out.name for out, _ in steps] == ["tables", "images"]
    assert steps[0][1]["n"] > 10 * steps[1][1]["n"]
    assert run_demo(tmp_path, images=False, quiet=True, say=lambda line: None) == pages[:1]
    run_demo(tmp_path, n=N, images=True, quiet=True, say=lambda line: None)
    assert [options["n"] for _, options in steps[-2:]] == [N, N]


def test_reference_and_models_of_the_demo_have_as_many_subjects() -> None:
    cohorts = demo.draw_tables(5, 0, demo.IMAGE_DEFECTS)
    assert {name: len(cohort) for name, cohort in cohorts.items()} == dict.fromkeys(
        ("reference", "sound", "defective"), 5
    )


def test_a_repeated_demo_draws_nothing(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "report_run", lambda config: config.out / "report.html")
    monkeypatch.setattr(demo, "compare_runs", lambda folders, out: out / "compare.html")
    images = written(finished / "cohorts", "*.nii.gz")
    assert len(images) == 2 * 2 * N, "images and labels of two cohorts, none of the third"
    demo_on_images(finished, n=N, seed=0, quiet=True, say=print)
    assert written(finished / "cohorts", "*.nii.gz") == images, "a repeated demo draws nothing"


def refuse_blur(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the segmentation of blurred images fail for all subjects but one."""

    def segment(cohort: Cohort, out: Path, **options: Any) -> Cohort:
        measured = segment_by_truth(cohort, out, **options)
        if "blur" in cohort.name:
            volumes = measured.volumes.copy()
            volumes.iloc[1:] = np.nan
            write_cohort(replace(measured, volumes=volumes), out)
        return measured

    monkeypatch.setattr(simulated_images, "segment", segment)


@pytest.mark.usefixtures("without_figures")
def test_the_audit_on_images_judges_every_kind_of_defect_and_resumes(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for source, place in (("reference", "reference"), ("sound", "none")):
        shutil.copytree(finished / "cohorts" / source, tmp_path / "cohorts" / place)
    told: list[str] = []
    only = ("regional_atrophy", "noise", "blur")
    refuse_blur(monkeypatch)

    def audit() -> Path:
        return run_image_audit(
            tmp_path, n=N, only=only, settings=QUICK, progress=lambda what, done, of: told.append(what)
        )

    page = audit()
    table = pd.read_csv(tmp_path / "audit_images.tsv", sep="\t")
    assert set(table["defect"]) == {"none", *only}
    assert set(table.loc[table["defect"] == "noise", "level"]) == {"image"}
    assert {"image_distance", "pair_similarity"} & set(table["headline"].dropna())
    assert set(table.loc[table["defect"] == "blur", "verdict"]) == {"refused"}
    assert "refused" in page.read_text()
    assert "--defect regional_atrophy --defect noise" in page.read_text()
    assert any("injecting" in what for what in told)
    reports = written(tmp_path / "runs", "report.html")
    (tmp_path / "runs" / "noise" / ".audit-key").unlink()
    audit()
    again = written(tmp_path / "runs", "report.html")
    assert [path.parent.name for path in reports if again[path] != reports[path]] == ["noise"]
