"""Images as generators write them, into a cohort that states what was read and what was assumed."""

import json
import math
import pickle
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import pandas as pd

from plausibrain.cohorts.bids import bids_id, image_path, write_bids
from plausibrain.cohorts.cells import as_text
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.image_files import MAX_VOXELS
from plausibrain.cohorts.import_notes import RECORD
from plausibrain.cohorts.import_recipe import COLUMNS, Recipe
from plausibrain.cohorts.participants import parse_participants
from plausibrain.cohorts.raw_tables import read_raw_table
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.text_files import read_json, require_regular_file
from plausibrain.cohorts.volumes import Volume, read_volume, write_volume

_NIFTI = (".nii.gz", ".nii")
_TENSORS = (".pt", ".pth")
_ARRAYS = (".npy", ".npz", *_TENSORS)
_ENDINGS = (*_NIFTI, ".mgz", ".mgh", *_ARRAYS)
_UNREADABLE = (
    OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, RuntimeError, IndexError,
    ArithmeticError, MemoryError, pickle.UnpicklingError, zipfile.BadZipFile, zlib.error,
    nib.filebasedimages.ImageFileError,
)  # fmt: skip
_KEY = ("image", "image_path", "path", "file", "filename", "id", "subject_id", "participant_id")


class Found(NamedTuple):
    """An image file and the named parts of its name."""

    path: Path
    inside: str
    parts: dict[str, str]


class ImportPlan(NamedTuple):
    """Images, their subjects row by row, and what was assumed."""

    images: tuple[Path, ...]
    subjects: pd.DataFrame
    remarks: tuple[str, ...]


