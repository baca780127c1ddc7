"""The same images on a Dask cluster give the same tables, and its faults end in a row or a sentence."""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import Future
from unittest.mock import Mock

import pandas as pd
import pytest

from plausibrain.cohorts.dask_workers import DaskWorkers
from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.cohorts.processes import spread
from plausibrain.cohorts.store import Store
from plausibrain.evaluation.diversity.pair_table import pair_table
from plausibrain.evaluation.image_job import visit_images
from plausibrain.evaluation.image_source import Source
from plausibrain.evaluation.measure_cohort import measured_cohort
from plausibrain.evaluation.segment_cohort import segmented_cohort
from plausibrain.executors import executor_of, read_cluster
from tests.unit.cohorts.test_processes import named, square
from tests.unit.evaluation_diversity.test_pair_table import GRID_MM, balls, table  # noqa: F401 - fixtures
from tests.unit.evaluation_segmenters.test_image_job import (  # noqa: F401 - fixtures
    VOXEL_MM,
    chosen,
    cohort,
    steps,
    visit,
)

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*:UserWarning:distributed"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Two workers, as somebody else would have started them; a job that kills one is not given to another."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, protocol="tcp", silence_logs=50
        ) as cluster,
    ):
        yield cluster.scheduler_address


def own_id(_: int) -> int:
    return os.getpid()


def die_of_three(number: int) -> int:
    if number == 3:
        os._exit(3)
    return number


def refuse(number: int) -> int:
    raise DataError(f"no such segmenter {number}")


def test_one_process_and_a_cluster_give_identical_tables(address, cohort, chosen, tmp_path):  # noqa: F811
    found = {}
    for place in ("alone", "cluster"):
        wanted = steps(cohort, tmp_path / place, chosen)
        if place == "cluster":
            with executor_of("dask", scheduler=address):
                records = visit(cohort, wanted)
        else:
            records = visit(cohort, wanted)
        result = segmented_cohort(cohort, records, "precomputed")
        found[place] = (
            result.cohort.volumes, measured_cohort(result.cohort, records).table,
            pd.Series({row: record.vectors.keys for row, record in records.items()}).sort_index(),
            [path.read_bytes() for path in sorted((tmp_path / place / "extracted").rglob("*.npy"))],
        )  # fmt: skip
    pd.testing.assert_frame_equal(found["cluster"][0], found["alone"][0])
    pd.testing.assert_frame_equal(found["cluster"][1], found["alone"][1])
    pd.testing.assert_series_equal(found["cluster"][2], found["alone"][2])
    assert found["cluster"][3] == found["alone"][3]
    assert len(found["alone"][3]) == len(cohort)


def test_pairs_are_compared_on_the_cluster(address, balls, table, tmp_path, monkeypatch):  # noqa: F811
    own, sources, _ = balls
    with executor_of("dask", scheduler=address), monkeypatch.context() as patch:
        patch.setattr(Source, "brain", None)  # no image is opened in this process
        found = pair_table(own, sources, store=Store(tmp_path), voxel_mm=GRID_MM, n_pairs=3)
    pd.testing.assert_frame_equal(found, table)


def tables_of(own, records, folder):
    """Volumes, measures and vectors of a cohort whose images were visited."""
    result = segmented_cohort(own, records, "precomputed")
    measures = measured_cohort(result.cohort, records).table
    vectors = [path.read_bytes() for path in sorted((folder / "extracted").rglob("*.npy"))]
    return result.cohort.volumes, measures, vectors


