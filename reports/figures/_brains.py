"""Numbers of structures painted on a brain in three planes: plotting shared by the brain figures."""

from functools import cache
from importlib.resources import as_file, files

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, TwoSlopeNorm

from plausibrain.cohorts.lobes import lobes_of
from plausibrain.cohorts.structures import find_structure, names
from plausibrain.reports.figures._rows import point_text
from plausibrain.reports.svg import INK_2, NARROW_PX

COLOURS = "RdBu_r"
ENLARGED = 2  # image pixels per mm, so that the outlines are thin
GAP_MM = 8
NOT_MEASURED_GREY, OUTLINE = (0.62, 0.63, 0.65), (0.25, 0.27, 0.3)
SIZE_PX = (NARROW_PX, 182.0)
RATIO_TICKS = (0.25, 0.5, 0.8, 1.0, 1.25, 2.0, 4.0)
BOX = (0.005, 0.27, 0.99, 0.62)  # of the axes, in figure fractions
BAR = (0.15, -0.08, 0.7, 0.05)  # of the colour bar, in axes fractions
#: Planes: the axis that is cut, the structures whose centre it passes through, and its title.
PLANES = (
    (2, ("Left-Thalamus", "Right-Thalamus"), "Axial"),
    (1, ("Left-Hippocampus", "Right-Hippocampus"), "Coronal"),
    (0, ("Left-Hippocampus",), "Sagittal"),
)
#: Where lobes are shown: both hemispheres from the side.
LOBE_PLANES = (
    (2, ("Left-Thalamus", "Right-Thalamus"), "Axial"),
    (0, ("Left-Hippocampus",), "Left"),
    (0, ("Right-Hippocampus",), "Right"),
)
FIRST_LOBE = 101  # above every label of the brain without parcels


@cache
def atlas() -> np.ndarray:
    """FreeSurfer labels of the shipped brain, (I, J, K), RAS+, 1 mm."""
    with as_file(files("plausibrain.reports") / "data" / "atlas.npz") as path, np.load(path) as content:
        return np.asarray(content["labels"])


@cache
def lobes() -> dict[str, int]:
    """Label of every lobe and hemisphere in `lobe_atlas`, by the name that results give it."""
    return {name: FIRST_LOBE + i for i, name in enumerate(lobes_of(names("dk")))}


@cache
def lobe_atlas() -> np.ndarray:
    """Labels of the shipped brain with the cortex divided into lobes, (I, J, K)."""
    with as_file(files("plausibrain.reports") / "data" / "atlas.npz") as path, np.load(path) as content:
        places = np.asarray(content["parcels"])
    lobe_of_place = np.zeros(len(names("dk")) + 1, np.uint8)
    for name, members in lobes_of(names("dk")).items():
        lobe_of_place[np.array(members) + 1] = lobes()[name]
    return np.where(places > 0, lobe_of_place[places], atlas())


@cache
def plane(axis: int, structures: tuple[str, ...], *, by_lobe: bool = False) -> np.ndarray:
    """Labels of one plane through the centre of some structures, rows from top to bottom."""
    indices = [structure.index for name in structures if (structure := find_structure(name)) is not None]
    at = round(float(np.argwhere(np.isin(atlas(), indices))[:, axis].mean()))
    return np.take(lobe_atlas() if by_lobe else atlas(), at, axis=axis).T[::-1]


def on_atlas(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows whose structure is labelled in the shipped brain."""
    present = set(np.unique(atlas()).tolist())
    indices = table.structure.map(lambda name: getattr(find_structure(name), "index", -1))
    return table.assign(index=indices)[indices.isin(present)]


def paint_brains(
    table: pd.DataFrame,
    ax: Axes,
    *,
    norm: Normalize,
    label: str,
    by_lobe: bool = False,
    colours: str = COLOURS,
) -> Axes:
    """Paint the estimates of structures, or of lobes, on three planes, with a colour bar.

    Parameters
    ----------
    table : DataFrame
        As `on_atlas` returns it.
    ax : Axes
    norm : Normalize
        From estimates to the colours.
    label : str
        What the colours mean.
    by_lobe : bool
        Whether `index` is that of `lobes`.
    colours : str
        Of matplotlib's colour maps.
    """
    rgba = _colours(table, norm, colours)
    planes = LOBE_PLANES if by_lobe else PLANES
    cuts = [plane(axis, structures, by_lobe=by_lobe) for axis, structures, _ in planes]
    left, height = 0.0, max(labels.shape[0] for labels in cuts)
    for labels, (_, _, title) in zip(cuts, planes, strict=True):
        high, wide = labels.shape
        low = (height - high) / 2
        ax.imshow(_picture(labels, rgba), extent=(left, left + wide, low, low + high), interpolation="none")
        ax.text(left + wide / 2, height + 4, title, ha="center", va="bottom", color=INK_2)
        left += wide + GAP_MM
    ax.set(xlim=(0, left - GAP_MM), ylim=(0, height + 4))
    ax.set_position(BOX)
    ax.set_axis_off()
    bar = ax.inset_axes(BAR)
    mappable = mpl.cm.ScalarMappable(norm, colours)
    scale = ax.figure.colorbar(mappable, cax=bar, orientation="horizontal", label=label)
    if isinstance(norm, LogNorm):
        low, high = (float(value) for value in bar.get_xlim())
        scale.set_ticks([tick for tick in RATIO_TICKS if low <= tick <= high])
        scale.ax.xaxis.set_major_formatter("{x:g}")
        scale.minorticks_off()
    return ax


def _colours(table: pd.DataFrame, norm: Normalize, name: str) -> np.ndarray:
    """RGBA of every label, (256, 4); transparent outside the brain, grey without a number."""
    colours = np.ones((256, 4))
    colours[:, :3] = NOT_MEASURED_GREY
    colours[0] = 0.0
    rgba = mpl.colormaps[name](norm(table.estimate.to_numpy(dtype=float)))
    colours[table["index"].to_numpy(dtype=int)] = rgba
    return colours


def _picture(labels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """RGBA picture of a plane with thin outlines between structures, (rows, columns, 4)."""
    big = labels.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
    edge = np.zeros(big.shape, dtype=bool)
    edge[1:] |= big[1:] != big[:-1]
    edge[:, 1:] |= big[:, 1:] != big[:, :-1]
    picture = colours[big]
    picture[edge, :3] = 0.5 * picture[edge, :3] + 0.5 * np.array(OUTLINE)
    picture[edge, 3] = 1.0
    return np.asarray(picture)


def difference_norm(table: pd.DataFrame, *, least: float) -> Normalize:
    """Colours centred at zero that reach the largest estimate."""
    reach = max(least, float(table.estimate.abs().max()))
    return TwoSlopeNorm(0.0, -reach, reach)


def ratio_norm(table: pd.DataFrame, *, least: float) -> Normalize:
    """Colours centred at a ratio of 1 that reach the largest or smallest estimate."""
    reach = max(least, float(np.exp(np.log(table.estimate.clip(lower=1e-3)).abs().max())))
    return LogNorm(1 / reach, reach)


def describe_brains(table: pd.DataFrame) -> str:
    """Name the lowest and the highest structures in words."""
    ranking = table.sort_values("estimate", kind="stable")
    ends = pd.concat([ranking.head(2), ranking.tail(2)]).drop_duplicates("structure")
    return f"{len(table)} structures painted on a brain. {'; '.join(ends.apply(point_text, axis=1))}."
