"""`plausibrain complexity`: from label maps and the results of a run to an association."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from plausibrain.analysis.settings import Settings
from plausibrain.cli import app
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.schemas import COMPLEXITY, GEOMETRY, RESULTS
from plausibrain.cohorts.structures import names, structure
from plausibrain.cohorts.tables import read_table, write_table
from plausibrain.cohorts.typical_geometry import typical_geometry
from plausibrain.cohorts.volumes import LabelMap, write_label_map
from plausibrain.complexity import complexity, complexity_of_run, mean_geometry

PARCELS = names("dk")


def one_subject() -> pd.DataFrame:
    return pd.DataFrame({"participant_id": ["a"], "subject": ["a"], "age": 50.0, "sex": "F", "status": "ok"})


def run_with(tmp_path: Path, errors: np.ndarray, parcels=PARCELS) -> Path:
    table = pd.DataFrame({"structure": list(parcels), "estimate": errors}).assign(
        question=2, analysis="size", quantity="adjusted_d", stratum="all", headsize="covariate",
        cohort="difference", unit="SD", status="ok",
    )  # fmt: skip
    table = table.reindex(columns=[column.name for column in RESULTS.columns])
    folder = tmp_path / "run"
    write_table(table, folder / "tables" / "results.tsv", RESULTS)
    return folder


def geometry_file(tmp_path: Path, values: np.ndarray) -> Path:
    table = pd.DataFrame(
        {
            "structure": list(PARCELS),
            "fractal_dimension": values,
            "gyrification": values,
            "n": 3,
            "source": "",
        }
    )
    return write_table(table, tmp_path / "geometry.tsv", GEOMETRY)


def test_errors_that_follow_complexity_are_reported(tmp_path):
    values = np.random.default_rng(0).uniform(2.1, 2.6, 68)
    run, geometry = run_with(tmp_path, values - 2), geometry_file(tmp_path, values)
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["complexity", str(run), str(geometry), "--out", str(out), "--quiet"])
    assert result.exit_code == 0, result.output
    assert "rho +1.00, p 0.0001 (68 parcels), fail" in result.stdout
    table = read_table(out / "complexity.tsv", COMPLEXITY)
    assert table.set_index(["measure", "error"]).loc[("gyrification", "adjusted_d"), "rho"] == pytest.approx(
        1.0
    )


def test_runs_without_parcels_are_refused_with_the_remedy(tmp_path):
    run = run_with(tmp_path, np.zeros(2), ("Left-Thalamus", "Right-Thalamus"))
    with pytest.raises(DataError, match="parcellates the cortex"):
        complexity(run, geometry_file(tmp_path, np.zeros(68)), tmp_path, most=1, headsize="covariate")


@pytest.mark.parametrize(
    ("structures", "headsize", "match"),
    [
        (("Left-Thalamus", "Right-Thalamus"), "covariate", "no cortical parcels"),
        (PARCELS, "tiv", "'none'.*got 'tiv'"),
    ],
)
def test_what_the_run_lacks_is_told_before_geometry_is_measured(
    structures, headsize, match, tmp_path, monkeypatch
):
    def measured(*_args: object, **_options: object) -> None:
        raise AssertionError("geometry takes seconds a subject")

    monkeypatch.setattr("plausibrain.complexity.read_cohort", measured)
    monkeypatch.setattr("plausibrain.complexity.mean_geometry", measured)
    run = run_with(tmp_path, np.arange(float(len(structures))), structures)
    with pytest.raises(DataError, match=match):
        complexity(run, tmp_path, tmp_path, most=1, headsize=headsize)


def test_folders_without_a_run_are_refused(tmp_path):
    with pytest.raises(DataError, match="no run folder"):
        complexity(tmp_path, tmp_path, tmp_path, most=1, headsize="covariate")


def test_geometry_is_the_mean_over_label_maps(tmp_path):
    i, j, k = np.indices((40, 40, 40)) - 19.5
    radius = np.sqrt(i**2 + j**2 + k**2)
    paths = []
    for number, name in enumerate(("ctx-lh-precuneus", "ctx-lh-precuneus", "ctx-lh-lingual")):
        labels = np.where(radius <= 13, 2, np.where(radius < 16, structure(name).index, 0))
        paths.append(tmp_path / f"{number}_dseg.nii.gz")
        write_label_map(LabelMap(labels, np.eye(4)), paths[-1])
    subjects = pd.DataFrame(
        {
            "participant_id": list("abc"),
            "subject": list("abc"),
            "age": 50.0,
            "sex": "F",
            "status": "ok",
            "reason": "",
        }
    )
    cohort = Cohort(name="c", subjects=subjects, images=tuple(paths), labels=tuple(paths), source=tmp_path)
    store = tmp_path / "store"
    table = mean_geometry(cohort, folder=store, most=3).set_index("structure")
    assert table["n"].to_dict() == {"ctx-lh-precuneus": 2, "ctx-lh-lingual": 1}
    assert table.loc["ctx-lh-precuneus", "gyrification"] == pytest.approx(1.0, abs=0.02)
    assert len(mean_geometry(cohort, folder=store, most=1)) == 1


def test_a_folder_that_was_segmented_has_label_maps(tmp_path):
    """`plausibrain complexity RUN SEGMENTED` reads such a folder as a table; its record names label maps."""
    data = np.zeros((20, 20, 20))
    data[5:15, 5:15, 5:13] = 2
    data[5:15, 5:15, 13:15] = structure("ctx-lh-precuneus").index
    write_label_map(LabelMap(data, np.eye(4)), tmp_path / "a_dseg.nii.gz")
    (tmp_path / "a_T1w.nii.gz").touch()
    record = {"participant_id": ["a"], "image": ["a_T1w.nii.gz"], "labels": ["a_dseg.nii.gz"]}
    pd.DataFrame(record).to_csv(tmp_path / "segmentation.tsv", sep="\t", index=False)
    cohort = Cohort(name="c", subjects=one_subject(), source=tmp_path)
    table = mean_geometry(cohort, folder=tmp_path / "store", most=1)
    assert table["structure"].tolist() == ["ctx-lh-precuneus"]


def test_geometry_that_was_measured_is_read_from_the_store(tmp_path, monkeypatch):
    data = np.zeros((20, 20, 20))
    data[5:15, 5:15, 5:15] = 2
    data[5:15, 5:15, 13:15] = structure("ctx-lh-precuneus").index
    path = tmp_path / "a_dseg.nii.gz"
    write_label_map(LabelMap(data, np.eye(4)), path)
    subjects = pd.DataFrame(
        {"participant_id": ["a"], "subject": ["a"], "age": 50.0, "sex": "F", "status": "ok"}
    )
    cohort = Cohort(name="c", subjects=subjects, images=(path,), labels=(path,), source=tmp_path)
    first = mean_geometry(cohort, folder=tmp_path / "store", most=1)
    monkeypatch.setattr("plausibrain.evaluation.cortical_geometry.cortical_geometry", None)
    pd.testing.assert_frame_equal(mean_geometry(cohort, folder=tmp_path / "store", most=1), first)


def test_runs_take_the_typical_geometry_where_there_are_no_label_maps(tmp_path):
    typical = typical_geometry()
    errors = typical.set_index("structure")["fractal_dimension"].reindex(PARCELS).to_numpy() - 1
    results = read_table(run_with(tmp_path, errors) / "tables" / "results.tsv", RESULTS)
    cohort = Cohort(name="c", subjects=one_subject(), source=tmp_path)
    geometry, table = complexity_of_run(
        results, cohort, out=tmp_path, cache=None, most=3, settings=Settings()
    )
    assert set(geometry["source"]) == {"typical"}
    assert table["rho"].iloc[0] == pytest.approx(1.0)
    assert set(table["verdict"]) == {"fail", "inconclusive", "not measured"}


def test_cohorts_without_label_maps_are_refused(tmp_path):
    subjects = pd.DataFrame(
        {"participant_id": ["a"], "subject": ["a"], "age": 50.0, "sex": "F", "status": "ok"}
    )
    with pytest.raises(DataError, match="no label maps"):
        mean_geometry(Cohort(name="c", subjects=subjects, source=tmp_path), folder=tmp_path, most=1)


def test_runs_measure_the_label_maps_of_their_reference(tmp_path):
    data = np.zeros((20, 20, 20))
    data[5:15, 5:15, 5:13] = 2
    data[5:15, 5:15, 13:15] = structure("ctx-lh-precuneus").index
    path = tmp_path / "a_dseg.nii.gz"
    write_label_map(LabelMap(data, np.eye(4)), path)
    cohort = Cohort(name="c", subjects=one_subject(), images=(path,), labels=(path,), source=tmp_path)
    results = read_table(run_with(tmp_path, np.arange(68.0)) / "tables" / "results.tsv", RESULTS)
    run = {"out": tmp_path, "cache": None, "settings": Settings()}
    geometry, table = complexity_of_run(results, cohort, most=3, **run)
    assert geometry["source"].tolist() == ["reference"]
    assert set(table["verdict"]) == {"not measured"}  # one parcel
    none, _ = complexity_of_run(results, cohort, most=0, **run)
    assert set(none["source"]) == {"typical"}
