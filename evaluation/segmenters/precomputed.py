"""Label maps made elsewhere: FreeSurfer aseg or aparc+aseg, SynthSeg, or any with a label table.

Volumes are voxel counts, so they differ from the soft volumes of the other segmenters by a few per cent in
small structures: both cohorts must come from the same tool. Tables of volumes need no segmenter; give the
table as the cohort.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.structures import TIV, find_structure, homologue, structure
from plausibrain.cohorts.text_files import read_text
from plausibrain.cohorts.volumes import LabelMap, Volume, read_label_map
from plausibrain.evaluation.alignment import brain_mask
from plausibrain.evaluation.background import on_zero_background
from plausibrain.evaluation.posteriors import count_pieces
from plausibrain.evaluation.segmentation import MAY_BE_EMPTY, SEGMENTERS, Segmentation, check_segmentation

NAME = "precomputed"
_CORTEX = {"left": 3, "right": 42}
_BALANCED = ("Cerebral-Cortex", "Cerebral-White-Matter", "Cerebellum-Cortex")
#: Halves of a brain differ by a few per cent; a large stroke or a lobe removed may take a third.
_LARGEST_RATIO = 1.6
_FLUID = (4, 5, 14, 15, 24, 43, 44)
_N_PLACES = 20_000
#: Brighter than this share of the image's bright end is not background.
_FOREGROUND = 0.05
_SMALLEST_OVERLAP = 0.9
_ENDINGS = (".nii.gz", ".nii", ".mgz", ".mgh")


@SEGMENTERS.register(label="Label maps made elsewhere")
def precomputed(image: Volume, path: Path, *, labels: str, table: str = "") -> Segmentation:
    """Measure a label map that lies in another folder.

    Parameters
    ----------
    image : Volume
        The image that was segmented. The label map may have another grid, as FreeSurfer's do, if it lies on
        the same brain.
    path : Path
        Of the image; the label map is found by its name.
    labels : str
        Folder of label maps, searched at any depth.
    table : str
        TSV with the columns ``index`` and ``name`` (as BIDS ``dseg.tsv``), for labels that are not
        FreeSurfer's.

    Returns
    -------
    Segmentation
        Labels on the grid of the map, as FreeSurfer's; volumes as voxel count times voxel volume; parcels are
        also summed to the cortex.

    Raises
    ------
    DataError
        When there is no label map for the image, or more than one, or a label that nothing names.
    """
    label_path = find_label_map(path, Path(labels))
    label_map = read_label_map(label_path)
    names = read_label_table(table) if table else None
    volumes = measure_label_map(label_map, names)
    label_map = label_map if names is None else _as_freesurfer(label_map, names)
    facts = {f"pieces_{name}": float(n) for name, n in count_pieces(label_map.data, list(volumes)).items()}
    reasons = (*lacking_sides(label_map, volumes), *misplaced(label_map, image))
    result = Segmentation(label_map, volumes, {}, facts, NAME, "", reasons=reasons)
    return check_segmentation(result, tuple(name for name in volumes if name != TIV))


def further_inputs(path: Path, *, labels: str, table: str = "") -> list[Path]:
    """Return the files beside the image that decide the result."""
    return [find_label_map(path, Path(labels)), *([Path(table)] if table else [])]


def find_label_map(path: Path, folder: Path) -> Path:
    """Return the one label map whose name contains the image's BIDS entities, or its whole stem.

    Raises
    ------
    DataError
        When there is none, or more than one.
    """
    stem = _stem(path.name)
    key = "_".join(part for part in stem.split("_") if "-" in part) or stem
    candidates = _label_files(folder).get(key, ())
    if len(candidates) != 1:
        listing = ", ".join(sorted(other.name for other in candidates)[:4]) or "none"
        raise DataError(f"{folder}: expected one label map named after {key!r}, found {listing}")
    return candidates[0]


@lru_cache(maxsize=8)
def _label_files(folder: Path) -> Mapping[str, Sequence[Path]]:
    """Label maps by every beginning of a name that may be an image's: sub-1 begins sub-1_x, not sub-10."""
    groups: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.name.endswith(_ENDINGS):
            stem = _stem(path.name)
            for end in range(1, len(stem) + 1):
                if end == len(stem) or not stem[end].isalnum():
                    groups.setdefault(stem[:end], []).append(path)
    return groups


def _stem(name: str) -> str:
    for ending in _ENDINGS:
        if name.endswith(ending):
            return name.removesuffix(ending)
    return name


def read_label_table(path: str) -> dict[int, str]:
    """Return index to name of a BIDS label table (TSV with the columns ``index`` and ``name``).

    Raises
    ------
    DataError
        When a column is missing or an index is not a whole number.
    """
    with io.StringIO(read_text(Path(path)), newline="") as stream:
        reader = csv.DictReader(stream, delimiter="\t")
        if not {"index", "name"} <= set(reader.fieldnames or ()):
            raise DataError(f"{path}: expected the columns index and name, found {reader.fieldnames}")
        try:
            return {int(row["index"]): row["name"] for row in reader}
        except ValueError as error:
            raise DataError(f"{path}: {error}; an index is a whole number") from error


