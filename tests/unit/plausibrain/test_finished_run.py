"""A finished run is replaced only by the same run, or when that is asked for; a forecast writes nothing."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from plausibrain.cohorts.cohort import write_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.config import RunConfig
from plausibrain.finished_run import differences, finished_run, require_same_or_overwrite
from plausibrain.flags import uses_gpu
from plausibrain.forecast import ANALYSIS_SECONDS, forecast
from plausibrain.provenance import describe_cohort
from tests.unit.analysis.factory import normal_cohort


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    for role, seed in (("reference", 1), ("generated", 2)):
        write_cohort(normal_cohort(30, seed, name=role), tmp_path / role)
    paths = {role: {"path": tmp_path / role} for role in ("reference", "generated")}
    return RunConfig.model_validate({**paths, "out": tmp_path / "run"})


@pytest.fixture
def finished(config: RunConfig) -> RunConfig:
    config.out.mkdir()
    record = {"config": config.model_dump(mode="json")}
    for role in ("reference", "generated"):
        record[role] = describe_cohort(getattr(config, role).read(role))
    (config.out / "run.json").write_text(json.dumps(record))
    (config.out / "scorecard.json").write_text("{}")
    return config


def changed(config: RunConfig, **fields: object) -> RunConfig:
    return RunConfig.model_validate(config.model_dump() | fields)


def test_the_same_run_may_be_repeated_under_another_title(finished: RunConfig) -> None:
    require_same_or_overwrite(finished, overwrite=False)
    require_same_or_overwrite(changed(finished, name="Another title"), overwrite=False)


def test_an_unfinished_folder_is_free(config: RunConfig) -> None:
    require_same_or_overwrite(config, overwrite=False)
    config.out.mkdir()
    (config.out / "run.json").write_text("{ broken")
    require_same_or_overwrite(config, overwrite=False)


def test_other_settings_ask_for_overwrite(finished: RunConfig) -> None:
    other = changed(finished, settings={"margin": 0.3})
    with pytest.raises(DataError, match=r"differs in settings; add --overwrite"):
        require_same_or_overwrite(other, overwrite=False)
    require_same_or_overwrite(other, overwrite=True)


def test_other_rows_under_the_same_path_ask_for_overwrite(finished: RunConfig) -> None:
    table = finished.generated.path / "derivatives" / "truth" / "volumes.tsv"
    rows = pd.read_csv(table, sep="\t")
    rows.iloc[0, 1:] *= 1.01
    rows.to_csv(table, sep="\t", index=False)
    record = finished_run(finished.out)
    assert record is not None
    assert differences(record, finished) == ["generated"]


def test_a_forecast_of_tables_is_the_analysis_alone(config: RunConfig) -> None:
    cost = forecast(config, n_processes=2)
    assert [(step.name, step.images) for step in cost.steps] == [("analyse and report", 0)]
    assert cost.seconds == pytest.approx(ANALYSIS_SECONDS)
    assert "Nothing was written" in cost.text
    assert not config.out.exists()


def test_a_forecast_grows_with_the_images_to_sample(config: RunConfig) -> None:
    fields = config.model_dump() | {"generated": None}
    few, many = (
        forecast(RunConfig.model_validate(fields | {"generator": {"model": "ldm", "n": n}}), n_processes=1)
        for n in (20, 200)
    )
    assert few.steps[0].images == 20
    assert many.seconds - ANALYSIS_SECONDS == pytest.approx(10 * (few.seconds - ANALYSIS_SECONDS))
    assert many.as_dict()["bytes"] == many.bytes > few.bytes


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"generator": {"model": "nobody"}}, "nobody"),
        ({"generator": {"model": "ldm", "checkpoint": "missing"}}, "missing"),
        ({"generator": {"model": "ldm", "conditions": "missing.tsv"}}, r"missing\.tsv"),
        ({"independent": {"path": "missing.csv"}}, r"missing\.csv"),
    ],
)
def test_a_forecast_reads_all_that_the_run_will_read(
    fields: dict[str, Any], match: str, config: RunConfig
) -> None:
    others = {"generated": None} if "generator" in fields else {}
    planned = RunConfig.model_validate(config.model_dump() | others | fields)
    with pytest.raises(DataError, match=match):
        forecast(planned, n_processes=1)


def test_a_forecast_refuses_images_that_cannot_be_segmented(config: RunConfig, tmp_path: Path) -> None:
    rows = pd.DataFrame({"participant_id": [f"sub-{k}" for k in range(12)], "age": 50.0, "sex": "F"})
    rows.to_csv(tmp_path / "participants.tsv", sep="\t", index=False)
    bare = {"path": tmp_path, "segmenter": "nobody"}
    planned = RunConfig.model_validate(config.model_dump() | {"generated": bare})
    with pytest.raises(DataError, match=r"generated cohort .*: no volumes"):
        forecast(planned, n_processes=1)
    for name in rows["participant_id"]:
        (tmp_path / f"{name}_T1w.nii.gz").touch()
    with pytest.raises(DataError, match="no 'nobody' among the segmenters"):
        forecast(planned, n_processes=1)


def test_a_forecast_counts_the_rows_of_the_table_of_conditions(config: RunConfig, tmp_path: Path) -> None:
    rows = pd.DataFrame({"participant_id": list("abc"), "age": 50.0, "sex": "F"})
    rows.to_csv(tmp_path / "table.tsv", sep="\t", index=False)
    generator = {"model": "ldm", "conditions": tmp_path / "table.tsv"}
    planned = RunConfig.model_validate(config.model_dump() | {"generated": None, "generator": generator})
    assert forecast(planned, n_processes=1).steps[0].images == 3


def test_a_run_with_a_generator_may_be_repeated(config: RunConfig) -> None:
    own = {"generated": None, "generator": {"model": "ldm", "n": 10}}
    asked = RunConfig.model_validate(config.model_dump() | own)
    asked.out.mkdir()
    moved = describe_cohort(normal_cohort(30, 9, name="on the grid of the model"))
    record = {"config": asked.model_dump(mode="json"), "reference": moved, "generated": moved}
    (asked.out / "run.json").write_text(json.dumps(record))
    (asked.out / "scorecard.json").write_text("{}")
    require_same_or_overwrite(asked, overwrite=False)
    other = RunConfig.model_validate(asked.model_dump() | {"generator": {"model": "ldm", "n": 11}})
    with pytest.raises(DataError, match="generator"):
        require_same_or_overwrite(other, overwrite=False)


def test_a_forecast_for_a_gpu_moves_the_networks_there(config: RunConfig) -> None:
    fields = config.model_dump() | {"generated": None, "generator": {"model": "ldm", "n": 100}}
    planned = RunConfig.model_validate(fields)
    plain, fast = (forecast(planned, n_processes=1, gpu=gpu) for gpu in (False, True))
    steps = {step.name.split()[0]: (step, other) for step, other in zip(plain.steps, fast.steps, strict=True)}
    sample, on_gpu = steps["sample"]
    assert on_gpu.core_seconds == 0
    assert 0 < on_gpu.gpu_seconds < sample.core_seconds
    segment, on_gpu = steps["segment"]
    assert 0 < on_gpu.core_seconds < segment.core_seconds
    assert steps["measure"][0] == steps["measure"][1]
    assert fast.seconds < plain.seconds / 3
    assert fast.seconds == pytest.approx(sum(s.core_seconds + s.gpu_seconds for s in fast.steps))
    assert "and one GPU" in fast.text
    assert "GPU" not in plain.text
    assert fast.as_dict()["gpu"] is True


def test_a_gpu_that_is_named_is_forecast_where_there_is_none() -> None:
    assert uses_gpu("cuda:1")
    assert not uses_gpu("cpu")
