"""From two cohorts to a run folder with its report."""

import datetime
import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from threadpoolctl import threadpool_limits

from plausibrain.age_network import with_network_ages, with_network_input
from plausibrain.analysis.analyse import Analysis, Progress, analyse
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.folder_lock import locked_folder
from plausibrain.cohorts.schemas import SCHEMAS
from plausibrain.cohorts.store import Store, write_text_atomic
from plausibrain.cohorts.tables import write_table
from plausibrain.complexity import complexity_of_run
from plausibrain.config import RunConfig, Source
from plausibrain.descriptions import described_quantities, described_segmenters
from plausibrain.features import Features, extract_features
from plausibrain.generator_run import sample_and_measure
from plausibrain.image_files import SCRATCH
from plausibrain.image_work import ChosenSegmenter, Visited, Work, visit_cohorts
from plausibrain.imaging import DEFAULT_SEGMENTER
from plausibrain.label_storage import drop_labels
from plausibrain.provenance import METRIC_VERSION, describe_cohort, fingerprint, hardware, versions
from plausibrain.quality import Quality, measure_quality
from plausibrain.reports.report import write_report
from plausibrain.run_status import Manifest
from plausibrain.shares import Share
from plausibrain.slices import write_slices
from plausibrain.verification import input_checksums, output_checksums, write_image_checksums

ROLES = ("reference", "generated", "training", "independent")
#: Figures that every run writes; `plausibrain report` adds PNG and PDF, which take most of the time.
QUICK_FORMATS = ("svg",)
OPTIONAL_TABLES = ("dose", "curves", "null_draws", "measures", "measure_names", "pairs", "nearest", "slices")


def run(
    config: RunConfig, *, n_processes: int = 1, device: str = "auto", progress: Progress | None = None
) -> Path:
    """Read both cohorts, analyse them and write run folder and report.

    Parameters
    ----------
    config : RunConfig
    n_processes : int
        Processes that work on images.
    device : str
        Where networks run: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
    progress : callable, optional
        As in `plausibrain.analysis.analyse.analyse`.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    DataError
        When a cohort cannot be read or the two cannot be compared.
    """
    with locked_folder(config.out):
        Manifest(config.out).begin({})
        cohorts = read_cohorts(config, n_processes=n_processes, device=device, progress=progress)
        return run_cohorts(
            cohorts["reference"], cohorts["generated"], config, training=cohorts.get("training"),
            independent=cohorts.get("independent"), n_processes=n_processes, device=device, progress=progress,
        )  # fmt: skip


def read_cohorts(
    config: RunConfig, *, n_processes: int = 1, device: str = "auto", progress: Progress | None = None
) -> dict[str, Cohort]:
    """Return the cohorts of a run by role; where a model samples the generated one, all are segmented too."""
    if config.generator is not None:
        return sample_and_measure(
            config, config.generator, n_processes=n_processes, device=device, progress=progress
        )
    return {
        role: source.imported(config.out / "imported" / role).read(role)
        for role, source in _sources(config).items()
    }


def _sources(config: RunConfig) -> dict[str, Source]:
    sources: dict[str, Source | None] = {role: getattr(config, role) for role in ROLES}
    return {role: source for role, source in sources.items() if source is not None}


def _segmenters(config: RunConfig) -> dict[str, ChosenSegmenter]:
    return {
        role: ChosenSegmenter(source.segmenter or DEFAULT_SEGMENTER, source.segmenter_options)
        for role, source in _sources(config).items()
    }


def run_cohorts(
    reference: Cohort,
    generated: Cohort,
    config: RunConfig,
    *,
    training: Cohort | None = None,
    independent: Cohort | None = None,
    n_processes: int = 1,
    device: str = "auto",
    progress: Progress | None = None,
) -> Path:
    """Analyse two cohorts that are already in memory; see `run`."""
    config = with_network_input(config, reference, device)
    work = Work(config.out, config.cache, config.images, n_processes, device, progress)
    sources = {
        "reference": reference, "generated": generated, "training": training, "independent": independent,
    }  # fmt: skip
    cohorts = {role: cohort for role, cohort in sources.items() if cohort is not None}
    with locked_folder(config.out) as folder:
        inputs = input_checksums(config)
        analysis, record, hashes = _analyse(cohorts, config, work)
        folder.require()
        write_image_checksums(config.out, hashes)
        record["checksums"] = {"inputs": inputs}
        write_run_folder(config.out, analysis, record, form=config.tables)
        page = write_report(config.out, progress=progress, formats=QUICK_FORMATS)
        shutil.rmtree(config.out / SCRATCH, ignore_errors=True)
        drop_labels(config.out, config.keep_labels, analysis.tables["slices"])
        work.manifest.end()
        return page


