"""Training and sampling generative models from files: what the commands `train` and `generate` do."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from plausibrain.cohorts.bids import bids_id
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.participants import parse_participants
from plausibrain.cohorts.processes import spread, workers_elsewhere
from plausibrain.cohorts.raw_tables import read_raw_table
from plausibrain.shares import parsed_share

Progress = Callable[[str, int, int], None]
PARTICIPANTS = "participants.tsv"
#: Shares of the images for each process of a cluster: several, so that none waits long for a slow one.
SHARES_PER_WORKER = 3


def train_model(
    cohort: Path,
    out: Path,
    *,
    model: str,
    conditions: Sequence[str] = (),
    steps: Mapping[str, str] | None = None,
    init: Path | None = None,
    sex_coding: str | None = None,
    progress: Progress | None = None,
    **choices: Any,
) -> str:
    """Train a model on a cohort folder; return one line about the checkpoint.

    Parameters
    ----------
    cohort, out : Path
    model : str
    conditions : sequence of str
        Columns of the table of subjects, or structures whose volumes the cohort has; the default four if
        empty.
    steps : mapping of str to str
        Stage to number of steps, as given.
    init : Path, optional
        Folder of the checkpoint to start from, or the name of a model whose checkpoint is in the package.
    sex_coding : str, optional
    progress : callable, optional
    **choices
        Further fields of `plausibrain.generation.training.train.TrainingPlan`.
    """
    from plausibrain.generation.shipped import shipped_checkpoint
    from plausibrain.generation.training.train import TrainingPlan, clock, train
    from plausibrain.reports.training import write_training_page

    if init is not None and not init.is_dir():
        init = shipped_checkpoint(str(init)) or init
    plan = TrainingPlan(model=model, out=out, steps=_whole_numbers(steps or {}), init=init, **choices)
    if conditions:
        plan = replace(plan, conditions=tuple(conditions))
    subjects = read_cohort(cohort, sex_coding=sex_coding, min_subjects=2)
    if subjects.volumes is None and plan.labels is not None:
        subjects = with_measured_volumes(subjects, plan.labels.parent)
    subjects = with_columns(subjects, plan.conditions)
    checkpoint = train(subjects, plan, progress=progress, refresh=write_training_page)
    seconds = sum(stage["seconds"] for stage in checkpoint.facts["stages"].values())
    return f"{out}: {model} trained on {checkpoint.facts['n_trained_on']} images in {clock(seconds)}"


def with_measured_volumes(cohort: Cohort, segmentation: Path) -> Cohort:
    """Return the cohort with the volumes that `plausibrain segment` wrote into a folder, joined by id."""
    measured = read_cohort(segmentation, min_subjects=1)
    if measured.volumes is None:
        return cohort
    by_id = measured.volumes.set_index(measured.subjects["participant_id"].map(_bids_name))
    names = cohort.subjects["participant_id"].map(_bids_name)
    return replace(cohort, volumes=by_id.reindex(names).reset_index(drop=True))


def _bids_name(participant_id: object) -> str:
    return bids_id(str(participant_id))


def with_columns(cohort: Cohort, columns: Sequence[str]) -> Cohort:
    """Return the cohort with further columns of its table, or volumes, added to its subjects.

    A requested volume that nobody has written down is that of the subject's own structures.
    """
    from plausibrain.cohorts.requested_volumes import answer

    subjects = cohort.subjects.copy()
    absent = [name for name in columns if name not in subjects]
    for name in absent:
        if cohort.volumes is not None and name in cohort.volumes:
            subjects[name] = cohort.volumes[name]
    table = cohort.source / PARTICIPANTS
    still = [name for name in absent if name not in subjects]
    if still and table.is_file():
        raw = read_raw_table(table, is_text=lambda name: name == "participant_id").frame
        if "participant_id" in raw:
            by_id = raw.drop_duplicates("participant_id").set_index("participant_id")
            for name in still:
                if name in by_id:
                    subjects[name] = subjects["participant_id"].map(by_id[name])
    for name in absent:
        own = None if cohort.volumes is None else answer(cohort.volumes, name)
        if own is not None and name not in subjects:
            subjects[name] = own
    return replace(cohort, subjects=subjects)


def sample_model(
    out: Path,
    *,
    model: str,
    checkpoint: Path | None,
    conditions: Path | None,
    seed: int,
    new_seeds: bool = False,
    sex_coding: str | None = None,
    share: str = "",
    options: Mapping[str, str] | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Cohort:
    """Draw one image per row of a table of conditions and write the cohort.

    Parameters
    ----------
    out : Path
    model : str
    checkpoint : Path, optional
        Folder of a checkpoint, a bundle, or images.
    conditions : Path or None
        Table, or a cohort folder whose participants are asked for again.
    seed : int
    new_seeds : bool
        Ignore the column ``seed`` of the table.
    sex_coding : str, optional
    share : str
        ``"0/4"``: only every fourth row, from the first.
    options : mapping, optional
        Of the model, as given.
    device : str
        Where it runs, as in `load_model`.
    progress : callable, optional
    """
    from plausibrain.generation.sample_cohort import Share as SampleShare
    from plausibrain.generation.sample_cohort import sample_cohort

    require_model(model)
    if conditions is None:
        raise DataError("say with --conditions which subjects to sample: a table, or a cohort folder")
    if (n_workers := workers_elsewhere()) and not share:
        arguments = {
            "model": model, "checkpoint": checkpoint, "conditions": conditions, "seed": seed,
            "new_seeds": new_seeds, "sex_coding": sex_coding, "options": dict(options or {}),
            "device": device,
        }  # fmt: skip
        _sample_elsewhere(out, n_workers, arguments, progress)
    drawn_by = load_model(model, checkpoint, options or {}, device=device)
    texts = getattr(drawn_by, "columns", ())
    rows = read_conditions(conditions, drawn_by.conditions, texts=texts, sex_coding=sex_coding)
    if new_seeds and "seed" in rows:
        rows = rows.drop(columns="seed")

    def tell(n_done: int, of: int) -> None:
        if progress is not None:
            progress("sampling images", n_done, of)

    part = SampleShare(*parsed_share(share)) if share else None
    return sample_cohort(drawn_by, rows, out, seed=seed, share=part, on_image=tell)


@dataclass(frozen=True)
class ShareJob:
    """One share of the images that a process of a cluster samples."""

    out: Path
    share: str
    arguments: Mapping[str, Any]


def sample_share(job: ShareJob) -> str:
    """Sample one share of the images; runs in a worker process."""
    sample_model(job.out, share=job.share, **job.arguments)
    return job.share


def _sample_elsewhere(
    out: Path, n_workers: int, arguments: Mapping[str, Any], progress: Progress | None
) -> None:
    """Let the processes of a cluster sample all images; the caller then finds them in the folder."""
    n = SHARES_PER_WORKER * n_workers
    paths = {name: Path(value).absolute() for name, value in arguments.items() if isinstance(value, Path)}
    jobs = [ShareJob(out.absolute(), f"{k}/{n}", {**arguments, **paths}) for k in range(n)]
    for n_done, _ in enumerate(spread(sample_share, jobs, 1), start=1):
        if progress is not None:
            progress("sampling shares of the images", n_done, n)


def require_model(name: str) -> None:
    """Raise `DataError` when there is no model of this name, before anything else is asked for."""
    from plausibrain.generation.registry import find_model

    find_model(name)


def load_model(
    name: str, checkpoint: Path | None, options: Mapping[str, str], *, device: str = "auto"
) -> Any:
    """Return a model ready to sample; options are those of its function.

    It runs on `device` (``auto``: a GPU where there is one), unless the options name another.

    Without a checkpoint it is the one that comes with the package, where there is one.

    Raises
    ------
    DataError
        When there is no such model or option, or it needs a checkpoint.
    """
    from plausibrain.cohorts.arithmetic import choose_device
    from plausibrain.generation.registry import find_model
    from plausibrain.generation.shipped import shipped_checkpoint, shipped_models

    plugin = find_model(name)
    parameters = inspect.signature(plugin.function).parameters
    unknown = sorted(set(options) - set(parameters))
    if unknown:
        choices = ", ".join(key for key in parameters if key != "checkpoint")
        raise DataError(f"model {name!r} has no option {unknown[0]!r}; its options are {choices}")
    folder = checkpoint or shipped_checkpoint(name)
    if folder is None:
        raise DataError(
            f"model {name!r} needs --checkpoint, the folder that `plausibrain train` wrote or a bundle; "
            f"without one there are {', '.join(shipped_models()) or 'none'}"
        )
    if "device" in parameters:
        options = {**options, "device": choose_device(options.get("device", device))}
    return plugin(folder, **{key: _as(parameters[key], value) for key, value in options.items()})


def read_conditions(
    path: Path, columns: Sequence[str], *, texts: Sequence[str] = (), sex_coding: str | None = None
) -> pd.DataFrame:
    """Return the subjects of a table of conditions with the columns that a model wants, numbers and texts.

    Raises
    ------
    DataError
        When the table is broken, or a row lacks age or sex.
    """
    table = path / PARTICIPANTS if path.is_dir() else path
    raw = read_raw_table(table).frame
    subjects = parse_participants(raw, source=str(table), sex_coding=sex_coding).subjects
    unusable = subjects[subjects["status"] != "ok"]
    if len(unusable):
        first = unusable.iloc[0]
        raise DataError(f"{table}: {first['participant_id']}: {first['reason']}; complete or remove the row")
    for name in columns:
        if name not in subjects and name in raw:
            subjects[name] = pd.to_numeric(raw[name], errors="coerce").to_numpy()
    for name in texts:
        if name in raw:
            subjects[name] = raw[name].astype(str).to_numpy()
    return subjects


def _whole_numbers(steps: Mapping[str, str]) -> dict[str, int]:
    wrong = [f"{name}={value}" for name, value in steps.items() if not value.isdigit() or int(value) < 1]
    if wrong:
        raise DataError(f"steps {wrong[0]!r}: expected stage=number, for example diffusion=2000")
    return {name: int(value) for name, value in steps.items()}


def _as(parameter: inspect.Parameter, value: str) -> Any:
    """Return an option as the type of its default."""
    kind = type(parameter.default)
    if kind is bool:
        return value.lower() in ("1", "true", "yes", "on")
    try:
        return kind(value) if kind in (int, float) else value
    except ValueError as error:
        what = {int: "a whole number", float: "a number"}.get(kind, "another value")
        raise DataError(f"option {parameter.name}={value}: expected {what}") from error
