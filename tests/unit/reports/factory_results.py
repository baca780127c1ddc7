"""The results table of the made-up run: rough estimates from its own volumes, named as analysis does."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.lobes import lobes_of
from plausibrain.cohorts.structures import TIV, names

HEADSIZES = ("covariate", "none", "share")
STRATA = ("F", "M", "50-59", "60-69")

#: Measure of image quality, unit, and how much larger it is in the generated cohort.
QUALITY = (("fwhm_mean", "mm", 0.9), ("cjv", "", 0.0), ("snr_gm", "", -0.08))
#: Ends of the intervals that decide a pass and a fail.
JUDGED = ("pass_low", "pass_high", "fail_low", "fail_high")
#: Split-half reference, and the generated cohort at its n.
SPLITS = (
    *("null_median", "null_low", "null_high"), *("matched_median", "matched_low", "matched_high"), "n_null"
)  # fmt: skip


def verdict(estimate: float, se: float, low: float | None, high: float | None) -> str:
    """Yes, no or inconclusive, as the house decides."""
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    if low < estimate - 1.64 * se and estimate + 1.64 * se < high:
        return "pass"
    return "fail" if estimate - 1.96 * se > high or estimate + 1.96 * se < low else "inconclusive"


class Results:
    """Builds the rows; standard errors are rough."""

    def __init__(self, subjects: pd.DataFrame, volumes: pd.DataFrame, structures: list[str]) -> None:
        self.structures = structures
        self.sides = {}
        for cohort in ("reference", "generated"):
            rows = (subjects.cohort == cohort).to_numpy()
            self.sides[cohort] = subjects[rows].reset_index(drop=True), volumes[rows].reset_index(drop=True)
        self.n = len(self.sides["reference"][0])
        self.se = float(np.sqrt(2 / self.n))

    def table(self) -> pd.DataFrame:
        """All rows."""
        parts = (self._size(), self._spread(), self._age(), self._sex(), self._whole(), self._quality())
        return pd.DataFrame([row for part in parts for row in part])

    def _row(self, question: int, quantity: str, estimate: float, se: float, **more: Any) -> dict[str, Any]:
        numbers = dict.fromkeys((*SPLITS, "margin_low", "margin_high", *JUDGED), np.nan)
        half = 1.96 * se
        row: dict[str, Any] = {
            "question": question,
            "analysis": "made up",
            "quantity": quantity,
            "structure": "",
            "stratum": "all",
            "headsize": "covariate",
            "cohort": "difference",
            "estimate": estimate,
            "ci_low": estimate - half,
            "ci_high": estimate + half,
            "ci_level": 0.95,
            "p": 0.03,
            "q": 0.08,
            "p_equivalence": np.nan,
            "n_reference": self.n,
            "n_generated": self.n,
            "mde": 2.8 * se,
            "unit": "SD",
            "verdict": "",
            "status": "ok",
            "reason": "",
        }
        row |= numbers | more
        if not np.isnan(row["margin_high"]):
            row["verdict"] = verdict(estimate, se, row["margin_low"], row["margin_high"])
            row |= {name: estimate + z * se for name, z in zip(JUDGED, (-1.64, 1.64, -3, 3), strict=True)}
        return row

    def _values(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        reference, generated = (
            self.sides[cohort][1][name].to_numpy() for cohort in ("reference", "generated")
        )
        return reference, generated

    def _size(self) -> Iterator[dict[str, Any]]:
        margin = {"margin_low": -0.2, "margin_high": 0.2}
        null = {"null_median": 0.0, "null_low": -2 * self.se, "null_high": 2 * self.se}
        for name in self.structures:
            reference, generated = self._values(name)
            d = float((generated.mean() - reference.mean()) / reference.std())
            for headsize in HEADSIZES if name != TIV else ("none",):
                more = {"structure": name, "headsize": headsize, "p_equivalence": 0.2}
                yield self._row(2, "adjusted_d", 0.6 * d, self.se, **more, **margin, **null)
            yield self._row(2, "hedges_g", d, self.se, structure=name, headsize="none", **margin)
            for stratum in STRATA:
                more = {"structure": name, "stratum": stratum, "n_reference": self.n // 3}
                yield self._row(2, "adjusted_d", d, 2 * self.se, **more, **margin)

    def _spread(self) -> Iterator[dict[str, Any]]:
        for name in self.structures:
            reference, generated = self._values(name)
            ratio = float(generated.std() / reference.std())
            more = {"structure": name, "unit": "ratio", "margin_low": 0.8, "margin_high": 1.25}
            yield self._row(3, "sd_ratio", ratio, 0.3 * self.se, **more)

    def _age(self) -> Iterator[dict[str, Any]]:
        for name in self.structures[1:]:
            values = {}
            for cohort, (subjects, volumes) in self.sides.items():
                z = volumes[name].to_numpy() / self._values(name)[0].std()
                values[cohort] = 10 * float(np.polyfit(subjects.age, z, 1)[0])
                yield self._row(
                    4, "age_beta", values[cohort], 0.1, structure=name, cohort=cohort, unit="SD per decade"
                )
            difference = values["generated"] - values["reference"]
            yield self._row(4, "age_beta", difference, 0.14, structure=name, unit="SD per decade")

    def _sex(self) -> Iterator[dict[str, Any]]:
        for name in self.structures[1:]:
            for cohort, (subjects, volumes) in self.sides.items():
                male, values = (subjects.sex == "M").to_numpy(), volumes[name].to_numpy()
                d = float((values[male].mean() - values[~male].mean()) / values.std())
                yield self._row(5, "sex_d_adjusted", d, self.se, structure=name, cohort=cohort)

    def _quality(self) -> Iterator[dict[str, Any]]:
        for name, _, shift in QUALITY:
            more = {"structure": name, "headsize": "none"}
            margin = {"margin_low": -0.5, "margin_high": 0.5}
            yield self._row(7, "quality_d", 10 * shift, self.se, **more, **margin)
            for cohort in ("reference", "generated"):
                value = 1 + shift * (cohort == "generated")
                yield self._row(7, "quality_mean", value, 0.01, cohort=cohort, unit="own unit", **more)

    def _whole(self) -> Iterator[dict[str, Any]]:
        for place, lobe in enumerate(lobes_of(names("dk"))):
            yield self._row(2, "lobe_difference", 0.05 * place - 0.2, self.se, stratum=lobe)
            yield self._row(2, "lobe_share_small", place / 12, 0.1, stratum=lobe, unit="share")
        for headsize in ("none", "covariate"):
            yield self._row(4, "age_deming_slope", 0.7, 0.1, headsize=headsize, unit="slope")
        for cohort in ("reference", "generated"):
            for stratum in ("all", "F", "M"):
                more = {"cohort": cohort, "stratum": stratum, "headsize": "none", "unit": "share"}
                yield self._row(1, "excluded", 0.025, 0.01, **more)
        reason = "mean of 100 subsamples; not a confidence interval"
        splits = dict(zip(SPLITS, (3.1, 2.9, 3.4, 4.8, 4.4, 5.3, self.n // 2), strict=True))
        more = {"unit": "1e-4", "headsize": "share", "reason": reason} | splits
        yield self._row(8, "wasabi_published", 3.9, 0.2, **more)
        failed = {"status": "failed", "reason": "undefined on these subjects"}
        yield self._row(8, "wasabi_plain", np.nan, np.nan, unit="1e-4", headsize="share", **failed)
