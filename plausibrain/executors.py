"""Where images are worked on: processes of this machine, or a Dask cluster, running or started for it."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.cohorts.text_files import read_yaml
from plausibrain.config import describe

EXECUTORS = ("processes", "dask")
#: How long a scheduler that does not answer, at first or later, is waited for.
ANSWER_SECONDS = 30


class Cluster(BaseModel):
    """A cluster that a run starts for itself and ends with itself.

    Attributes
    ----------
    kind : str
        ``local`` (`distributed.LocalCluster`) or ``slurm`` (`dask_jobqueue.SLURMCluster`).
    workers : int
        Processes of a local cluster, or jobs of SLURM.
    options : mapping
        Of the class, such as ``queue``, ``memory``, ``walltime`` and ``job_extra_directives`` of SLURM.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field("local", pattern="^(local|slurm)$")
    workers: int = Field(2, ge=1)
    options: dict[str, Any] = Field(default_factory=dict)


@contextmanager
def executor_of(
    name: str = "processes", *, scheduler: str | None = None, cluster: Path | None = None
) -> Iterator[None]:
    """Let the block work on images where it is told to.

    Parameters
    ----------
    name : str
        ``processes`` or ``dask``.
    scheduler : str, optional
        Address of a Dask scheduler, as ``tcp://node:8786``.
    cluster : Path, optional
        YAML file of a `Cluster` to start instead.

    Raises
    ------
    DataError
        For another name, or with ``dask`` neither an address nor a file, or both.
    ToolError
        When Dask is not installed, or the scheduler does not answer.
    """
    if name not in EXECUTORS:
        raise DataError(f"executor {name!r}: expected {' or '.join(EXECUTORS)}")
    if name == "processes":
        if scheduler or cluster:
            raise DataError("--scheduler and --cluster are for --executor dask; give that too")
        yield
        return
    if (scheduler is None) == (cluster is None):
        raise DataError("--executor dask needs either --scheduler ADDRESS or --cluster FILE.yaml")
    with _client(scheduler, cluster) as client:
        from plausibrain.cohorts.dask_workers import dask_workers

        with dask_workers(client):
            yield


@contextmanager
def _client(scheduler: str | None, cluster: Path | None) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError as error:
        raise ToolError("a Dask cluster needs dask: `pip install plausibrain[dask]`") from error
    with _start(read_cluster(cluster)) if cluster is not None else nullcontext(scheduler) as address:
        try:
            client = Client(address, timeout=ANSWER_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            raise ToolError(
                f"no Dask scheduler answers at {address} ({error}); start it, or correct it"
            ) from error
        with client:
            yield client


def _start(plan: Cluster) -> Any:
    if plan.kind == "local":
        from distributed import LocalCluster

        return LocalCluster(
            n_workers=plan.workers, threads_per_worker=1, dashboard_address=None, **plan.options
        )
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise ToolError("a SLURM cluster needs dask-jobqueue: `pip install plausibrain[slurm]`") from error
    cluster = SLURMCluster(**{"cores": 1, "processes": 1, **plan.options})
    cluster.scale(jobs=plan.workers)
    return cluster


def read_cluster(path: Path) -> Cluster:
    """Read a cluster from YAML.

    Raises
    ------
    DataError
        When the file is missing or a field is unknown or wrong.
    """
    try:
        content = read_yaml(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; give a YAML file with kind, workers and options") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected the fields kind, workers and options")
    try:
        return Cluster.model_validate(content)
    except ValidationError as error:
        raise DataError(f"{path}: {describe(error)}") from error