def import_images(
    folder: Path,
    out: Path,
    recipe: Recipe,
    *,
    table: Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> tuple[int, tuple[str, ...]]:
    """Write a cohort of the images below a folder.

    Parameters
    ----------
    folder : Path
        Where the generator wrote.
    out : Path
        Folder of the cohort.
    recipe : Recipe
    table : Path or None
        Conditions: a CSV or TSV, or a JSON list of records.
    columns : mapping of str to str, optional
        `image`, `id`, `age`, `sex`, `ventricle`, `brain`, `seed` -> column of the table.

    Returns
    -------
    int, tuple of str
        Number of images, and everything that was assumed.

    Raises
    ------
    DataError
        When no image fits, two images would be one subject, a grid is not stated, or a value is wrong.
    """
    plan = plan_import(folder, recipe, table=table, columns=columns)
    remarks = list(plan.remarks)
    for image, name in zip(plan.images, plan.subjects["participant_id"], strict=True):
        volume, remark = _volume(image, recipe)
        remarks += [remark] if remark and remark not in remarks else []
        target = image_path(out, str(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        write_volume(volume, target)
    generator = {"Name": recipe.describes, "Description": "; ".join(remarks)}
    write_bids(out, name=out.name, subjects=plan.subjects, generated_by=(generator,))
    record = {"recipe": recipe.model_dump(mode="json"), "remarks": remarks, "n": len(plan.images)}
    write_text_atomic(out / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return len(plan.images), tuple(remarks)


def plan_import(
    folder: Path,
    recipe: Recipe,
    *,
    table: Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> ImportPlan:
    """Return whom an import would bring, without reading an image; parameters as of `import_images`.

    Raises
    ------
    DataError
        When no image fits, two images would be one subject, or a condition is wrong.
    """
    images, others = find(folder, recipe)
    rows = [_row(image, recipe) for image in images]
    if table is not None:
        _add_conditions(rows, images, table, columns or {})
    raw = _raw(rows, recipe)
    subjects, notes = parse_participants(raw, source=str(table or folder), sex_coding=recipe.sex_coding)
    remarks = list(recipe.assumes) + [note.message for note in notes]
    if others:
        remarks.append(f"{len(others)} files do not fit the pattern and were left out, such as {others[0]}")
    return ImportPlan(tuple(image.path for image in images), subjects.reset_index(drop=True), tuple(remarks))


def find(folder: Path, recipe: Recipe) -> tuple[list[Found], list[str]]:
    """Return the images below a folder that fit the recipe, and the image files that do not."""
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of images; check the path")
    expression, matches, others = recipe.expression, [], []
    for path in sorted(path for path in folder.rglob("*") if path.name.lower().endswith(_ENDINGS)):
        inside = path.relative_to(folder).as_posix()
        text = inside if "/" in (recipe.pattern or "") else path.name
        match = expression.fullmatch(text) if expression else None
        if expression is not None and match is None:
            others.append(inside)
        else:
            matches.append(Found(path, inside, match.groupdict() if match else {}))
    if not matches:
        example = f"; there is for example {others[0]}" if others else ""
        raise DataError(
            f"{folder}: no image fits {recipe.pattern or 'the endings ' + ', '.join(_ENDINGS)}{example}; "
            "state the names with --pattern"
        )
    return matches, others


def _row(image: Found, recipe: Recipe) -> dict[str, str]:
    unknown = sorted(set(image.parts) - set(COLUMNS) - set(recipe.ignore))
    if unknown:
        raise DataError(
            f"pattern {recipe.pattern!r}: {unknown[0]!r} is no condition; use {', '.join(COLUMNS)}, "
            "or state what to leave out with --ignore"
        )
    row = {
        COLUMNS[name]: text
        for name, text in image.parts.items()
        if name in COLUMNS and name not in recipe.ignore
    }
    row.setdefault("participant_id", _identifier(image.inside))
    return row


def _identifier(inside: str) -> str:
    ending = next(e for e in _ENDINGS if inside.lower().endswith(e))
    return re.sub(r"[^0-9A-Za-z]+", "-", inside[: -len(ending)]).strip("-")


def _add_conditions(
    rows: list[dict[str, str]], images: Sequence[Found], table: Path, columns: Mapping[str, str]
) -> None:
    frame = _records(table)
    wrong = [column for column in columns.values() if column not in frame.columns]
    if wrong:
        raise DataError(
            f"{table}: has no column {wrong[0]!r}; found {', '.join(map(str, frame.columns[:20]))}"
        )
    key = columns.get("image") or columns.get("id") or next((c for c in _KEY if c in frame.columns), None)
    if key is None:
        raise DataError(f"{table}: no column names the images; state it with --map image=COLUMN")
    by_key: dict[str, int] = {}
    for place, name in enumerate(as_text(frame[key]).fillna("")):
        if name in by_key:
            raise DataError(f"{table}: {key} {name!r} stands in two rows; name the images instead")
        by_key[name] = place
    for row, image in zip(rows, images, strict=True):
        place = next((by_key[n] for n in _names(image, row) if n in by_key), -1)
        if place < 0:
            raise DataError(f"{table}: no row for the image {image.inside} (column {key!r})")
        for name, column in COLUMNS.items():
            source = columns.get(name, name)
            if source in frame.columns and source != key:
                value = as_text(frame[source]).iloc[place]
                row[column] = value if isinstance(value, str) else "n/a"


def _names(image: Found, row: Mapping[str, str]) -> list[str]:
    """Return what a table may call an image, the most exact first."""
    ending = next(e for e in _ENDINGS if image.inside.lower().endswith(e))
    stem = image.path.name[: -len(ending)]
    return [
        str(image.path),
        image.inside,
        image.path.name,
        stem,
        row["participant_id"],
        image.path.parent.name,
    ]


def _records(table: Path) -> pd.DataFrame:
    if table.suffix.lower() != ".json":
        return read_raw_table(table, is_text=lambda name: True).frame
    try:
        content = read_json(table)
    except FileNotFoundError:
        raise DataError(f"{table}: no such file; check the path") from None
    if not isinstance(content, list) or not content or not all(isinstance(entry, dict) for entry in content):
        raise DataError(f"{table}: expected a JSON list of objects, one per image")
    flat = [
        {**{k: v for k, v in entry.items() if not isinstance(v, dict)}, **_meta(entry)} for entry in content
    ]
    return pd.DataFrame(flat).astype("object")


def _meta(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for inner in entry.values() if isinstance(inner, dict) for k, v in inner.items()}


def _raw(rows: list[dict[str, str]], recipe: Recipe) -> pd.DataFrame:
    raw = pd.DataFrame(rows, dtype="object")
    raw.index = pd.RangeIndex(1, len(raw) + 1)
    for name, (low, high) in recipe.scale.items():
        column = COLUMNS.get(name)
        if column is None or column not in raw:
            raise DataError(f"scale {name!r}: no image states this condition")
        shares = pd.to_numeric(raw[column], errors="coerce")
        if not shares.between(0, 1).all():
            raise DataError(f"scale {name!r}: expected 0 to 1, but an image states {raw[column].iloc[0]!r}")
        raw[column] = [repr(low + (high - low) * float(share)) for share in shares]
    ids = raw["participant_id"].map(lambda name: bids_id(str(name)))
    keys = [ids, *(raw[c] for c in ("session", "seed") if c in raw)]
    if pd.concat(keys, axis=1).duplicated().any():
        raw["session"] = [str(number) for number in raw.groupby(ids).cumcount() + 1]
    for name in ("age", "sex"):
        if f"requested_{name}" not in raw:
            raw[name] = pd.Series(np.nan, index=raw.index, dtype="object")
    return raw.replace("n/a", np.nan)


def _volume(path: Path, recipe: Recipe) -> tuple[Volume, str]:
    """Return the image on the stated grid, and what was assumed about it."""
    is_array = path.name.lower().endswith(_ARRAYS)
    has_grid = recipe.voxel is not None and recipe.orientation is not None
    if is_array and not has_grid:
        raise DataError(f"{path}: an array states no grid; give --voxel and --orientation")
    if is_array or recipe.axes is not None:
        data, affine = _array(path)
        if data.ndim != 3:
            raise DataError(f"{path}: has shape {data.shape} without axes of length one; expected three axes")
        data = data.transpose(recipe.axes) if recipe.axes is not None else data
    else:
        volume = read_volume(path)
        data, affine = volume.data, volume.affine
    if not has_grid and recipe.axes is not None:
        raise DataError(f"{path}: its axes are reordered, so state the grid with --voxel and --orientation")
    grid = _affine(data.shape, affine, recipe)
    remark = ""
    if not has_grid and np.array_equal(affine, np.eye(4)):
        remark = "headers hold an identity matrix: 1 mm and RAS were read, although nobody may have meant it"
    return Volume(np.asarray(data, dtype=np.float32), grid), remark


def _array(path: Path) -> tuple[np.ndarray, np.ndarray]:
    require_regular_file(path)
    try:
        if path.name.lower().endswith(_TENSORS):
            return np.squeeze(_tensor(path)), np.eye(4)
        if path.name.lower().endswith(_ARRAYS):
            return np.squeeze(_numpy_array(path)), np.eye(4)
        image = nib.load(path)
        if math.prod(image.shape) > MAX_VOXELS:  # type: ignore[attr-defined]
            raise DataError(f"{path}: announces more than {MAX_VOXELS:,} voxels; the header is broken")
        return np.squeeze(np.asanyarray(image.dataobj)), np.asarray(image.affine)  # type: ignore[attr-defined]
    except _UNREADABLE as error:
        text = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path}: is no readable image ({text})") from None


def _tensor(path: Path) -> np.ndarray:
    """Array of the one tensor in a file of torch, read without running anything that the file says."""
    import torch

    content = torch.load(path, map_location="cpu", weights_only=True)
    tensors = [content] if isinstance(content, torch.Tensor) else []
    if isinstance(content, Mapping):
        tensors = [value for value in content.values() if isinstance(value, torch.Tensor)]
    if len(tensors) != 1:
        raise DataError(f"{path}: holds {len(tensors)} tensors; expected one image")
    tensor = tensors[0].detach()
    if tensor.is_complex() or tensor.dtype == torch.bool or tensor.is_sparse or tensor.numel() > MAX_VOXELS:
        raise DataError(
            f"{path}: holds {tensor.numel():,} values of {tensor.dtype}; expected one image of numbers"
        )
    return np.array(tensor.to(torch.float32).numpy())


def _numpy_array(path: Path) -> np.ndarray:
    content = np.load(path, allow_pickle=False, mmap_mode="r" if path.suffix == ".npy" else None)
    if isinstance(content, np.ndarray):
        array = content
    else:
        if len(content.files) != 1:
            raise DataError(f"{path}: holds {len(content.files)} arrays; expected one image")
        array = content[content.files[0]]
    if array.dtype.kind not in "iuf" or array.size > MAX_VOXELS:
        raise DataError(
            f"{path}: holds {array.size:,} values of type {array.dtype}; expected one image of numbers"
        )
    return np.array(array)


def _affine(shape: Sequence[int], affine: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Affine of the statements; what is not stated comes from the header."""
    if recipe.voxel is None and recipe.orientation is None:
        return affine
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    axes = affine[:3, :3] / sizes
    if recipe.orientation is not None:
        axes = np.zeros((3, 3))
        for column, letter in enumerate(recipe.orientation):
            row = next(i for i, pair in enumerate(("RL", "AP", "SI")) if letter in pair)
            axes[row, column] = 1.0 if letter in "RAS" else -1.0
    matrix = np.eye(4)
    matrix[:3, :3] = axes * np.asarray(recipe.voxel if recipe.voxel is not None else sizes)
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.asarray(shape[:3]) - 1) / 2)  # the world's origin in the middle
    return matrix
