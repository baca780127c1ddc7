"""The Python interface: from tables in memory to verdicts, figures, a folder and back."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import plausibrain as pb
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.volumes import Volume, write_volume
from plausibrain.generation.demo_cohorts import table_cohort

QUICK = pb.Settings(n_resamples=100, n_splits=20, wasabi_repeats=10)


def frame_of(cohort: Cohort) -> pd.DataFrame:
    return pd.concat([cohort.subjects[["participant_id", "age", "sex"]], cohort.volumes], axis=1)


@pytest.fixture(scope="module")
def result() -> pb.Result:
    cohorts = {}
    for seed, name in enumerate(("reference", "generated")):
        frame = frame_of(table_cohort(60, seed=seed, name=name))
        if name == "generated":
            frame["Left-Hippocampus"] *= 0.7
        cohorts[name] = pb.read_cohort(frame, name=name)
    return pb.evaluate(cohorts["reference"], cohorts["generated"], QUICK, name="<small hippocampus>")


def test_the_interface_is_small_and_importing_it_costs_nothing() -> None:
    assert len(pb.__all__) <= 12
    assert all(getattr(pb, name).__doc__ for name in pb.__all__)
    code = "import plausibrain, sys; print(any(m in sys.modules for m in ('torch', 'pandas', 'matplotlib')))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pb.nothing  # noqa: B018


def test_a_table_in_memory_is_read_like_a_file(tmp_path: Path) -> None:
    frame = frame_of(table_cohort(20, seed=0, name="a"))
    path = tmp_path / "a.tsv"
    frame.to_csv(path, sep="\t", index=False)
    memory, file = pb.read_cohort(frame), pb.read_cohort(path)
    pd.testing.assert_frame_equal(memory.volumes, file.volumes)
    pd.testing.assert_frame_equal(memory.subjects, file.subjects)
    with pytest.raises(DataError, match="sex"):
        pb.read_cohort(frame.assign(sex=[0, 1] * 10))


def test_a_list_of_images_needs_no_table(tmp_path: Path) -> None:
    paths = []
    for k in range(3):
        paths.append(tmp_path / f"seed{k:04d}.nii.gz")
        write_volume(Volume(np.full((4, 4, 4), k + 1.0, np.float32), np.eye(4)), paths[-1])
    assert len(pb.read_cohort(paths).images) == 3
    table = pd.DataFrame({"id": ["seed0002", "seed0000", "seed0001"], "age": [3, 1, 2], "sex": list("FMF")})
    cohort = pb.read_cohort(paths, participants=table)
    assert cohort.subjects["age"].tolist() == [1, 2, 3]
    with pytest.raises(DataError, match="has no row of its own"):
        pb.read_cohort(paths, participants=table.iloc[:2])


def test_results_are_tables(result: pb.Result) -> None:
    assert result.verdict == "fail"
    headlines = result.headlines.set_index("name")
    assert headlines.loc["size_worst", "verdict"] == "fail"
    rows = result.structures.query("analysis == 'size' and quantity == 'adjusted_d' and stratum == 'all'")
    worst = rows.loc[rows["estimate"].abs().idxmax(), "structure"]
    assert worst == "Left-Hippocampus"
    assert len(result.subjects) == 120
    assert len(result.questions) == 10
    assert "<small" not in result._repr_html_()
    assert "60" in result.methods()
    assert result.plot("size_forest")
    with pytest.raises(DataError, match="did you mean 'size_forest'"):
        result.plot("size_forrest")


@pytest.mark.usefixtures("without_figures")
def test_a_saved_result_is_the_same_and_is_compared_and_checked(result: pb.Result, tmp_path: Path) -> None:
    page = result.save(tmp_path / "run")
    assert page.is_file()
    again = pb.load_run(tmp_path / "run")
    assert again.verdict == result.verdict
    pd.testing.assert_series_equal(again.headlines["estimate"], result.headlines["estimate"])
    assert pb.check(again, again).status != "fail"
    result.save(tmp_path / "other")
    tables = pb.compare([again, tmp_path / "other"], tmp_path / "compared")
    assert {"compare", "ranks", "moved"} <= set(tables)


def test_images_without_volumes_are_refused_with_the_remedy() -> None:
    cohort = pb.read_cohort(pd.DataFrame({"id": ["a", "b"], "age": [50, 60], "sex": ["F", "M"]}))
    with pytest.raises(DataError, match=r"has no volumes; call segment\(cohort\)"):
        pb.evaluate(cohort, cohort)


def test_the_example_of_the_readme_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    code = readme.partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("ixi_synthseg.csv", "model_a.csv")):
        frame = frame_of(table_cohort(30, seed=seed, name=name))
        coded = frame["sex"].map({"M": 1, "F": 0}) if seed == 0 else frame["sex"]
        frame.assign(sex=coded).to_csv(name, index=False)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - our own README
    assert (tmp_path / "runs" / "model_a" / "report.html").is_file()