def _analyse(
    cohorts: Mapping[str, Cohort], config: RunConfig, work: Work
) -> tuple[Analysis, dict[str, Any], dict[Path, str]]:
    start, progress = time.monotonic(), work.progress
    visit, quality, features = measure_images(cohorts, config, work)
    features = with_network_ages(
        features, config.images, (config.cache or config.out) / "network", device=work.device,
        seed=config.settings.seed, segmentation=config.out / "segmented" / "reference", progress=progress,
    )  # fmt: skip
    independent = visit.cohorts.get("independent")
    reference, generated = features.reference, features.generated
    analysis = analyse(
        reference, generated, config.settings, training=features.training, independent=independent,
        progress=progress,
    )  # fmt: skip
    analysis.tables.update(quality.tables)
    geometry, association = complexity_of_run(
        analysis.tables["results"], reference, out=config.out, cache=config.cache,
        most=config.images.n_geometry, settings=config.settings, n_processes=work.n_processes,
        progress=progress,
    )  # fmt: skip
    analysis.tables.update(geometry=geometry, complexity=association)
    if progress is not None:
        progress("pictures", 0, 1)
    cases, seed = analysis.tables["cases"], config.settings.seed
    analysis.tables["slices"] = write_slices(
        reference, generated, cases, config.out, seed=seed, training=features.training,
        nearest=analysis.tables["nearest"], records=visit.records, voxel_mm=visit.voxel_mm,
    )  # fmt: skip
    for name, protocol in (("image_quality", quality.protocol), ("image_features", features.protocol)):
        if protocol:
            analysis.protocol[name] = protocol
    record = record_of(
        analysis, reference, generated, name=config.name or generated.name, seconds=time.monotonic() - start,
        config=config.model_dump(mode="json"),
    )  # fmt: skip
    return analysis, record, visit.image_hashes


def measure_images(
    cohorts: Mapping[str, Cohort], config: RunConfig, work: Work
) -> tuple[Visited, Quality, Features]:
    """Return what is measured and extracted image by image; all of it is kept, so a second call is short.

    Cohorts that came as images are segmented; each image is opened once for everything.
    """
    visit = visit_cohorts(cohorts, work, segmenters=_segmenters(config))
    quality = measure_quality(
        visit.cohorts["reference"],
        visit.cohorts["generated"],
        config.out,
        cache=config.cache,
        voxel_mm=visit.voxel_mm if visit.records else None,
        records=visit.records,
    )
    features = extract_features(
        quality.reference, quality.generated, config.out, cache=config.cache,
        training=visit.cohorts.get("training"), settings=config.images, voxel_mm=visit.voxel_mm,
        seed=config.settings.seed, n_processes=work.n_processes, records=visit.records,
        progress=work.progress,
    )  # fmt: skip
    return visit, quality, features


def visit_share(
    config: RunConfig,
    share: Share,
    *,
    n_processes: int = 1,
    device: str = "auto",
    progress: Progress | None = None,
) -> None:
    """Put one share of a run's images into the stores, while other commands do the other shares.

    Raises
    ------
    DataError
        When a model would sample the generated cohort: `plausibrain generate --share` does that in shares.
    """
    if config.generator is not None:
        raise DataError("a run that samples its images has no shares; use `generate --share` first")
    cohorts = read_cohorts(config)
    config = with_network_input(config, cohorts["reference"], device)
    work = Work(config.out, config.cache, config.images, n_processes, device, progress, share)
    visit_cohorts(cohorts, work, segmenters=_segmenters(config))


def measure_run(config: RunConfig, *, n_processes: int, progress: Progress | None = None) -> None:
    """Do all of a run that goes image by image with all processes; `report_run` then finds the results."""
    with locked_folder(config.out):
        cohorts = read_cohorts(config, n_processes=n_processes, progress=progress)
        work = Work(config.out, config.cache, config.images, n_processes, progress=progress)
        measure_images(cohorts, config, work)


def report_run(config: RunConfig) -> Path:
    """Run in a worker process, one of as many as there are cores: its libraries get one thread."""
    with threadpool_limits(1):
        return run(config)


def write_run_folder(
    folder: Path, analysis: Analysis, record: dict[str, Any], *, form: Literal["tsv", "parquet"] = "tsv"
) -> None:
    """Write `run.json`, `scorecard.json` and the tables of one run, each atomically.

    Temporary files of processes that were killed are removed first.
    """
    names = {key: record[key] for key in ("name", "fingerprint", "reference", "generated")}
    write_tables(folder, analysis.tables, {**names, **analysis.scorecard}, record, form=form)


def write_tables(
    folder: Path,
    tables: dict[str, pd.DataFrame],
    scorecard: dict[str, Any],
    record: dict[str, Any],
    *,
    form: Literal["tsv", "parquet"] = "tsv",
) -> None:
    """Write the parts of a run folder; see `write_run_folder`."""
    Store(folder).sweep()
    files = [folder / "scorecard.json"]
    for name, table in tables.items():
        is_absent = name in OPTIONAL_TABLES and not len(table)
        for other in ("tsv", "parquet"):
            if is_absent or other != form:
                (folder / "tables" / f"{name}.{other}").unlink(missing_ok=True)
        if not is_absent:
            files.append(write_table(table, folder / "tables" / f"{name}.{form}", SCHEMAS[name]))
    _write_json(folder / "scorecard.json", scorecard)
    checksums = {**record.get("checksums", {}), "outputs": output_checksums(folder, files)}
    _write_json(folder / "run.json", {**record, "checksums": checksums})


def record_of(
    analysis: Analysis,
    reference: Cohort,
    generated: Cohort,
    *,
    name: str,
    seconds: float,
    config: dict[str, Any],
) -> dict[str, Any]:
    """Return what `run.json` holds: protocol with its fingerprint, cohorts, versions, hardware."""
    protocol = {"metric_version": METRIC_VERSION, **analysis.protocol}
    return {
        "schema": 1,
        "name": name,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "fingerprint": fingerprint(protocol),
        "protocol": protocol,
        "config": config,
        "reference": describe_cohort(reference),
        "generated": describe_cohort(generated),
        "quantities": described_quantities(analysis.tables["results"]),
        "segmenters": described_segmenters(reference, generated),
        "versions": versions(),
        "hardware": hardware(),
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_text_atomic(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
