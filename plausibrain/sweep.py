"""The command `sweep`: one subject and one noise while one condition varies, inside and outside its range.

Figures 2 and 4 of Pinaya2022 in one command: strips of slices, requested against measured along the sweep,
and what else moved with the condition. Every image of a strip has the noise of the same seed, so that a
difference between two of them is due to the request.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.analysis.settings import Settings
from plausibrain.analysis.sweep_verdicts import sweep_verdicts
from plausibrain.cohorts.cohort import OK, Cohort, read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.requested_volumes import (
    BRAIN,
    BRAIN_NORMALISED,
    MEASURE_LABELS,
    REQUESTED_VOLUMES,
    VENTRICLE,
    answer,
)
from plausibrain.cohorts.schemas import SWEEP_VERDICTS
from plausibrain.cohorts.store import write_atomic, write_text_atomic
from plausibrain.cohorts.structures import TIV
from plausibrain.cohorts.tables import write_table
from plausibrain.cohorts.volumes import read_volume
from plausibrain.generation.conditions import (
    AGE,
    SEX,
    SEXES,
    Sweep,
    brain_column,
    conditions_sweep,
    reference_conditions,
)
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.sample_cohort import condition_ranges, sample_cohort
from plausibrain.generator_run import COARSE_MM, COARSE_SEGMENTER
from plausibrain.imaging import DEFAULT_SEGMENTER, segment
from plausibrain.models import load_model

Progress = Callable[[str, int, int], None]
SHORT = {"age": AGE, "ventricle": VENTRICLE, "brain": BRAIN, "brain_normalised": BRAIN_NORMALISED}
NAMES = {AGE: "age"} | {column: one.label for column, one in REQUESTED_VOLUMES.items()}
#: Colour of a measure in figures, by the name of its column.
COLOURS = {
    "ventricle": "tab:blue", "brain": "tab:green", "brain_normalised": "tab:green", "tiv": "tab:purple",
}  # fmt: skip
#: What a unit of the command line is in the table: years, and mL in mm3.
UNITS = {AGE: (1.0, "years")} | dict.fromkeys(REQUESTED_VOLUMES, (1000.0, "mL"))
NORMS_N, NORMS_SEED = 400, 11
TABLE, PICTURE, SUMMARY, VERDICTS = "sweep.tsv", "sweep.png", "sweep.json", "sweep_verdicts.tsv"


@dataclass(frozen=True)
class SweepPlan:
    """What is asked for.

    Attributes
    ----------
    condition : str
        ``age``, ``ventricle``, ``brain`` or ``brain_normalised``, as the model takes it.
    values : tuple of float
        Years or mL; empty for `n_levels` values over the range of the reference and `beyond` on both sides.
    n_levels : int
    beyond : float
        Share of the range.
    sexes : tuple of str
    n_repeats : int
        Noises per sex, each a strip.
    seed : int
    """

    condition: str
    values: tuple[float, ...] = ()
    n_levels: int = 7
    beyond: float = 0.25
    sexes: tuple[str, ...] = SEXES
    n_repeats: int = 1
    seed: int = 0

    @property
    def column(self) -> str:
        """The condition's column; `DataError` if there is none of that name."""
        if self.condition not in SHORT:
            raise DataError(f"expected --condition {', '.join(SHORT)}, got {self.condition!r}")
        return SHORT[self.condition]