def measure_label_map(labels: LabelMap, table: Mapping[int, str] | None = None) -> dict[str, float]:
    """Return the volume of every structure in a label map, mm3, and ``TIV`` where all CSF is labelled.

    Parameters
    ----------
    labels : LabelMap
    table : mapping of int to str, optional
        Label to structure name; FreeSurfer's colour table by default.

    Raises
    ------
    DataError
        For a label without a name.
    """
    index, count = np.unique(labels.data, return_counts=True)
    volumes: dict[str, float] = {}
    unknown = []
    for label, n in zip(index.tolist(), count.tolist(), strict=True):
        if label == 0:
            continue
        entry = find_structure(table[label]) if table and label in table else None
        entry = find_structure(label) if table is None else entry
        if entry is None:
            unknown.append(label)
        else:
            volumes[entry.name] = volumes.get(entry.name, 0.0) + n * labels.voxel_volume_mm3
    if unknown:
        raise DataError(f"labels {unknown[:8]} have no name; give a table with the columns index and name")
    return _with_sums(volumes)


def _with_sums(volumes: dict[str, float]) -> dict[str, float]:
    """Add parcels to the cortex of their side, and TIV if CSF was segmented all around the brain."""
    for side, index in _CORTEX.items():
        parcels = [volume for name, volume in volumes.items() if _is_cortex(name, side)]
        name = structure(index).name
        if parcels:  # what is labelled as cortex beside parcels belongs to none of them
            volumes[name] = volumes.get(name, 0.0) + sum(parcels)
    wholes = [v for name, v in volumes.items() if structure(name).atlas == "aseg"]
    if volumes.get("CSF", 0.0) > 50_000:
        volumes[TIV] = sum(wholes)
    return volumes


def _is_cortex(name: str, side: str) -> bool:
    entry = structure(name)
    return entry.part_of == "Cerebral-Cortex" and entry.hemisphere == side


def _as_freesurfer(labels: LabelMap, table: Mapping[int, str]) -> LabelMap:
    index, place = np.unique(labels.data, return_inverse=True)
    entries = [find_structure(table.get(int(label), "")) for label in index]
    ids = np.array([0 if entry is None else entry.index for entry in entries], dtype=np.int32)
    return LabelMap(ids[place].reshape(labels.shape), labels.affine, labels.remarks)


def lacking_sides(labels: LabelMap, volumes: Mapping[str, float]) -> tuple[str, ...]:
    """Return why the map cannot show both halves of a brain; empty where it can.

    Parameters
    ----------
    labels : LabelMap
    volumes : mapping of str to float
        mm3, with sums.
    """
    sided_names = [name for name in volumes if name != TIV and structure(name).atlas in ("aseg", "dk")]
    alone = [n for n in sided_names if n not in MAY_BE_EMPTY and (homologue(n) or n) not in volumes]
    reasons = [f"no counterpart on the other side for {', '.join(alone[:6])}"] if alone else []
    for region in _BALANCED:
        sides = [volumes.get(f"{side}-{region}", 0.0) for side in ("Left", "Right")]
        if min(sides) > 0 and max(sides) > _LARGEST_RATIO * min(sides):
            reasons.append(f"{region} has {sides[0] / 1000:.0f} mL left and {sides[1] / 1000:.0f} mL right")
    return tuple(reasons)


def misplaced(labels: LabelMap, image: Volume) -> tuple[str, ...]:
    """Return why the map does not lie on the image; empty where it does.

    Parameters
    ----------
    labels : LabelMap
    image : Volume
        On any grid; places in the world are compared. Brain that is labelled where the image shows
        background, or nothing, lies elsewhere. Fluid may be as dark as the background and does not count.
    """
    brain = np.argwhere(brain_mask(labels) & ~np.isin(labels.data, _FLUID))
    if not len(brain):
        return ()
    some = brain[:: max(1, len(brain) // _N_PLACES)]
    to_image = np.linalg.inv(image.affine) @ labels.affine
    place = np.round(some @ to_image[:3, :3].T + to_image[:3, 3]).astype(int)
    inside = ((place >= 0) & (place < image.shape)).all(axis=1)
    data = on_zero_background(image).data
    bright = data[tuple(place[inside].T)] > _FOREGROUND * np.percentile(data[::2, ::2, ::2], 99.5)
    share = float(bright.sum()) / len(some)
    if share >= _SMALLEST_OVERLAP:
        return ()
    return (
        f"{100 * share:.0f} % of what is labelled as brain lies on the brain of the image; the label map "
        "lies elsewhere",
    )