def test_a_run_that_lost_its_cluster_is_finished_on_another(address, cohort, chosen, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr("plausibrain.executors.ANSWER_SECONDS", 3)
    wanted, finished = steps(cohort, tmp_path / "cluster", chosen), {}
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, protocol="tcp", silence_logs=50
    )

    def interrupted() -> None:
        with executor_of("dask", scheduler=cluster.scheduler_address):
            for row, record in visit_images(cohort.images, (None,) * len(cohort), wanted):
                finished[row] = record
                cluster.close()

    with pytest.raises(ToolError, match="the Dask scheduler was lost"):
        interrupted()
    assert len(finished) == 1, "one worker, and the cluster was closed when it had done one image"
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "cluster").rglob("*") if path.is_file()}
    with executor_of("dask", scheduler=address):
        records = visit(cohort, wanted)
    assert {path: path.stat().st_mtime_ns for path in written} == written, "nothing is done again"
    assert {row for row, record in records.items() if not record.fresh} >= set(finished)
    assert records[len(cohort) - 1].fresh, "the last image was not begun on the first cluster"
    found = tables_of(cohort, records, tmp_path / "cluster")
    alone = visit(cohort, steps(cohort, tmp_path / "alone", chosen))
    expected = tables_of(cohort, alone, tmp_path / "alone")
    pd.testing.assert_frame_equal(found[0], expected[0])
    pd.testing.assert_frame_equal(found[1], expected[1])
    assert found[2] == expected[2]
    assert len(found[2]) == len(cohort)


def test_jobs_run_on_the_cluster_and_an_error_comes_back(address):
    with executor_of("dask", scheduler=address):
        found = dict(spread(own_id, range(6), 1))
        assert dict(spread(square, [3], 1)) == {3: 9}
        with pytest.raises(DataError, match="no such segmenter 1"):
            list(spread(refuse, [1], 1, failure=named))
    assert os.getpid() not in found.values()
    assert len(set(found.values())) == 2
    assert os.getpid() in dict(spread(own_id, [1, 2], 1)).values(), "after the block work is done here again"


def test_a_job_that_kills_every_worker_is_one_failure(address):
    with executor_of("dask", scheduler=address):
        found = dict(spread(die_of_three, [1, 2, 3, 4], 1, failure=named))
    assert {job: result for job, result in found.items() if job != 3} == {1: 1, 2: 2, 4: 4}
    assert "the process that worked on it died" in found[3]


def test_a_lost_scheduler_is_a_sentence(monkeypatch):
    monkeypatch.setattr("plausibrain.executors.ANSWER_SECONDS", 3)
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, protocol="tcp", silence_logs=50
    )

    def work() -> None:
        with executor_of("dask", scheduler=cluster.scheduler_address):
            for number, _ in enumerate(spread(own_id, range(1000), 1)):
                if number == 2:
                    cluster.close()

    with pytest.raises(ToolError, match="the Dask scheduler was lost"):
        work()


class _Lost:
    """A result whose worker ended before it was fetched, as distributed knows it then."""

    status = "lost"

    async def _result(self, raiseit: bool = True) -> int:
        return 4


def test_a_result_that_is_lost_on_the_way_counts_as_a_process_that_died():
    """distributed fails itself there: it unpacks the number 4 as an exception."""
    answer: Future = Future()

    async def fetch() -> None:
        await distributed.cfexecutor._cascade_future(_Lost(), answer)

    asyncio.run(fetch())
    assert DaskWorkers(Mock()).has_died(answer.exception())
    assert not DaskWorkers(Mock()).has_died(TypeError("of the work"))
    assert not DaskWorkers(Mock()).has_died(None)


def test_a_type_error_of_the_work_is_its_own(address):
    with executor_of("dask", scheduler=address), pytest.raises(TypeError, match="multiply sequence"):
        list(spread(square, ["a"], 1))


def test_where_to_work_must_be_said_in_one_way(tmp_path):
    with pytest.raises(DataError, match="expected processes or dask"), executor_of("threads"):
        pass
    with pytest.raises(DataError, match="either --scheduler ADDRESS or --cluster"), executor_of("dask"):
        pass
    with pytest.raises(DataError, match="are for --executor dask"), executor_of(scheduler="tcp://x:1"):
        pass
    file = tmp_path / "cluster.yaml"
    file.write_text("kind: slurm\nworkers: 8\noptions: {queue: gpu, memory: 16GB}\n")
    assert read_cluster(file).options["queue"] == "gpu"
    file.write_text("kind: pbs\n")
    with pytest.raises(DataError, match="kind: string should match pattern"):
        read_cluster(file)
    with pytest.raises(DataError, match="no such file"):
        read_cluster(tmp_path / "none.yaml")
