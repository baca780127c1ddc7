"""Numbers of one analysis of simulated cohorts, as JSON: what a change of the statistics must not move."""

import math
from typing import Any

import pandas as pd

from plausibrain.analysis.analyse import Analysis, analyse
from plausibrain.analysis.settings import Settings
from plausibrain.generation.demo_cohorts import table_cohort
from tests.unit.analysis.factory import with_quality
from tests.unit.analysis.feature_factory import with_images

SETTINGS = Settings(n_resamples=200, n_splits=40, wasabi_repeats=10)
NUMBERS = ("estimate", "se", "ci_low", "ci_high", "judged", "margin_low", "margin_high")
KEYS = ["question", "analysis", "quantity", "headsize", "cohort", "stratum"]


def snapshot_analysis() -> Analysis:
    """Analyse 150 reference and 130 generated subjects with volumes, image quality and features."""
    reference, generated = (
        with_images(with_quality(table_cohort(n, seed=seed, name=name), seed=seed), seed)
        for n, seed, name in ((150, 11, "r"), (130, 12, "g"))
    )
    return analyse(reference, generated, SETTINGS)


def headline_numbers(scorecard: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """Return the numbers of every headline that was computed, with median null and matched values."""
    found = {}
    for question in scorecard["questions"]:
        for entry in question["headlines"]:
            if entry["status"] == "ok":
                sides = {k: (entry[k] or {}).get("median") for k in ("null", "matched")}
                found[entry["name"]] = {k: entry[k] for k in NUMBERS} | sides
    return found


def table_numbers(results: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return sums over structures of the columns of the results table, by quantity."""
    found = {}
    for key, rows in results.groupby(KEYS, sort=False):
        sums = {
            c: float(pd.to_numeric(rows[c]).sum())
            for c in ("estimate", "ci_low", "ci_high", "p", "null_median")
        }
        found["|".join(map(str, key))] = {k: v for k, v in sums.items() if math.isfinite(v)}
    return found
