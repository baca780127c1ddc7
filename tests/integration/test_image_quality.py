"""Two image cohorts through `plausibrain run`: measures, question 7, and the page."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from plausibrain import pipeline
from plausibrain.cohorts.bids import image_path
from plausibrain.cohorts.cohort import Cohort, read_cohort, write_cohort
from plausibrain.cohorts.schemas import CASES, MEASURE_NAMES, MEASURES, SLICES
from plausibrain.cohorts.tables import read_table
from plausibrain.cohorts.volumes import Volume, write_label_map, write_volume
from plausibrain.config import RunConfig, Source
from plausibrain.evaluation import extraction
from plausibrain.features import Features
from plausibrain.image_files import image_and_label_files
from plausibrain.slices import OUTLINES
from plausibrain.verification import verify
from tests.unit.analysis.factory import normal_cohort
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels

N = 36  # split-half reference needs 18 subjects a side for a verdict
VOXEL_MM = 6.0
SETTINGS = {"n_resamples": 100, "n_splits": 20, "wasabi_repeats": 10}
FLUID = 24


def write_phantoms(folder: Path, seed: int, *, blur_mm: float) -> None:
    """Write subjects with volumes, and heads of ellipsoids that differ in noise and brightness, blurred."""
    cohort = normal_cohort(N, seed, name=folder.name)
    write_cohort(cohort, folder)
    rng = np.random.default_rng(seed)
    labels = make_labels(VOXEL_MM)
    for number, name in enumerate(cohort.subjects["participant_id"]):
        image = make_image(VOXEL_MM, noise=rng.uniform(2.0, 6.0), seed=100 * seed + number)
        brain = np.where(labels.data == FLUID, 0, image.data) * rng.uniform(1, 2)
        data = gaussian_filter(brain, (rng.normal(2.0, 0.3) + blur_mm) / VOXEL_MM)
        path = image_path(folder, name)
        path.parent.mkdir(parents=True)
        write_volume(Volume(data, image.affine), path)
        write_label_map(labels, path.with_name(path.name.replace("_T1w", "_dseg")))


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    write_phantoms(folder / "reference", 1, blur_mm=0.0)
    write_phantoms(folder / "generated", 2, blur_mm=1.5)
    config = RunConfig(
        reference=Source(path=folder / "reference"), generated=Source(path=folder / "generated"),
        out=folder / "run", settings=SETTINGS,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extraction, "default_extractors", list)  # minutes of networks, tested elsewhere
        patch.setattr(pipeline, "extract_features", without_features)
        pipeline.run(config)
    return folder / "run"


def without_features(reference: Cohort, generated: Cohort, out: Path, **_: object) -> Features:
    """Leave the cohorts as they are."""
    return Features(reference, generated)


def test_every_image_has_a_checksum_that_verify_looks_at(run_folder, tmp_path):
    lines = (run_folder / "images.sha256").read_text().splitlines()
    images = sorted(run_folder.parent.rglob("*_T1w.nii.gz"))
    assert sorted(Path(line.partition("  ")[2]) for line in lines) == images
    n_files, problems = verify(run_folder)
    assert (n_files > len(images), problems) == (True, [])
    moved = tmp_path / "away.nii.gz"
    images[0].rename(moved)
    try:
        assert verify(run_folder) == (n_files, [f"{images[0]}: this image is missing"])
    finally:
        moved.rename(images[0])


def test_measures_of_both_cohorts_are_in_the_run_folder(run_folder):
    measures = read_table(run_folder / "tables" / "measures.tsv", MEASURES)
    assert measures.groupby("cohort")["participant_id"].nunique().tolist() == [N, N]
    assert set(measures.loc[measures["metric"] == "fber", "status"]) == {"not_applicable"}
    names = read_table(run_folder / "tables" / "measure_names.tsv", MEASURE_NAMES)
    assert not names["name"].duplicated().any()
    assert set(measures["metric"]) == set(names["metric"])
    assert names["judged"].any()
    assert not names["judged"].all()


def test_question_seven_sees_the_blur(run_folder):
    card = json.loads((run_folder / "scorecard.json").read_text())
    question = card["questions"][6]
    assert question["verdict"] == "fail"
    results = pd.read_csv(run_folder / "tables" / "results.tsv", sep="\t")
    rows = results[(results["analysis"] == "quality") & (results["quantity"] == "quality_d")]
    d = rows.set_index("structure")["estimate"]
    assert d["fwhm_mean"] > 2
    assert d["fine_detail"] < -2
    assert "fber" not in d
    notes = pd.read_csv(run_folder / "tables" / "notes.tsv", sep="\t")
    left_out = notes.loc[notes["message"].str.contains("left out"), "message"].str.cat()
    assert "fber, qi1, qi2, snr_dietrich_wm" in left_out
    assert f"missing in {N} of {N} images, for example: the image is stripped to the brain" in left_out


def test_pictures_are_chosen_by_rule_and_stand_in_the_page(run_folder):
    table = read_table(run_folder / "tables" / "slices.tsv", SLICES)
    assert table.groupby("pair")["cohort"].agg(list).map(tuple).unique().tolist() == [
        ("generated", "reference")
    ]
    assert {(0, "random"), (2, "worst"), (2, "typical"), (7, "worst"), (7, "typical")} == set(
        zip(table["question"], table["group"], strict=True)
    )
    for _, pair in table.groupby("pair"):
        assert pair["sex"].nunique() == 1
        assert np.ptp(pair["age"]) < 20
    real = table[table["cohort"] == "reference"]
    assert not real.duplicated(["question", "group", "participant_id"]).any()
    pictures = [run_folder / "slices" / name for name in table["file"]]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    html = (run_folder / "report.html").read_text()
    outlines = list((run_folder / "slices").glob(f"*{OUTLINES}"))
    assert len(outlines) == len(pictures)
    assert html.count("<img") == len(pictures) + len(outlines)
    assert len(html.encode()) < 15_000_000
    volumes = table[table["volume"].fillna("") != ""]
    assert volumes["group"].tolist() == ["worst", "worst", "typical", "typical"]
    assert set(volumes["question"]) == {2}
    assert all((run_folder / "slices" / name).is_file() for name in volumes["volume"])
    assert html.count("data-volume=") == len(volumes)
    cases = read_table(run_folder / "tables" / "cases.tsv", CASES)
    own = cases[(cases["question"] == 7) & (cases["cohort"] == "generated")]
    worst = table[(table["question"] == 7) & (table["group"] == "worst") & (table["cohort"] == "generated")]
    assert worst["participant_id"].iloc[0] == own.sort_values("score")["participant_id"].iloc[-1]


def test_what_was_measured_is_part_of_the_protocol(run_folder):
    record = json.loads((run_folder / "run.json").read_text())
    assert record["protocol"]["image_quality"]["voxel_mm"] == VOXEL_MM
    assert record["protocol"]["image_quality"]["measures"]["cjv"] == 1


def test_a_run_on_tables_alone_leaves_no_measures_behind(run_folder, tables, tmp_path):
    again = RunConfig(
        reference=Source(path=tables["reference"]), generated=Source(path=tables["generated"]),
        out=run_folder, settings=SETTINGS,
    )  # fmt: skip
    record = (run_folder / "tables" / "measures.tsv").read_bytes()
    pipeline.run(again)
    assert not (run_folder / "tables" / "measures.tsv").exists()
    (run_folder / "tables" / "measures.tsv").write_bytes(record)


class TestWhichFiles:
    def test_labels_beside_images(self, run_folder):
        cohort = read_cohort(run_folder.parent / "reference")
        images, labels = image_and_label_files(cohort, run_folder / "segmented" / "reference")
        assert images == cohort.images
        assert [path.name for path in labels] == [p.name.replace("T1w", "dseg") for p in images]

    def test_a_segmented_folder_names_its_images_and_may_have_moved(self, run_folder, tmp_path):
        cohort = read_cohort(run_folder.parent / "reference").select([0, 1, 2])
        key = "ab" + "0" * 62
        stored = tmp_path / "store" / key[:2] / f"{key}.nii.gz"
        stored.parent.mkdir(parents=True)
        stored.write_bytes(b"labels")
        rows = pd.DataFrame(
            {
                "participant_id": cohort.subjects["participant_id"],
                "labels": [f"/somewhere/else/{key}.nii.gz", str(stored), "n/a"],
                "image": [str(path) for path in cohort.images],
            }
        )
        rows.iloc[::-1].to_csv(tmp_path / "segmentation.tsv", sep="\t", index=False)
        segmented = replace(cohort, images=None, source=tmp_path)
        images, labels = image_and_label_files(segmented, tmp_path / "none")
        assert images == cohort.images
        assert labels == (stored, stored, None)

    def test_images_without_labels_are_none(self, run_folder, tmp_path):
        cohort = read_cohort(run_folder.parent / "reference")
        elsewhere = type(cohort)(
            cohort.name, cohort.subjects, images=tuple(tmp_path / "x.nii.gz" for _ in cohort.images)
        )
        assert image_and_label_files(elsewhere, tmp_path) is None
