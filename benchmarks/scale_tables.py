"""From two large tables of volumes to a report: seconds, memory, size of the page."""

import time
from pathlib import Path

import pandas as pd

from benchmarks.analysis import with_parcels
from benchmarks.cohort_volumes import volumes_of
from benchmarks.own_process import Numbers, in_own_process, peak_memory_mb
from plausibrain.config import RunConfig, Source
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.pipeline import run

ROLES = ("reference", "generated")


def write_tables(folder: Path, n: int, form: str) -> Numbers:
    """Write two tables of simulated subjects with 101 volumes each, as CSV or Parquet."""
    for seed, role in enumerate(ROLES, start=1):
        cohort = with_parcels(table_cohort(n, seed=seed, name=role), seed)
        subjects = cohort.subjects[["participant_id", "age", "sex"]].reset_index(drop=True)
        table = pd.concat([subjects, volumes_of(cohort).reset_index(drop=True)], axis=1)
        if form == "parquet":
            table.to_parquet(folder / f"{role}.parquet", index=False)
        else:
            table.to_csv(folder / f"{role}.csv", index=False)
    return ()


def report_of_tables(folder: Path, form: str) -> Numbers:
    """Return wall and processor seconds, peak memory of the process (MB) and bytes of the page."""
    suffix = "parquet" if form == "parquet" else "csv"
    reference, generated = (Source(path=folder / f"{role}.{suffix}") for role in ROLES)
    config = RunConfig(reference=reference, generated=generated, out=folder / f"run_{form}", tables=form)
    wall, processor = time.perf_counter(), time.process_time()
    page = run(config)
    spent = time.perf_counter() - wall, time.process_time() - processor
    return *spent, peak_memory_mb(), page.stat().st_size


def table_lines(folder: Path, n: int, form: str) -> list[str]:
    """Return what a benchmark prints of tables of n rows each."""
    in_own_process(write_tables, folder, n, form)
    numbers = in_own_process(report_of_tables, folder, form)
    if numbers is None:
        raise SystemExit("the run took too long")
    wall, processor, peak, size = numbers
    return [
        f"two tables of {n:,} rows with 101 volumes, {form} in and out, to the report: "
        f"{processor:.0f} s of processor, {wall:.0f} s by the clock, peak memory {peak / 1024:.1f} GiB, "
        f"page {size / 1e6:.1f} MB"
    ]