def run_sweep(
    out: Path,
    plan: SweepPlan,
    *,
    generator: str,
    checkpoint: Path | None = None,
    like: Path | None = None,
    segmenter: str | None = None,
    options: Mapping[str, str] | None = None,
    sex_coding: str | None = None,
    n_processes: int = 1,
    device: str = "auto",
    progress: Progress | None = None,
) -> str:
    """Sample, segment, and write table, picture and summary into a folder; return one line.

    Parameters
    ----------
    out : Path
    plan : SweepPlan
    generator : str
        Name of a model.
    checkpoint : Path, optional
        The package's own where nothing is said.
    like : Path, optional
        Reference cohort: its medians by sex are what does not vary, its ranges by sex what counts as inside.
        By default the simulator's norms.
    segmenter : str, optional
    options : mapping, optional
        Of the model.
    sex_coding : str, optional
    n_processes : int
    device : str
        Where model and segmenter run: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
    progress : callable, optional

    Raises
    ------
    DataError
        When model, reference and plan do not fit each other.
    """
    model = load_model(generator, checkpoint, options or {}, device=device)
    reference = _reference(like, sex_coding, brain_column(model.conditions))
    table = requests(plan, reference)

    def tell(n_done: int, of: int) -> None:
        if progress is not None:
            progress("sampling images", n_done, of)

    sample = sample_cohort(model, table, out / "generated", seed=plan.seed, on_image=tell)
    coarse = float(np.linalg.norm(model.grid.matrix[:3, 0])) >= COARSE_MM
    measured = segment(
        sample, out / "measured", segmenter=segmenter or (COARSE_SEGMENTER if coarse else DEFAULT_SEGMENTER),
        n_processes=n_processes, device=device, progress=progress,
    )  # fmt: skip
    rows = measurements(measured, table, plan.column, trained_range(model, plan.column))
    text = rows.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n")
    write_text_atomic(out / TABLE, text)
    facts = summary(rows, plan.column)
    verdicts = judge_sweep(rows, plan.column)
    write_table(verdicts, out / VERDICTS, SWEEP_VERDICTS)
    write_text_atomic(out / SUMMARY, _json(facts))
    images = [read_volume(path).data for path in sample.images or () if path is not None]
    write_atomic(out / PICTURE, lambda path: _plot(rows, images, plan.column, facts, path))
    return f"{_sentence(facts, plan.column, out)}; {_verdicts_in_words(verdicts)}"


def judge_sweep(rows: pd.DataFrame, column: str, settings: Settings | None = None) -> pd.DataFrame:
    """Return verdicts on the slope inside and outside the reference, and on what leaks."""
    kinds = {name: _short(name.removeprefix("measured_")) for name in others(rows, column)}
    plain_kinds = {name: kind.removesuffix("_normalised") for name, kind in kinds.items()}
    return sweep_verdicts(
        rows, condition="age" if column == AGE else NAMES[column], own=f"measured_{_short(column)}_mm3",
        others=plain_kinds, settings=settings or Settings(),
    )  # fmt: skip


def _verdicts_in_words(verdicts: pd.DataFrame) -> str:
    counts = verdicts["verdict"].value_counts()
    phrases = [
        f"{counts[name]} {name}" for name in ("pass", "fail", "inconclusive", "not judged") if name in counts
    ]
    return f"verdicts: {', '.join(phrases) or 'none'} ({VERDICTS})"


def _json(facts: Mapping[str, Any]) -> str:
    import json

    return json.dumps(facts, indent=1) + "\n"


def _reference(like: Path | None, sex_coding: str | None, brain: str) -> pd.DataFrame:
    if like is None:
        return reference_conditions(table_cohort(NORMS_N, seed=NORMS_SEED, name="norms"), brain=brain)
    return reference_conditions(read_cohort(like, sex_coding=sex_coding, min_subjects=1), brain=brain)


def requests(plan: SweepPlan, reference: pd.DataFrame) -> pd.DataFrame:
    """Return the table of conditions: by sex and repetition, one row per value, in rising order.

    Levels, and what counts as outside, are those of the sex.
    """
    scale, _ = UNITS[plan.column]
    values = tuple(scale * value for value in sorted(plan.values))
    sweep = Sweep(plan.column, len(values) or plan.n_levels, plan.beyond, values=values)
    parts = []
    for sex in plan.sexes:
        own, n = reference[reference[SEX] == sex], plan.n_repeats * sweep.n_levels
        parts.append(conditions_sweep(own, [sweep], n=n, seed=plan.seed, sexes=(sex,)))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(participant_id=[f"sub-{row + 1:05d}" for row in range(len(table))])


def trained_range(model: Any, column: str) -> tuple[float, float] | None:
    """Return the range of a condition that a model was trained on, or None where it does not say."""
    ranges = condition_ranges(model)
    candidates = (ranges[name] for name in (column, column.removeprefix("requested_")) if name in ranges)
    return next(candidates, None)


