"""The output of each generator goes through one command to a report, whether or not it states ages and sexes.

Segmentation is not what is tested, so label maps are given; the reference is a table of the same structures.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.bids import bids_id
from plausibrain.cohorts.import_images import plan_import
from plausibrain.cohorts.import_recipe import read_recipe
from plausibrain.cohorts.volumes import LabelMap, write_label_map
from plausibrain.evaluation.segmenters.precomputed import measure_label_map
from tests.integration.conftest import Command
from tests.integration.generators.writers import WRITERS
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels

MM, N = 4.0, 12
STATES_AGES = ("monai_bundle", "brlp")


def head(number: int) -> np.ndarray:
    return make_image(MM, seed=number).data


def reference(folder: Path) -> Path:
    """A table of fourteen subjects whose heads are about those of the images."""
    rng = np.random.default_rng(0)
    volumes = measure_label_map(make_labels(MM))
    rows = pd.DataFrame(
        [{name: mm3 * (1 + 0.03 * rng.normal()) for name, mm3 in volumes.items()} for _ in range(14)]
    )
    people = pd.DataFrame(
        {
            "participant_id": [f"r{i:02d}" for i in range(14)],
            "age": 45.0 + 2 * np.arange(14),
            "sex": list("MF") * 7,
        }
    )
    pd.concat([people, rows], axis=1).to_csv(folder / "reference.csv", index=False)
    return folder / "reference.csv"


def labels(folder: Path, made: Path, preset: str, grid: dict[str, object]) -> Path:
    plan = plan_import(made, read_recipe(preset, grid))
    whole = make_labels(MM)
    (folder / "maps").mkdir()
    for n, name in enumerate(plan.subjects["participant_id"]):
        rng = np.random.default_rng(n)
        kept = 1 - 0.06 * rng.random(whole.data.max() + 1)  # every structure of every head has its own size
        data = np.where(rng.random(whole.shape) < kept[whole.data], whole.data, 0)
        target = folder / "maps" / f"{bids_id(str(name))}_dseg.nii.gz"
        write_label_map(LabelMap(data, whole.affine), target)
    return folder / "maps"


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("preset", WRITERS)
def test_a_folder_of_a_generator_becomes_a_report(preset: str, tmp_path: Path, command: Command) -> None:
    write, needs_grid = WRITERS[preset]
    made, out = tmp_path / "made", tmp_path / "run"
    write(made, head, N, MM)
    grid: dict[str, object] = {"voxel": (MM, MM, MM), "orientation": "LAS"}
    if preset != "monai_bundle_port":
        grid = {"voxel": (MM, MM, MM), "orientation": "RAS"} if needs_grid else {}
    stated = ["--voxel", f"{MM},{MM},{MM}", "--orientation", grid["orientation"]] if grid else []
    config = tmp_path / "quick.yaml"
    config.write_text(
        f"reference: {{path: {reference(tmp_path)}, segmenter: precomputed}}\n"
        f"generated: {{path: {made}, segmenter: precomputed, segmenter_options: "
        f"{{labels: {labels(tmp_path, made, preset, grid)}}}}}\nout: {out}\n"
        "settings: {n_resamples: 100, n_splits: 20, wasabi_repeats: 10}\nimages: {n_pairs: 0}\n"
    )
    outcome = command("run", config, "--preset", preset, *stated, "--quiet")
    assert outcome.code == 0, outcome.err
    subjects = pd.read_csv(out / "tables/subjects.tsv", sep="\t").query("cohort == 'generated'")
    assert (subjects["status"] == "ok").all()
    assert subjects["age"].notna().all() == (preset in STATES_AGES)
    notes = pd.read_csv(out / "tables/notes.tsv", sep="\t")
    assert notes["message"].str.contains("assumed at import").any()
    card = json.loads((out / "scorecard.json").read_text(encoding="utf-8"))
    assert any(h["status"] == "ok" for h in card["questions"][2]["headlines"])
    assert (out / "report.html").is_file()
