"""Compare runs: one page and one table for two or more models measured by one protocol."""

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.reports.baseline import read_snapshot
from plausibrain.reports.baseline_snapshot import Snapshot
from plausibrain.reports.compare.answer import comparison_answer
from plausibrain.reports.compare.page import comparison_page
from plausibrain.reports.compare.pictures import shared_pictures
from plausibrain.reports.compare.protocol import pairing, require_same_protocol
from plausibrain.reports.compare.results import compare_snapshots
from plausibrain.reports.compare.structures import adjusted_differences, moved_structures
from plausibrain.reports.compare.tables import write_comparison
from plausibrain.reports.run_folder import Run, read_run

PAGE = "compare.html"
ANSWER = "answer.json"


def compare_runs(runs: Sequence[Path], out: Path) -> Path:
    """Compare two or more runs.

    Parameters
    ----------
    runs : sequence of Path
        Run folders of one protocol; differences are shown against the first.
    out : Path
        Folder for ``compare.html``, ``answer.json``, ``compare.tsv`` (every headline of every
        pair), ``ranks.tsv`` and ``moved.tsv`` (structures), each table with its data dictionary.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    DataError
        Fewer than two runs, one given twice, a broken folder, or different protocols (the message lists each
        field that differs).
    """
    folders = _distinct(runs)
    snapshots = [read_snapshot(folder) for folder in folders]
    for snapshot in snapshots[1:]:
        require_same_protocol(snapshots[0], snapshot)
    comparison = compare_snapshots(snapshots, run_names(snapshots))
    contents = [read_run(folder) for folder in folders]
    changes = _moved(contents, snapshots)
    write_comparison(comparison, changes, out)
    answer = json.dumps(comparison_answer(comparison, changes), indent=1, ensure_ascii=False)
    write_text_atomic(out / ANSWER, answer + "\n")
    pictures = shared_pictures(contents, comparison.names)
    return write_text_atomic(out / PAGE, comparison_page(comparison, changes, pictures))


def _moved(runs: Sequence[Run], snapshots: Sequence[Snapshot]) -> dict[tuple[int, int], pd.DataFrame]:
    """Compare the structures of every pair of runs."""
    differences, changes = [adjusted_differences(run) for run in runs], {}
    for a, b in combinations(range(len(runs)), 2):
        overlap = pairing(snapshots[a], snapshots[b])
        changes[a, b] = moved_structures(
            runs[a],
            runs[b],
            shared_reference=overlap.reference == "same",
            shared_generated=overlap.generated == "same",
            differences=(differences[a], differences[b]),
        )
    return changes


def _distinct(runs: Sequence[Path]) -> list[Path]:
    folders = list(runs)
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"expected a run folder, but got {folder}")
    if len({folder.resolve() for folder in folders}) < max(len(folders), 2):
        raise DataError(
            f"expected two or more different run folders, but got {', '.join(map(str, folders)) or 'none'}"
        )
    return folders


def run_names(snapshots: Sequence[Snapshot]) -> tuple[str, ...]:
    """Return what to call each run: its name, with the folder where names repeat, numbered where both do.

    Parameters
    ----------
    snapshots : sequence of Snapshot

    Returns
    -------
    tuple of str
        All different.
    """
    names = [snapshot.name for snapshot in snapshots]
    names = [
        f"{name} ({snapshot.source.name})" if names.count(name) > 1 else name
        for name, snapshot in zip(names, snapshots, strict=True)
    ]
    return tuple(
        f"{name} #{place}" if names.count(name) > 1 else name for place, name in enumerate(names, start=1)
    )
