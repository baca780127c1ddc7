"""Ask trained models for many subjects, measure them, and print ``docs/models_conditioning.md``.

    python -m benchmarks.models_conditioning CHECKPOINT [CHECKPOINT …] [--n 200] [--work runs/models]

Requests are those of simulated subjects whom no model has seen, as in `benchmarks.models`, whose work folder is
used: the reference of that page, and images that lie there. Only requested against measured is judged, so the
subjects themselves need not be drawn, reports are of volumes alone, and two hundred images are affordable.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import bootstrap

from benchmarks.machine import stamp
from benchmarks.models import ASKED, REFERENCE, Plan, contestants, shared_arguments
from benchmarks.models_page import Row, table_line, table_of_conditioning
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.flags import name_value_pairs
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.reports.run_folder import Run, read_run

PREFIX = "conditioning-"
PAGE = """# Do the small models obey, on many requests?

Printed by `python -m benchmarks.models_conditioning CHECKPOINT … --n {n}` on {stamp}.

Every model generated images of the same {n} subjects, whose age, sex, ventricle and brain volume are those of simulated subjects that no model
has seen; all images went through `{segmenter}`. *95 % intervals in brackets.* `models_scores.md` has the whole report of fewer
subjects, with the row of the subjects themselves.

{conditioning}

## Where conditioning ends

Requests in eighths, from the smallest to the largest; means.

{eighths}

A slope over all requests hangs on the largest few. Without the largest twentieth:

{trimmed}
"""
N_PARTS = 8
#: Share of the requests, from the smallest, of the second slope; resamples of its interval.
SHARE, N_RESAMPLES = 0.95, 2000


def scores(
    checkpoints: Sequence[str], plan: Plan, options: Mapping[str, str], *, reference: int
) -> list[Row]:
    """Draw, segment and judge every model.

    Parameters
    ----------
    checkpoints : sequence of str
    plan : Plan
    options : mapping
        For the models.
    reference : int
        Simulated subjects of the other side of the report.
    """
    models = contestants(checkpoints, options)
    small = replace(plan, n=reference)
    small.segment(small.draw(REFERENCE, models[0].model.grid), REFERENCE)
    asked = table_cohort(plan.n, seed=plan.seed + 1, name=ASKED)
    rows = []
    for one in models:
        place, label = PREFIX + one.place, f"{one.label} ({one.place})"
        plan.segment(plan.sample(one.model, asked, place), place)
        rows.append(Row(label, plan.judge(place, label, training=None), one.facts))
    return rows


def eighths(runs: Mapping[str, Run]) -> Iterator[str]:
    """Yield mean requested and measured volume in each eighth of the requests."""
    header = ["condition", "", *(str(part + 1) for part in range(N_PARTS))]
    yield from (table_line(header), table_line(["---"] * len(header)))
    for label, run in runs.items():
        for _, table in run.table("dose").groupby("condition", sort=False):
            means = in_parts(table)
            name, scale = unit_of(table)
            yield table_line([name, "requested", *_rounded(means["requested"] / scale)])
            yield table_line(["", label, *_rounded(means["measured"] / scale)])


def trimmed(runs: Mapping[str, Run]) -> Iterator[str]:
    """Yield the slope of measured on requested volumes without the largest requests."""
    header = ["", "condition", "requests up to", "slope"]
    yield from (table_line(header), table_line(["---"] * len(header)))
    for label, run in runs.items():
        for _, table in run.table("dose").groupby("condition", sort=False):
            kept = table.nsmallest(round(SHARE * len(table)), "requested")
            name, scale = unit_of(table)
            yield table_line([label, name, *_rounded(kept["requested"].tail(1) / scale), slope_of(kept)])


def slope_of(table: pd.DataFrame) -> str:
    """Return slope and percentile interval over resamples of subjects."""
    pairs = table["requested"].to_numpy(float), table["measured"].to_numpy(float)
    low, high = bootstrap(
        pairs, _slope, paired=True, vectorized=False, method="percentile", n_resamples=N_RESAMPLES, rng=0
    ).confidence_interval
    return f"{_slope(*pairs):.3f} [{low:.3f}, {high:.3f}]"


def _slope(requested: NDArray[np.float64], measured: NDArray[np.float64]) -> float:
    return float(np.polyfit(requested, measured, 1)[0])


def in_parts(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean ``requested`` and ``measured`` of subjects sorted by request and dealt into parts."""
    ordered = table.sort_values("requested")
    part = np.arange(len(ordered)) * N_PARTS // len(ordered)
    return ordered.groupby(part)[["requested", "measured"]].mean()


def unit_of(table: pd.DataFrame) -> tuple[str, float]:
    """Return the name of the only condition of a table, with its printed unit, and what a number is divided by."""
    condition, unit = table[["condition", "unit"]].iloc[0]
    return (f"{condition}, mL", 1000.0) if unit == "mm³" else (f"{condition}, {unit}", 1.0)


def _rounded(values: pd.Series) -> list[str]:
    return [f"{value:.1f}" for value in values]


def main() -> None:
    """Measure the models and write the page."""
    parser = shared_arguments(__doc__, out="docs/models_conditioning.md")
    parser.add_argument(
        "--reference", type=int, default=40, help="simulated subjects they are reported against"
    )
    given = parser.parse_args()
    settings = Settings(min_subjects=min(Settings().min_subjects, given.n, given.reference))
    plan = Plan(
        given.work, given.n, given.seed, given.segmenter, given.processes, settings, judges_images=False
    )
    rows = scores(given.checkpoints, plan, name_value_pairs(given.option), reference=given.reference)
    runs = {row.label: read_run(row.run) for row in rows}
    page = PAGE.format(
        stamp=stamp(), n=given.n, segmenter=given.segmenter,
        conditioning="\n".join(table_of_conditioning(runs)), eighths="\n".join(eighths(runs)),
        trimmed="\n".join(trimmed(runs)),
    )  # fmt: skip
    print(write_text_atomic(given.out, page))


if __name__ == "__main__":
    main()
