"""A plausible run folder made of random people, in the shape described in docs/architecture.md."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cohorts.schemas import SCHEMAS
from cohorts.structures import STRUCTURES, TIV
from cohorts.tables import write_table

#: Typical volume of one hemisphere or midline structure at 60 years (mL), and slope (% of it per year).
TYPICAL = {
    "Cerebral-White-Matter": (228.0, -0.27),
    "Cerebral-Cortex": (219.0, -0.30),
    "Lateral-Ventricle": (13.0, 2.4),
    "Inf-Lat-Vent": (0.4, 2.3),
    "Cerebellum-White-Matter": (14.0, -0.5),
    "Cerebellum-Cortex": (52.0, -0.23),
    "Thalamus": (6.8, -0.41),
    "Caudate": (3.3, -0.05),
    "Putamen": (4.4, -0.38),
    "Pallidum": (1.9, -0.24),
    "Hippocampus": (3.8, -0.38),
    "Amygdala": (1.5, -0.43),
    "Accumbens-area": (0.46, -0.95),
    "VentralDC": (3.9, -0.34),
    "3rd-Ventricle": (1.3, 2.0),
    "4th-Ventricle": (1.7, 0.6),
    "Brain-Stem": (21.0, -0.1),
    "CSF": (230.0, 0.5),
}
QUESTIONS = (
    "Whole?",
    "Right size?",
    "Right spread?",
    "Ages as people do?",
    "Sexes differ as people do?",
    "Obeys its conditions?",
    "Looks like a scan?",
    "Covers the population?",
    "New people?",
    "Useful?",
)
NOT_MEASURED = {
    7: "no images in this run",
    9: "no training images were given",
    10: "no downstream task was asked for",
}
CONDITIONS = {
    "requested_age": ("years", 0.35),
    "requested_ventricle_mm3": ("mm3", 0.8),
    "requested_brain_mm3": ("mm3", 0.1),
}
HEADSIZES = ("covariate", "none", "share", "pooled_residual")


@dataclass
class Names:
    """What a hostile or careless user might call things."""

    run: str = "ldm-1 against clinic-a"
    reference: str = "clinic-a"
    generated: str = "ldm-1"
    structures: dict[str, str] = field(default_factory=dict)
    person: str = "sub-{cohort}{row:04d}"


class RunFactory:
    """Writes one run folder; the same arguments write the same bytes."""

    def __init__(
        self, *, n_structures: int = 33, n: int = 120, seed: int = 0, names: Names | None = None
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.n, self.names = n, names or Names()
        atlas = ("aseg",) if n_structures <= 33 else ("aseg", "dk")
        chosen = [s for s in STRUCTURES if s.atlas in atlas][: n_structures - 1]
        self.regions = {self.names.structures.get(s.name, s.name): s.region for s in chosen}
        self.structures = [TIV, *self.regions]
        self.scales = self.rng.normal(1.0, 0.04, len(chosen)), self.rng.uniform(0.5, 1.1, len(chosen))
        self.people = pd.concat([self._people("reference"), self._people("generated")], ignore_index=True)
        self.volumes = self._volumes()
        self.results: list[dict[str, Any]] = []

    def _people(self, cohort: str) -> pd.DataFrame:
        rng, n = self.rng, self.n
        letter = {"reference": "r", "generated": "g"}[cohort]
        ids = [self.names.person.format(cohort=letter, row=row) for row in range(n)]
        age = rng.normal(63 if cohort == "reference" else 58, 8, n).clip(44, 88).round(1)
        status = np.where(np.arange(n) % 40 == 7, "excluded", "ok")
        reason = np.where(status == "excluded", "missing age", "")
        people = pd.DataFrame({"cohort": cohort, "participant_id": ids, "person": ids, "age": age})
        return people.assign(
            sex=rng.choice(["F", "M"], n), site=rng.choice(["a", "b"], n), status=status, reason=reason
        )

    def _volumes(self) -> pd.DataFrame:
        people, rng = self.people, self.rng
        generated, male = (people.cohort == "generated").to_numpy(), (people.sex == "M").to_numpy()
        head = rng.normal(0, np.where(generated, 0.06, 0.09))
        columns: dict[str, np.ndarray] = {TIV: 1460e3 * np.exp(head + 0.10 * male - 0.03 * generated)}
        shared = rng.normal(0, 0.05, len(people))
        for i, (name, region) in enumerate(self.regions.items()):
            typical, slope = TYPICAL.get(region, (6.0, -0.3))
            noise = rng.normal(0, 0.35 if slope > 1 else 0.08, len(people)) * np.where(
                generated, self.scales[1][i], 1
            )
            growth = slope / 100 * (people.age.to_numpy() - 60) * np.where(generated, 0.7, 1)
            bias = np.where(generated, self.scales[0][i], 1)
            columns[name] = typical * 1e3 * np.exp(0.8 * (head + 0.1 * male) + growth + noise + shared) * bias
        frame = pd.DataFrame(columns)
        return pd.concat([people[["cohort", "participant_id"]], frame], axis=1)

    # --- estimates ---

    def _add(
        self, question: int, analysis: str, quantity: str, estimate: float, se: float, **more: Any
    ) -> None:
        half = 1.96 * se
        row = {
            "question": question,
            "analysis": analysis,
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
            "p_equivalence": 0.2,
            "n_reference": self.n,
            "n_generated": self.n,
            "null_median": np.nan,
            "null_low": np.nan,
            "null_high": np.nan,
            "margin_low": np.nan,
            "margin_high": np.nan,
            "mde": 2.8 * se,
            "unit": "SD",
            "verdict": "",
            "status": "ok",
            "reason": "",
        }
        self.results.append(row | more)

    @staticmethod
    def _verdict(estimate: float, se: float, low: float | None, high: float | None) -> str:
        low, high = -np.inf if low is None else low, np.inf if high is None else high
        if low < estimate - 1.64 * se and estimate + 1.64 * se < high:
            return "yes"
        return "no" if estimate - 1.96 * se > high or estimate + 1.96 * se < low else "cannot tell"

    def _moments(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        generated = (self.people.cohort == "generated").to_numpy()
        values = self.volumes[name].to_numpy()
        male = (self.people.sex == "M").to_numpy()
        return values[~generated], values[generated], male[~generated], male[generated]

    def _size(self) -> None:
        se = float(np.sqrt(2 / self.n))
        for name in self.structures:
            reference, generated, *_ = self._moments(name)
            d = float(
                (generated.mean() - reference.mean()) / np.sqrt((reference.var() + generated.var()) / 2)
            )
            null = {"null_median": 0.0, "null_low": -2 * se, "null_high": 2 * se}
            for headsize in HEADSIZES:
                value = d * (1 if headsize == "none" else 0.6)
                verdict = self._verdict(value, se, -0.2, 0.2)
                self._add(
                    2,
                    "size",
                    "hedges_g",
                    value,
                    se,
                    structure=name,
                    headsize=headsize,
                    verdict=verdict,
                    margin_low=-0.2,
                    margin_high=0.2,
                    **null,
                )
            for stratum in ("F", "M", "50-59", "60-69"):
                verdict = self._verdict(d, 2 * se, -0.2, 0.2)
                self._add(
                    2,
                    "size",
                    "hedges_g",
                    d,
                    2 * se,
                    structure=name,
                    stratum=stratum,
                    verdict=verdict,
                    n_reference=self.n // 3,
                    n_generated=self.n // 3,
                    margin_low=-0.2,
                    margin_high=0.2,
                )

    def _spread(self) -> None:
        for name in self.structures:
            reference, generated, *_ = self._moments(name)
            ratio, se = float(generated.std() / reference.std()), 1 / float(np.sqrt(self.n))
            verdict = self._verdict(ratio, se, 0.8, 1.25)
            self._add(
                3,
                "spread",
                "sd_ratio",
                ratio,
                se,
                structure=name,
                unit="ratio",
                margin_low=0.8,
                margin_high=1.25,
                verdict=verdict,
            )

    def _maps(self) -> None:
        for name in self.structures[1:]:
            slope = TYPICAL.get(self.regions[name], (6.0, -0.3))[1]
            noise = self.rng.normal(0, 0.05, 2)
            for cohort, value in (("reference", slope + noise[0]), ("generated", 0.7 * slope + noise[1])):
                self._add(4, "ageing", "age_slope", value, 0.08, structure=name, cohort=cohort, unit="%/year")
            self._add(4, "ageing", "age_slope", -0.3 * slope, 0.11, structure=name, unit="%/year")
            sides = self._moments(name)
            for cohort, values, male in (
                ("reference", sides[0], sides[2]),
                ("generated", sides[1], sides[3]),
            ):
                d = float((values[male].mean() - values[~male].mean()) / values.std())
                self._add(5, "sex", "sex_d", d, 0.15, structure=name, cohort=cohort)

    # --- the other tables ---

    def _curves(self) -> pd.DataFrame:
        rows = []
        for name in [*self.structures[1:8], "Left-Hippocampus"]:
            base = float(self.volumes[name].mean()) if name in self.volumes else 0.0
            for cohort, factor in (("reference", 1.0), ("generated", 0.97)):
                for sex, lift in (("F", 0.96), ("M", 1.04)):
                    for age in range(45, 86, 4):
                        value = base * factor * lift * (1 - 0.004 * (age - 60))
                        rows.append([name, sex, age, cohort, value, 0.97 * value, 1.03 * value])
        return pd.DataFrame(
            rows, columns=["structure", "sex", "age", "cohort", "estimate", "ci_low", "ci_high"]
        )

    def _correlations(self) -> pd.DataFrame:
        matrices = [
            self.volumes[self.people.cohort == cohort][self.structures].corr()
            for cohort in ("reference", "generated")
        ]
        rows = [
            [a, b, matrices[0].loc[a, b], matrices[1].loc[a, b]]
            for i, a in enumerate(self.structures)
            for b in self.structures[i + 1 :]
        ]
        return pd.DataFrame(rows, columns=["structure_a", "structure_b", "reference", "generated"])

    def _dose(self) -> pd.DataFrame:
        rows = []
        for condition, (unit, slope) in CONDITIONS.items():
            middle, spread = (
                (60, 10) if unit == "years" else (30e3, 9e3) if "vent" in condition else (1.4e6, 9e4)
            )
            requested = self.rng.normal(middle, spread, self.n)
            measured = middle + slope * (requested - middle) + self.rng.normal(0, 0.3 * spread, self.n)
            ids = self.people.participant_id[self.people.cohort == "generated"]
            rows.append(
                pd.DataFrame(
                    {
                        "participant_id": ids.to_numpy(),
                        "condition": condition,
                        "requested": requested,
                        "measured": measured,
                        "unit": unit,
                    }
                )
            )
        return pd.concat(rows, ignore_index=True)

    def _balance(self) -> pd.DataFrame:
        grouped = self.people.groupby("cohort")["age"]
        mean, sd = grouped.mean(), grouped.std()
        smd = (mean.generated - mean.reference) / float(np.sqrt((sd**2).mean()))
        share = (self.people.sex == "M").groupby(self.people.cohort).mean()
        return pd.DataFrame(
            [
                ["age", "", mean.reference, mean.generated, sd.reference, sd.generated, smd],
                ["sex", "M", share.reference, share.generated, np.nan, np.nan, 0.05],
            ],
            columns=["variable", "level", "reference", "generated", "reference_sd", "generated_sd", "smd"],
        ).assign(n_reference=self.n, n_generated=self.n)

    def _notes(self) -> pd.DataFrame:
        person = self.people.participant_id[0]
        rows = [
            [
                "reference",
                "duplicate",
                "participant_id",
                3.0,
                person,
                "stands in the table twice; the first row is kept",
            ],
            ["reference", "coerced", "sex", np.nan, "1", "1 was read as M as asked"],
            ["generated", "excluded", "age", 7.0, "", "missing age"],
            ["generated", "warning", "", np.nan, self.names.generated, "only 13 requested ages"],
        ]
        return pd.DataFrame(rows, columns=["cohort", "kind", "column", "row", "value", "message"])

    # --- scorecard ---

    def _headline(self, name: str, label: str, estimate: float, se: float, **more: Any) -> dict[str, Any]:
        low, high, ideal = more.pop("margin_low", -0.2), more.pop("margin_high", 0.2), more.pop("ideal", 0.0)
        return {
            "name": name,
            "label": label,
            "estimate": estimate,
            "ci_low": estimate - 1.96 * se,
            "ci_high": estimate + 1.96 * se,
            "ci_level": 0.95,
            "unit": "SD",
            "ideal": ideal,
            "better": "closer",
            "margin_low": low,
            "margin_high": high,
            "mde": 2.8 * se,
            "p": 0.01,
            "se": se,
            "null": {
                "median": ideal,
                "low": ideal - 2 * se,
                "high": ideal + 2 * se,
                "n": self.n // 2,
                "splits": 200,
            },
            "matched": {
                "median": estimate,
                "low": estimate - 2 * se,
                "high": estimate + 2 * se,
                "n": self.n // 2,
            },
            "n_reference": self.n,
            "n_generated": self.n,
            "sentence": f"{label}: the estimate is {estimate:.2f}.",
            "verdict": self._verdict(estimate, se, low, high),
            "caveat": "",
            "better_text": "closer to the ideal",
            "status": "ok",
            "reason": "",
        } | more

    def _headlines(self) -> dict[int, list[dict[str, Any]]]:
        se = float(np.sqrt(2 / self.n))
        ratio = {"unit": "ratio", "ideal": 1.0, "margin_low": 0.8, "margin_high": 1.25}
        share = {"unit": "share", "ideal": 0.0, "margin_low": None, "margin_high": 0.1, "better": "lower"}
        missing = {
            "estimate": None,
            "ci_low": None,
            "ci_high": None,
            "status": "not_applicable",
            "verdict": "",
            "reason": "the generated cohort states no brain volume",
        }
        return {
            1: [self._headline("excluded", "Excluded images", 0.025, 0.012, **share)],
            2: [
                self._headline("size_head", "Head size (TIV), adjusted d", 0.61, se),
                self._headline(
                    "size_structures",
                    "Median |d| over structures",
                    0.05,
                    0.3 * se,
                    caveat="Left and right are counted apart.",
                ),
            ],
            3: [self._headline("spread_head", "SD of head size, ratio", 0.62, 0.05, **ratio)],
            4: [self._headline("ageing_map", "Agreement of ageing maps, Deming slope", 0.7, 0.09, **ratio)],
            5: [self._headline("sex_map", "Agreement of sex maps, Deming slope", 0.95, 0.16, **ratio)],
            6: [
                self._headline(
                    "dose_ventricle", "Requested against measured ventricles, slope", 0.8, 0.03, **ratio
                ),
                self._headline(
                    "dose_brain", "Requested against measured brain volume, slope", 0.1, 0.1, **ratio
                )
                | missing,
            ],
            8: [
                self._headline(
                    "energy",
                    "Energy distance",
                    0.09,
                    0.01,
                    ideal=0.02,
                    margin_low=None,
                    margin_high=0.05,
                    unit="",
                )
            ],
        }

    def scorecard(self) -> dict[str, Any]:
        headlines, questions = self._headlines(), []
        for number, name in enumerate(QUESTIONS, start=1):
            found = headlines.get(number, [])
            verdicts = [h["verdict"] for h in found if h["verdict"]]
            verdict = "no" if "no" in verdicts else "yes" if set(verdicts) == {"yes"} else "cannot tell"
            reason = NOT_MEASURED.get(number, "")
            questions.append(
                {
                    "number": number,
                    "name": name,
                    "verdict": "not measured" if reason else verdict,
                    "sentence": "" if reason else f"The answer to “{name}” in one sentence.",
                    "reason": reason,
                    "headlines": found,
                }
            )
        return {
            "schema": 1,
            "name": self.names.run,
            "fingerprint": "5f2c9ad1",
            "verdict": "no",
            "sentence": "Head size is too small and too uniform; four questions are open.",
            "reference": {"name": self.names.reference, "n": self.n},
            "generated": {"name": self.names.generated, "n": self.n},
            "settings": {
                "margin": 0.2,
                "n_resamples": 2000,
                "n_splits": 200,
                "alpha": 0.05,
                "confidence": 0.95,
                "headsize": "covariate",
                "spread_margin": 1.25,
                "seed": 0,
            },
            "design": {
                "kind": "one_factor",
                "statements": [
                    "Age, ventricle volume and brain volume were varied one at a time, so no joint effect "
                    "can be judged."
                ],
            },
            "questions": questions,
        }

    def _null_draws(self) -> pd.DataFrame:
        splits = np.arange(60)
        frames = [
            pd.DataFrame(
                {
                    "split": splits,
                    "headline": headline["name"],
                    "null": self.rng.normal(headline["null"]["median"], headline["se"], 60),
                    "matched": self.rng.normal(headline["matched"]["median"], headline["se"], 60),
                }
            )
            for found in self._headlines().values()
            for headline in found
        ]
        return pd.concat(frames, ignore_index=True)

    def write(self, folder: Path) -> Path:
        """Write the run folder and return it."""
        tables = folder / "tables"
        tables.mkdir(parents=True, exist_ok=True)
        for build in (self._size, self._spread, self._maps):
            build()
        contents = {
            "people": self.people,
            "volumes": self.volumes,
            "results": pd.DataFrame(self.results),
            "balance": self._balance(),
            "curves": self._curves(),
            "correlations": self._correlations(),
            "dose": self._dose(),
            "notes": self._notes(),
            "null_draws": self._null_draws(),
        }
        for name, table in contents.items():
            write_table(table, tables / f"{name}.tsv", SCHEMAS[name])
        record = {
            "schema": 1,
            "fingerprint": "5f2c9ad1",
            "created": "2026-11-21T10:00:00+00:00",
            "seed": 0,
            "versions": {"plausibrain": "0.1.0", "numpy": "2.3.0", "python": "3.12.3"},
            "hardware": {"cpu": "x86_64", "cores": 2},
            "inputs": {"reference": {"path": "clinic-a.csv", "sha256": "ab" * 32}},
        }
        (folder / "run.json").write_text(json.dumps(record, indent=2), encoding="utf-8")
        (folder / "scorecard.json").write_text(json.dumps(self.scorecard(), indent=2), encoding="utf-8")
        return folder


def make_run(folder: Path, **options: Any) -> Path:
    """Write a run folder; options as for `RunFactory`."""
    return RunFactory(**options).write(folder)
