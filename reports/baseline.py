"""Read a run or a baseline file, and write the baseline file of a run.

A baseline file is one JSON file that can be kept under version control: name, date, n, estimates with
intervals and standard errors, protocol, fingerprint, hashes of the subjects, and the bootstrap draws as
32-bit floats (relative rounding 6e-8), compressed. With the draws a later check can still compare draw by
draw.
"""

import base64
import binascii
import json
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ValidationError

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.schemas import DRAWS
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.tables import read_table, stored_table
from plausibrain.cohorts.text_files import read_json, require_object, shown
from plausibrain.reports.baseline_snapshot import Facts, Snapshot
from plausibrain.reports.compare.structures import structure_headlines
from plausibrain.reports.run_folder import read_run

KIND = "plausibrain baseline"
SCHEMA = 2
MAX_DRAWS = 50_000_000  # numbers in a baseline file; 200 MB. More than that is not a baseline.


class PackedDraws(BaseModel):
    """Bootstrap draws in a JSON file: little-endian float32, row by row, zlib, base64."""

    columns: tuple[str, ...]
    draw: tuple[int, ...]
    data: str


def read_snapshot(path: Path) -> Snapshot:
    """Read a run folder or a baseline file.

    Parameters
    ----------
    path : Path
        Folder with ``run.json``, ``scorecard.json`` and ``tables/draws.tsv``, or a file that
        :func:`write_baseline` wrote.

    Returns
    -------
    Snapshot
        The headlines with what is needed to compare them.

    Raises
    ------
    DataError
        A file is missing, unreadable, or not of this schema.
    """
    if path.is_dir():
        return _read_run(path)
    if path.is_file():
        return _read_baseline(path)
    raise DataError(f"expected a run folder or a baseline file, but {path} does not exist")


def write_baseline(run: Path, out: Path, *, draws: bool = True) -> Path:
    """Write the baseline file of a run.

    Parameters
    ----------
    run : Path
        Run folder.
    out : Path
        File to write, JSON; an existing one is replaced in one step.
    draws : bool
        Keep the bootstrap draws, so that a later check can pair them. Without, the file is small and standard
        errors are combined as if the runs were independent.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        The run folder is incomplete.
    """
    if not run.is_dir():
        raise DataError(f"expected a run folder to make a baseline of, but got {run}")
    snapshot = read_snapshot(run)
    content = {
        "kind": KIND,
        "schema": SCHEMA,
        "written": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "run": json.loads(snapshot.facts.model_dump_json()),
        "draws": _pack(snapshot.draws) if draws and snapshot.draws is not None else None,
    }
    return write_text_atomic(out, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _read_run(folder: Path) -> Snapshot:
    run = read_run(folder)
    facts = _validate(
        {
            "name": run.scorecard.get("name"),
            "date": run.record.get("created"),
            "fingerprint": run.scorecard.get("fingerprint"),
            "protocol": run.record.get("protocol") or {},
            "seed": run.settings.get("seed"),
            "reference": run.record.get("reference") or {},
            "generated": run.record.get("generated") or {},
            "questions": run.questions,
            "structures": structure_headlines(run),
        },
        folder / "scorecard.json",
    )
    draws = read_table(stored_table(folder / "tables", "draws"), DRAWS)
    return Snapshot(facts=facts, source=folder, draws=draws.set_index("draw"))


def _read_baseline(path: Path) -> Snapshot:
    content = require_object(read_json(path), path)
    if content.get("kind") != KIND or content.get("schema") != SCHEMA:
        raise DataError(
            f"{path} is not a baseline file of schema {SCHEMA} (kind {content.get('kind')!r}, schema "
            f"{content.get('schema')!r}): write one with `plausibrain baseline RUN --out FILE`"
        )
    archive = content.get("draws")
    draws = None if archive is None else _unpack(archive, path)
    return Snapshot(facts=_validate(content.get("run"), path), source=path, draws=draws)


def _validate(content: object, path: Path) -> Facts:
    try:
        facts = Facts.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path}: {place}: {first['msg']} (got {shown(first['input'])})") from None
    names = [headline.name for question in facts.questions for headline in question.headlines]
    repeats = sorted({name for name in names if names.count(name) > 1})
    if repeats:
        raise DataError(
            f"{path}: each headline needs a name of its own, but these repeat: {', '.join(repeats)}"
        )
    return facts


def _pack(draws: pd.DataFrame) -> dict[str, Any]:
    data = zlib.compress(draws.to_numpy(dtype="<f4").tobytes(), level=9)
    return {
        "columns": list(draws.columns),
        "draw": [int(number) for number in draws.index],
        "data": base64.b64encode(data).decode("ascii"),
    }


def _unpack(archive: object, path: Path) -> pd.DataFrame:
    parts = _check_archive(archive, path)
    try:
        shape = (len(parts.draw), len(parts.columns))
        values = np.frombuffer(_inflate(parts.data, 4 * shape[0] * shape[1]), dtype="<f4").reshape(shape)
        if len(set(parts.draw)) < shape[0] or len(set(parts.columns)) < shape[1]:
            raise ValueError("a resample or a headline stands twice")
    except (ValueError, zlib.error, binascii.Error) as error:
        raise DataError(
            f"{path}: its bootstrap resamples cannot be read ({error}); write the baseline again"
        ) from None
    return pd.DataFrame(values.astype(np.float64), index=list(parts.draw), columns=list(parts.columns))


def _check_archive(archive: object, path: Path) -> PackedDraws:
    try:
        return PackedDraws.model_validate(archive)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{path}: its bootstrap resamples cannot be read (draws.{place}: {first['msg'].lower()}, got "
            f"{shown(first['input'])}); write the baseline again"
        ) from None


def _inflate(data: str, n_bytes: int) -> bytes:
    """Decompress exactly ``n_bytes``; what unfolds to more is not ours and could fill the memory."""
    if n_bytes > 4 * MAX_DRAWS:
        raise ValueError(f"{n_bytes} bytes of draws are more than {4 * MAX_DRAWS}")
    stream = zlib.decompressobj()
    content = stream.decompress(base64.b64decode(data, validate=True), max_length=n_bytes + 1)
    if len(content) != n_bytes or not stream.eof:
        raise ValueError(f"expected {n_bytes} bytes of draws, but got another length")
    return content