def measurements(
    measured: Cohort, table: pd.DataFrame, column: str, limits: tuple[float, float] | None
) -> pd.DataFrame:
    """Return one row per image: what was requested, what was measured, and whether the request was in range.

    Columns ``inside_reference`` (range of the sex in the reference) and ``inside_training``; volumes in mm3,
    missing where the segmentation failed its checks.
    """
    if measured.volumes is None:
        raise DataError("the segmenter gave no volumes; choose another with --segmenter")
    volumes = measured.volumes.copy()
    volumes.loc[measured.subjects["status"].ne(OK).to_numpy()] = np.nan
    requested = [name for name in REQUESTED_VOLUMES if name in table]
    rows = table[["participant_id", "subject", "sex", AGE, *requested]].copy()
    rows["requested"] = table[column].to_numpy(float)
    rows["inside_reference"] = ~table["extrapolated"].str.contains(column).to_numpy()
    low, high = limits or (-np.inf, np.inf)
    rows["inside_training"] = rows["requested"].between(low, high)
    for request in (VENTRICLE, BRAIN_NORMALISED if BRAIN_NORMALISED in table else BRAIN):
        own = answer(volumes, request)
        if own is not None:
            rows[f"measured_{_short(request)}_mm3"] = own.to_numpy()
    rows["measured_tiv_mm3"] = volumes[TIV].to_numpy() if TIV in volumes else np.nan
    return rows


def _short(column: str) -> str:
    return column.removeprefix("requested_").removesuffix("_mm3")


def summary(rows: pd.DataFrame, column: str) -> dict[str, Any]:
    """Return correlation and slope of measured on requested, and how far all else moves, inside and outside.

    Leakage is the slope of another measure over the sweep: its relative change from one end of the
    reference's range to the other, in percent, averaged over strips.
    """
    facts: dict[str, Any] = {"condition": NAMES[column], "n_images": len(rows)}
    facts["n_failed"] = int(rows["measured_tiv_mm3"].isna().sum())
    own = f"measured_{_short(column)}_mm3"
    parts = {"all": rows, "inside the reference": rows[rows["inside_reference"]],
             "outside the reference": rows[~rows["inside_reference"]]}  # fmt: skip
    for name, part in parts.items():
        if own in rows:
            facts[name] = _agreement(part["requested"], part[own])
    inside, leaks = rows[rows["inside_reference"]], {}
    for other in others(rows, column):
        leaks[_short(other.removeprefix("measured_"))] = _change(inside, other)
    return facts | {"leakage, percent": leaks}


def others(rows: pd.DataFrame, column: str) -> list[str]:
    """Return the columns of measures that the condition should not move."""
    own = f"measured_{_short(column)}_mm3"
    return [str(name) for name in rows if str(name).startswith("measured_") and name != own]


def _agreement(requested: pd.Series, measured: pd.Series) -> dict[str, float | None]:
    complete = measured.notna()
    x, y = requested[complete].to_numpy(float), measured[complete].to_numpy(float)
    if len(x) < 3 or np.ptp(x) == 0:
        return {"n": len(x), "r": None, "slope": None}
    slope = float(np.polyfit(x, y, 1)[0])
    r = float(np.corrcoef(x, y)[0, 1]) if np.ptp(y) > 0 else 0.0
    return {"n": len(x), "r": round(r, 4), "slope": round(slope, 4)}


def _change(rows: pd.DataFrame, other: str) -> float | None:
    changes = []
    for _, strip in rows.dropna(subset=[other]).groupby("subject"):
        x, y = strip["requested"].to_numpy(float), strip[other].to_numpy(float)
        if len(x) >= 2 and np.ptp(x) > 0:
            changes.append(100 * float(np.polyfit(x, y, 1)[0]) * np.ptp(x) / float(y.mean()))
    return round(float(np.mean(changes)), 2) + 0.0 if changes else None  # no minus before a zero


