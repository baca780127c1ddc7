"""`plausibrain curate`: the ranking of a run, the share that is kept, and what it says about it."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from plausibrain.analysis.analyse import analyse
from plausibrain.analysis.settings import Settings
from plausibrain.cli import app
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.schemas import CURATION
from plausibrain.cohorts.tables import read_table
from plausibrain.curation import curate
from plausibrain.pipeline import record_of, write_run_folder
from tests.unit.analysis.factory import normal_cohort, with_quality, with_volume

N = 40


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory) -> Path:
    reference = with_quality(normal_cohort(60, 1, name="r"), 1)
    generated = with_quality(normal_cohort(N, 2, name="g"), 2)
    volumes = generated.volumes["Brain-Stem"].to_numpy().copy()
    volumes[5] *= 2.0
    generated = with_volume(generated, "Brain-Stem", volumes)
    analysis = analyse(reference, generated, Settings(n_resamples=100, n_splits=20, wasabi_repeats=10))
    folder = tmp_path_factory.mktemp("curation") / "run"
    record = record_of(analysis, reference, generated, name="g", seconds=1.0, config={})
    write_run_folder(folder, analysis, record)
    return folder


def test_the_least_plausible_tenth_is_marked(run_folder, tmp_path):
    line = curate(run_folder, tmp_path / "list.tsv", keep=0.9)
    table = read_table(tmp_path / "list.tsv", CURATION)
    assert table["keep"].tolist() == [1] * 36 + [0] * 4
    assert table["distance"].is_monotonic_increasing
    assert table["rank"].tolist() == list(range(1, N + 1))
    assert table["participant_id"].iloc[-1].endswith("0005-0")
    assert "Brain-Stem" in table["reasons"].iloc[-1]
    assert np.isfinite(table["quality_score"]).all()
    assert set(table["sex"]) == {"M", "F"}
    assert "36 of 40 generated subjects kept" in line
    assert "judge the curated cohort anew" in line


def test_everything_may_be_kept(run_folder, tmp_path):
    assert "all kept" in curate(run_folder, tmp_path / "list.tsv", keep=1.0)
    assert read_table(tmp_path / "list.tsv", CURATION)["keep"].all()


@pytest.mark.parametrize("keep", [0.0, -0.1, 1.1, 90.0])
def test_shares_that_are_none_are_refused(run_folder, tmp_path, keep):
    with pytest.raises(DataError, match="share above 0"):
        curate(run_folder, tmp_path / "list.tsv", keep=keep)


def test_folders_without_a_run_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"no run\.json"):
        curate(tmp_path, tmp_path / "list.tsv", keep=0.9)
    (tmp_path / "run.json").touch()
    with pytest.raises(DataError, match=r"no tables/plausibility\.tsv"):
        curate(tmp_path, tmp_path / "list.tsv", keep=0.9)


def test_the_command_writes_the_list(run_folder, tmp_path):
    out = tmp_path / "list.tsv"
    result = CliRunner().invoke(app, ["curate", str(run_folder), "--keep", "0.5", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "20 of 40" in result.stdout
    assert read_table(out, CURATION)["keep"].sum() == 20
