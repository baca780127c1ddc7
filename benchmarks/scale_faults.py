"""Killed at random moments and resumed; one process, two, and a Dask cluster: the results are the same."""

import hashlib
import multiprocessing
import time
from pathlib import Path
from typing import Any

import numpy as np

from plausibrain.evaluation.image_job import Segmenting, Steps, visit_images
from plausibrain.executors import executor_of


def visit_all(paths: list[Path], store: Path, n_processes: int = 1) -> dict[int, Any]:
    """Segment every image of a folder and return its records by row."""
    steps = Steps(Segmenting("precomputed", {"labels": str(paths[0].parent / "labels")}, store))
    return dict(visit_images(paths, [None] * len(paths), steps, n_processes=n_processes))


def content(store: Path) -> str:
    """Return the hash of all label maps of a store."""
    digest = hashlib.sha256()
    for path in sorted(store.rglob("*.nii.gz")):
        if ".tmp-" not in path.name:
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def finished(store: Path) -> dict[Path, int]:
    """Return when every finished image was written."""
    return {path: path.stat().st_mtime_ns for path in store.rglob("*.json") if ".tmp-" not in path.name}


def kill_lines(paths: list[Path], folder: Path, n_kills: int, *, seed: int = 0) -> list[str]:
    """Kill the work at random moments, resume it each time, and compare with work that was left alone."""
    start = time.perf_counter()
    visit_all(paths, folder / "whole")
    whole = time.perf_counter() - start
    repeated = 0
    before: dict[Path, int] = {}
    for moment in np.random.default_rng(seed).uniform(0, 1.5 * whole / n_kills, n_kills):
        child = multiprocessing.get_context("fork").Process(target=visit_all, args=(paths, folder / "killed"))
        child.start()
        child.join(moment)
        child.kill()
        child.join()
        after = finished(folder / "killed")
        repeated += sum(after.get(path) != moment_ns for path, moment_ns in before.items())
        before = after
    visit_all(paths, folder / "killed")
    after = finished(folder / "killed")
    repeated += sum(after.get(path) != moment_ns for path, moment_ns in before.items())
    same = content(folder / "killed") == content(folder / "whole")
    return [
        f"killed (SIGKILL) at {n_kills} random moments of the work on {len(paths)} images and resumed: "
        f"{len(before)} images were finished at the last kill, {repeated} finished images were done again, "
        f"label maps {'identical' if same else 'NOT identical'} to those of work that was left alone"
    ]


def executor_lines(paths: list[Path], folder: Path) -> list[str]:
    """Visit the same images in one process, in two, and on a Dask cluster of two workers."""
    cluster = folder / "cluster.yaml"
    cluster.write_text("kind: local\nworkers: 2\n")
    results, seconds = {}, {}
    for place in ("one process", "two processes", "two Dask workers"):
        store, start = folder / place.replace(" ", "_"), time.perf_counter()
        if place == "two Dask workers":
            with executor_of("dask", cluster=cluster):
                records = visit_all(paths, store)
        else:
            records = visit_all(paths, store, 2 if place == "two processes" else 1)
        seconds[place] = time.perf_counter() - start
        volumes = [sorted(records[row].outcome.volumes.items()) for row in range(len(paths))]
        results[place] = hashlib.sha256(repr(volumes).encode()).hexdigest(), content(store)
    same = len(set(results.values())) == 1
    times = ", ".join(f"{place} {value:.1f} s" for place, value in seconds.items())
    return [
        f"{len(paths)} images in {times}: volumes and label maps {'identical' if same else 'NOT identical'}"
    ]
