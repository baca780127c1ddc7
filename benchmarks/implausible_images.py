"""The battery of implausible images: how many of each kind are flagged, and how many sound scans. Prints docs/plausibility.md.

    python -m benchmarks.implausible_images --sound 'SCANS/*.nii.gz' --other 'HEADS/*.nii.gz' --store FOLDER > docs/plausibility.md

Each pattern of ``--sound`` is a set of stripped scans from which implausible copies are made; ``--other`` are sound scans of which
only false alarms are counted. Everything is segmented as `plausibrain segment` does; results lie in the store.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from glob import glob
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from benchmarks.machine import stamp
from plausibrain.cohorts.store import Store, hash_file, write_text_atomic
from plausibrain.cohorts.volumes import Volume, read_volume, to_canonical
from plausibrain.evaluation.segment_files import segmenters
from plausibrain.evaluation.segmentation import Segmentation

Kind = Callable[[Volume, Volume, np.random.Generator], Volume]
KINDS: dict[str, Kind] = {}
#: Kinds that nobody named when the checks were designed.
FURTHER: list[str] = []


def kind(name: str, *, further: bool = False) -> Callable[[Kind], Kind]:
    """Put a kind of implausible image into the battery."""

    def decorate(function: Kind) -> Kind:
        KINDS[name] = function
        if further:
            FURTHER.append(name)
        return function

    return decorate


def with_data(image: Volume, data: np.ndarray) -> Volume:
    return Volume(data.astype(np.float32), image.affine)


def smoothed(image: Volume, sd_mm: float) -> np.ndarray:
    return ndimage.gaussian_filter(image.data, sd_mm / np.asarray(image.voxel_size_mm))


def box_of(image: Volume) -> list[tuple[int, int]]:
    """Return first and last voxel of the brain along each axis."""
    mask = image.data > 0.1 * np.percentile(image.data[image.data > 0], 99)
    found = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        places = np.flatnonzero(mask.mean(others) > 0.002)
        found.append((int(places[0]), int(places[-1])))
    return found


def beside(image: Volume, other: Volume) -> np.ndarray:
    """Return another head on the grid of the first, boxes of the brains and bright levels matched."""
    first, second = np.array(box_of(image), float), np.array(box_of(other), float)
    scale = (second[:, 1] - second[:, 0]) / (first[:, 1] - first[:, 0])
    grid = np.meshgrid(
        *(
            s * (np.arange(n) - a) + b
            for n, a, b, s in zip(image.shape, first[:, 0], second[:, 0], scale, strict=True)
        ),
        indexing="ij",
    )
    moved = ndimage.map_coordinates(other.data, grid, order=1)
    return moved * np.percentile(image.data[image.data > 0], 95) / np.percentile(moved[moved > 0], 95)


@kind("blur, SD 3 mm")
def blur(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    return with_data(image, smoothed(image, 3.0))


@kind("mean of two heads")
def mean_of_two(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    return with_data(image, (image.data + beside(image, other)) / 2)


def patchwork(side_mm: float) -> Kind:
    def build(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
        steps = [
            np.arange(n) * size // side_mm for n, size in zip(image.shape, image.voxel_size_mm, strict=True)
        ]
        odd = (steps[0][:, None, None] + steps[1][:, None] + steps[2]) % 2 == 1
        return with_data(image, np.where(odd, beside(image, other), image.data))

    return build


kind("patchwork of two heads, 12 mm")(patchwork(12.0))
kind("patchwork of two heads, 24 mm")(patchwork(24.0))


@kind("hole of 20 mm")
def hole(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    deep = ndimage.binary_erosion(image.data > 0, iterations=max(1, round(14 / image.voxel_size_mm[0])))
    places = np.argwhere(deep)
    centre = places[rng.integers(len(places))]
    axes = [
        (np.arange(n) - c) * size for n, c, size in zip(image.shape, centre, image.voxel_size_mm, strict=True)
    ]
    inside = axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2 < 100
    return with_data(image, np.where(inside, 0, image.data))


@kind("top 10 mm cut away")
def cut_top(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    data = image.data.copy()
    data[:, :, box_of(image)[2][1] - round(10 / image.voxel_size_mm[2]) :] = 0
    return with_data(image, data)


@kind("lower cerebellum cut away")
def cut_base(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    """Cut 25 mm above the lowest voxel of the brain."""
    data = image.data.copy()
    data[:, :, : box_of(image)[2][0] + round(25 / image.voxel_size_mm[2])] = 0
    return with_data(image, data)


@kind("over-smoothing (median of 5 mm, three times)")
def oversmooth(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    data = image.data
    for _ in range(3):
        data = ndimage.median_filter(data, [max(3, round(5 / size)) for size in image.voxel_size_mm])
    return with_data(image, data)


@kind("checkerboard of 2 mm")
def checkerboard(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    steps = [np.arange(n) * size // 2 for n, size in zip(image.shape, image.voxel_size_mm, strict=True)]
    sign = 1 - 2 * ((steps[0][:, None, None] + steps[1][:, None] + steps[2]) % 2)
    return with_data(image, image.data * (1 + 0.1 * sign))


@kind("voxels a fifth larger than declared")
def shrunk(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    affine = image.affine.copy()
    affine[:3, :3] /= 1.2
    return Volume(image.data, affine)


@kind("ringing (waves above 1/6 mm cut off)", further=True)
def ringing(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    waves = np.fft.fftn(image.data)
    for axis, size in enumerate(image.voxel_size_mm):
        keep = np.abs(np.fft.fftfreq(image.shape[axis], size)) < 1 / 6
        waves *= keep.reshape([-1 if k == axis else 1 for k in range(3)])
    return with_data(image, np.maximum(np.fft.ifftn(waves).real, 0))


@kind("hemispheres shifted by 8 mm", further=True)
def shifted_half(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    data, middle = image.data.copy(), sum(box_of(image)[0]) // 2
    data[:middle] = np.roll(data[:middle], round(8 / image.voxel_size_mm[1]), axis=1)
    return with_data(image, data)


@kind("one half mirrored", further=True)
def mirrored_half(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    data, (low, high) = image.data.copy(), box_of(image)[0]
    middle = (low + high + 1) // 2
    width = min(middle, data.shape[0] - middle)
    data[middle : middle + width] = data[middle - width : middle][::-1]
    return with_data(image, data)


@kind("every slice shown twice", further=True)
def doubled(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    return with_data(image, image.data[:, :, np.arange(image.shape[2]) // 2 * 2])


@kind("texture of 3 mm in the brain", further=True)
def texture(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    noise = ndimage.gaussian_filter(rng.standard_normal(image.shape), 1.3 / np.asarray(image.voxel_size_mm))
    return with_data(image, image.data * np.maximum(1 + 0.2 * noise / noise.std(), 0))


@kind("warp of 8 mm (SD)", further=True)
def warped(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    places = np.indices(image.shape, dtype=np.float32)
    for axis, size in enumerate(image.voxel_size_mm):
        field = ndimage.zoom(rng.standard_normal((6, 6, 6)), np.array(image.shape) / 6, order=3)
        places[axis] += 8 / size * field / field.std()
    return with_data(image, ndimage.map_coordinates(image.data, places, order=1))


@kind("bright and dark blobs of 20 mm", further=True)
def blobs(image: Volume, other: Volume, rng: np.random.Generator) -> Volume:
    noise = ndimage.gaussian_filter(rng.standard_normal(image.shape), 10 / np.asarray(image.voxel_size_mm))
    return with_data(image, image.data * np.maximum(1 + 0.2 * noise / noise.std(), 0))


def judge(image: Volume, segmenter: str) -> Segmentation:
    """Return the segmentation of an image in memory."""
    result: Segmentation = segmenters()[segmenter](image=image)
    return result


def write_row(text: str, target: Path) -> None:
    write_text_atomic(target, text)


def rows_of(
    paths: Sequence[Path], kinds: Sequence[str], segmenter: str, store: Store, source: str
) -> list[dict[str, object]]:
    """Return status and reasons of every scan as it is and of its implausible copies."""
    version = sys.modules[segmenters()[segmenter].module].version()
    rows: list[dict[str, object]] = []
    for number, path in enumerate(paths):
        image, other = None, None
        for name in ("", *kinds):
            key = Store.key("implausible", hash_file(path), name, segmenter, version, number, 1)
            kept = store.get(key, ".json")
            if kept is None:
                if image is None or other is None:
                    image, other = (to_canonical(read_volume(p)) for p in (path, paths[number - 1]))
                shown = KINDS[name](image, other, np.random.default_rng(number)) if name else image
                result = judge(shown, segmenter)
                row = {"status": result.status, "reasons": list(result.reasons)}
                text = json.dumps(row)
                kept = store.put(key, ".json", partial(write_row, text))
                print(f"{path.name}: {name or 'as it is'}: {row['reasons']}", file=sys.stderr, flush=True)
            rows.append({"source": source, "scan": path.name, "kind": name, **json.loads(kept.read_text())})
    return rows


def page(table: pd.DataFrame, segmenter: str) -> list[str]:
    """Return the lines of the page."""
    sound, battery = table[table["kind"] == ""], table[table["kind"] != ""]
    lines = [
        "# Implausible images", "",
        f"Printed by `python -m benchmarks.implausible_images` ({stamp()}), segmenter `{segmenter}`. An image counts as flagged when its status is not *ok*, for whatever reason;",
        "\"by plausibility\" counts those with a reason of the checks in `evaluation/plausibility/checks`. The aim: at least 80 % of each kind, at most 5 % of sound scans.", "",
        "| sound scans | n | flagged | by plausibility | reasons |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for source, part in sound.groupby("source", sort=False):
        reasons = sorted({short(r) for rs in part["reasons"] for r in rs})
        lines.append(
            f"| {source} | {len(part)} | {n_flagged(part)} | {n_named(part)} | {'; '.join(reasons)} |"
        )
    lines += [
        "",
        "| implausible images | n | flagged | by plausibility | reasons given most often |",
        "|---|---|---|---|---|",
    ]
    for name, part in battery.groupby("kind", sort=False):
        counts = pd.Series([short(r) for rs in part["reasons"] for r in rs], dtype=object).value_counts()
        mark = " (not in the list that the checks were designed for)" if name in FURTHER else ""
        lines.append(
            f"| {name}{mark} | {len(part)} | {n_flagged(part)} | {n_named(part)} | {'; '.join(counts.index[:2])} |"
        )
    return [*lines, ""]


def short(reason: str) -> str:
    return reason.removeprefix("implausible: ").partition(" (")[0].partition(":")[0]


def n_flagged(part: pd.DataFrame) -> int:
    return int((part["status"] != "ok").sum())


def n_named(part: pd.DataFrame) -> int:
    return sum(any(str(r).startswith("implausible") for r in rs) for rs in part["reasons"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sound", nargs="+", required=True)
    parser.add_argument("--other", nargs="*", default=[])
    parser.add_argument("--most", type=int, default=1000, help="scans of each pattern")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--segmenter", default="synthseg_style_2mm")
    parser.add_argument("--store", type=Path, required=True)
    args = parser.parse_args()
    rows: list[dict[str, object]] = []
    for patterns, kinds in ((args.sound, args.kinds), (args.other, [])):
        for pattern in patterns:
            paths = [Path(name) for name in sorted(glob(pattern))][: args.most]  # noqa: PTH207
            source = Path(pattern).parent.name
            rows += rows_of(paths, kinds, args.segmenter, Store(args.store), source)
    sys.stdout.write("\n".join(page(pd.DataFrame(rows), args.segmenter)) + "\n")


if __name__ == "__main__":
    main()
