"""Structures whose change with age a segmenter does not measure well enough to be judged.

A segmenter whose bias itself changes with age adds that change to every slope, and what it adds depends on
how the images look. ``withheld_ageing.json`` names, for each segmenter, the structures whose bias was not
shown to change by less than 3 % per decade on subjects of known volumes (`makers.measure_age_bias`); question
4 leaves them out and says why. Other tables and segmenters have no such measurement, so nothing is withheld
there.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from plausibrain.analysis.joint_design import Frame
from plausibrain.cohorts.structures import region_of

#: Quantities of ``results.tsv`` that say how one structure changes with age.
_QUANTITIES = ("age_r", "age_slope", "age_beta", "group_by_age")
_NUMBERS = (
    "estimate", "ci_low", "ci_high", "p", "q", "p_equivalence", "null_median", "null_low", "null_high",
    "pass_low", "pass_high", "fail_low", "fail_high", "mde",
)  # fmt: skip


@cache
def age_biases() -> Mapping[str, Mapping[str, Sequence[float]]]:
    """Return the change of bias, % per decade, with its 90 % interval, of withheld regions by segmenter."""
    path = files("plausibrain.analysis").joinpath("withheld_ageing.json")
    biases: dict[str, dict[str, list[float]]] = json.loads(path.read_text())["withheld"]
    return biases


def withheld_reasons(frame: Frame) -> dict[str, str]:
    """Return why the ageing of a structure is withheld, by the name of the structure; empty when none is.

    Parameters
    ----------
    frame : Frame
        Both of whose cohorts went through the same segmenter.
    """
    biases = age_biases().get(frame.generated.sample.segmenter, {})
    return {name: _reason(*biases[region_of(name)]) for name in frame.structures if region_of(name) in biases}


def _reason(slope: float, low: float, high: float) -> str:
    return (
        f"withheld: the bias of the segmenter changes by {slope:+.1f} % per decade "
        f"(90 % interval {low:+.1f} to {high:+.1f})"
    )


def judged_structures(frame: Frame) -> np.ndarray:
    """Return which structures take part in the maps of ageing, bool (s,)."""
    reasons = withheld_reasons(frame)
    return np.array([name not in reasons for name in frame.structures], dtype=bool)


def without_withheld(table: pd.DataFrame, frame: Frame) -> pd.DataFrame:
    """Return rows of ``results.tsv`` without the numbers of withheld structures, with the reason instead.

    Parameters
    ----------
    table : DataFrame
        Columns of `plausibrain.cohorts.schemas.RESULTS`.
    frame : Frame
    """
    reasons = withheld_reasons(frame)
    if not reasons or table.empty:
        return table
    rows = table["structure"].isin(list(reasons)) & table["quantity"].isin(_QUANTITIES)
    table = table.copy()
    table.loc[rows, [name for name in _NUMBERS if name in table]] = np.nan
    table.loc[rows, "verdict"] = ""
    table.loc[rows, "status"] = "not_applicable"
    table.loc[rows, "reason"] = table.loc[rows, "structure"].map(reasons)
    return table