def _sentence(facts: Mapping[str, Any], column: str, out: Path) -> str:
    whole = facts.get("all")
    if whole is None or whole["slope"] is None:
        agreement = f"no measure answers {NAMES[column]} directly"
    else:
        agreement = f"slope of measured on requested {NAMES[column]} {whole['slope']:.2f}, r {whole['r']:.3f}"
    leaks = {k: v for k, v in facts["leakage, percent"].items() if v is not None}
    leakage = ", ".join(f"{MEASURE_LABELS[name]} {value:+.1f} %" for name, value in leaks.items())
    return f"{out / PICTURE}: {facts['n_images']} images; {agreement}; over the reference's range: {leakage}"


def _plot(
    rows: pd.DataFrame, images: Sequence[np.ndarray], column: str, facts: Mapping[str, Any], path: Path
) -> None:
    """Write strips above, requested against measured and leakage below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scale, unit = UNITS[column]
    strips = [list(part.index) for _, part in rows.groupby("subject", sort=False)]
    n = max(len(strip) for strip in strips)
    height = 1.35 * len(strips) * 2 + 3.4
    figure = Figure(figsize=(max(8.0, 1.25 * n), height), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=[1.35 * len(strips) * 2, 3.4])
    upper, lower = halves
    axes = upper.subplots(2 * len(strips), n, squeeze=False)
    for place, strip in enumerate(strips):
        for at, row in enumerate(strip):
            _slices(axes[2 * place : 2 * place + 2, at], images[row], rows.loc[row], scale, unit)
        axes[2 * place, 0].set_ylabel(rows.loc[strip[0], "sex"], fontsize=9)
    for one in axes.flat:
        one.set_xticks([])
        one.set_yticks([])
        if not one.images:
            one.set_visible(False)
    left, right = lower.subplots(1, 2)
    _agreement_panel(left, rows, column)
    _leakage_panel(right, rows, column)
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png", dpi=110)


def _slices(axes: np.ndarray, image: np.ndarray, row: pd.Series, scale: float, unit: str) -> None:
    _, j, k = (size // 2 for size in image.shape)
    for ax, view in zip(axes, (image[:, :, k].T, image[:, j, :].T), strict=True):
        ax.imshow(view, cmap="gray", origin="lower", vmin=0, vmax=float(image.max()))
        colour = "black" if row["inside_reference"] else "tab:orange" if row["inside_training"] else "tab:red"
        for spine in ax.spines.values():
            spine.set_color(colour)
            spine.set_linewidth(1.5)
    axes[0].set_title(f"{row['requested'] / scale:.0f} {unit}", fontsize=8, color=colour)


def _agreement_panel(ax: Any, rows: pd.DataFrame, column: str) -> None:
    scale, unit = UNITS[column]
    own = f"measured_{_short(column)}_mm3"
    if own not in rows:
        ax.set_axis_off()
        return
    for _, part in rows.groupby("subject", sort=False):
        label = str(part["sex"].iloc[0])
        ax.plot(part["requested"] / scale, part[own] / scale, "o-", ms=3, lw=1, label=label)
    ends = np.array([rows["requested"].min(), rows["requested"].max()]) / scale
    ax.plot(ends, ends, color="0.6", lw=1, ls="--", label="equal")
    ax.set_xlabel(f"Requested {NAMES[column]}, {unit}", fontsize=8)
    ax.set_ylabel(f"Measured {NAMES[column]}, {unit}", fontsize=8)
    ax.legend(fontsize=7)
    ax.tick_params(labelsize=7)


def _leakage_panel(ax: Any, rows: pd.DataFrame, column: str) -> None:
    scale, unit = UNITS[column]
    for other in others(rows, column):
        name = _short(other.removeprefix("measured_"))
        for number, (_, part) in enumerate(rows.groupby("subject", sort=False)):
            change = 100 * (part[other] / part[other].mean() - 1)
            ax.plot(
                part["requested"] / scale, change, "o-", ms=3, lw=1, color=COLOURS[name],
                label=None if number else MEASURE_LABELS[name],
            )  # fmt: skip
    ax.axhline(0, color="0.6", lw=1, ls="--")
    ax.set_xlabel(f"Requested {NAMES[column]}, {unit}", fontsize=8)
    ax.set_ylabel("Difference from the mean of the strip, %", fontsize=8)
    ax.legend(fontsize=7)
    ax.tick_params(labelsize=7)
