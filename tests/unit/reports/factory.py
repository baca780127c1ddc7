"""A plausible run folder made of random subjects, in the shape described in docs/architecture.md."""

import json
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plausibrain.cohorts.schemas import SCHEMAS
from plausibrain.cohorts.structures import STRUCTURES, TIV
from plausibrain.cohorts.tables import write_table
from plausibrain.descriptions import described_quantities
from tests.unit.reports.factory_results import QUALITY, Results
from tests.unit.reports.factory_scorecard import headlines, scorecard

#: Volume of one hemisphere or midline structure at 60 years (mL), and slope (% of it per year).
TYPICAL = {
    "Cerebral-White-Matter": (228.0, -0.27),
    "Cerebral-Cortex": (219.0, -0.30),
    "Lateral-Ventricle": (13.0, 2.4),
    "Inf-Lat-Vent": (0.4, 2.3),
    "Cerebellum-Cortex": (52.0, -0.23),
    "Thalamus": (6.8, -0.41),
    "Caudate": (3.3, -0.05),
    "Hippocampus": (3.8, -0.38),
    "Brain-Stem": (21.0, -0.1),
    "3rd-Ventricle": (1.3, 2.0),
    "CSF": (230.0, 0.5),
}
OTHERS = (4.0, -0.35)
#: Condition -> unit, mean and spread of the requests, slope of the answer.
CONDITIONS = {
    "ventricle volume": ("mm³", 30e3, 9e3, 0.6),
    "brain volume": ("mm³", 1.4e6, 9e4, 0.4),
}
#: Name, measure, part, unit, and what the generated cohort adds.
MEASURED = tuple((name, *name.partition("_")[::2], unit, shift) for name, unit, shift in QUALITY)


@dataclass(frozen=True)
class Names:
    """What a careful, careless or hostile user calls things."""

    run: str = "ldm-1 against clinic-a"
    reference: str = "clinic-a"
    generated: str = "ldm-1"
    subject: str = "sub-{cohort}{row:04d}"
    structures: dict[str, str] = field(default_factory=dict)
    reason: str = "missing age"


def packed_volume(seed: int, shape: tuple[int, int, int] = (5, 6, 4)) -> bytes:
    """Return random grey values as `plausibrain.evaluation.slices.View.volume` packs them."""
    planes = np.random.default_rng(seed).integers(0, 256, shape[::-1], dtype=np.uint8)
    steps = np.diff(planes, axis=0, prepend=np.zeros_like(planes[:1]))
    return zlib.compress(struct.pack("<4H", *shape, 200) + steps.tobytes())


class RunFactory:
    """Writes one run folder; the same arguments write the same bytes."""

    def __init__(
        self, *, n_structures: int = 33, n: int = 120, seed: int = 0, names: Names | None = None
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.n, self.names = n, names or Names()
        atlases = ("aseg",) if n_structures <= 33 else ("aseg", "dk")
        chosen = [s for s in STRUCTURES if s.atlas in atlases][: n_structures - 1]
        self.regions = {self.names.structures.get(s.name, s.name): s.region for s in chosen}
        self.structures = [TIV, *self.regions]
        self.subjects = pd.concat(
            [self._subjects("reference"), self._subjects("generated")], ignore_index=True
        )
        self.volumes = self._volumes()

    def _subjects(self, cohort: str) -> pd.DataFrame:
        rng, n = self.rng, self.n
        ids = [self.names.subject.format(cohort=cohort[0], row=row) for row in range(n)]
        excluded = np.arange(n) % 40 == 7
        subjects = pd.DataFrame({"cohort": cohort, "participant_id": ids, "subject": ids})
        return subjects.assign(
            age=rng.normal(63 if cohort == "reference" else 58, 8, n).clip(44, 88).round(1),
            sex=rng.choice(["F", "M"], n),
            site=rng.choice(["a", "b"], n),
            status=np.where(excluded, "excluded", "ok"),
            reason=np.where(excluded, self.names.reason, ""),
        )

    def _volumes(self) -> pd.DataFrame:
        subjects, rng = self.subjects, self.rng
        generated, male = (subjects.cohort == "generated").to_numpy(), (subjects.sex == "M").to_numpy()
        head = rng.normal(0, np.where(generated, 0.06, 0.09)) + 0.1 * male
        columns: dict[str, np.ndarray] = {TIV: 1460e3 * np.exp(head - 0.03 * generated)}
        for name, region in self.regions.items():
            typical, slope = TYPICAL.get(region, OTHERS)
            noise = rng.normal(0, 0.35 if slope > 1 else 0.08, len(subjects))
            noise = noise * np.where(generated, rng.uniform(0.5, 1.1), 1)
            growth = slope / 100 * (subjects.age.to_numpy() - 60) * np.where(generated, 0.7, 1)
            bias = np.where(generated, rng.normal(0, 0.04), 0)
            columns[name] = 1e3 * typical * np.exp(0.8 * head + growth + noise + bias)
        return pd.concat([subjects[["cohort", "participant_id"]], pd.DataFrame(columns)], axis=1)

    def _curves(self) -> pd.DataFrame:
        rows = []
        for name in self.structures:
            base = float(self.volumes[name].mean())
            for cohort, factor in (("reference", 1.0), ("generated", 0.97)):
                for sex, lift in (("F", 0.96), ("M", 1.04)):
                    for age in range(45, 86, 4):
                        value = base * factor * lift * (1 - 0.004 * (age - 60))
                        rows.append([name, sex, age, cohort, value, 0.97 * value, 1.03 * value])
        return pd.DataFrame(rows, columns=[column.name for column in SCHEMAS["curves"].columns])

    def _correlations(self) -> pd.DataFrame:
        by_cohort = {cohort: rows[self.structures].corr() for cohort, rows in self.volumes.groupby("cohort")}
        pairs = [(a, b) for i, a in enumerate(self.structures) for b in self.structures[i + 1 :]]
        rows = [
            [a, b, *(by_cohort[cohort].loc[a, b] for cohort in ("reference", "generated"))] for a, b in pairs
        ]
        return pd.DataFrame(rows, columns=["structure_a", "structure_b", "reference", "generated"])

    def _dose(self) -> pd.DataFrame:
        ids = self.subjects.participant_id[self.subjects.cohort == "generated"].to_numpy()
        frames = []
        for condition, (unit, middle, spread, slope) in CONDITIONS.items():
            requested = self.rng.normal(middle, spread, self.n)
            measured = middle + slope * (requested - middle) + self.rng.normal(0, 0.3 * spread, self.n)
            frames.append(
                pd.DataFrame({"participant_id": ids, "requested": requested, "measured": measured}).assign(
                    condition=condition, unit=unit
                )
            )
        return pd.concat(frames, ignore_index=True)

    def _balance(self) -> pd.DataFrame:
        ages = self.subjects.groupby("cohort").age
        mean, sd = ages.mean(), ages.std()
        men = (self.subjects.sex == "M").groupby(self.subjects.cohort).mean()
        smd = (mean.generated - mean.reference) / sd.reference
        rows = [
            ["age", "", mean.reference, mean.generated, sd.reference, sd.generated, smd],
            ["sex", "M", men.reference, men.generated, np.nan, np.nan, 0.05],
        ]
        columns = ["variable", "level", "reference", "generated", "reference_sd", "generated_sd", "smd"]
        return pd.DataFrame(rows, columns=columns).assign(n_reference=self.n, n_generated=self.n)

    def _notes(self) -> pd.DataFrame:
        subject = self.subjects.participant_id[0]
        rows = [
            ["reference", "duplicate", "participant_id", 3.0, subject, "the first of two rows is kept"],
            ["reference", "coerced", "sex", np.nan, "1", "1 was read as M as asked"],
            ["generated", "excluded", "age", 7.0, "", self.names.reason],
            ["generated", "warning", "", np.nan, self.names.generated, "only 13 requested ages"],
        ]
        return pd.DataFrame(rows, columns=["cohort", "kind", "column", "row", "value", "message"])

    def _null_draws(self) -> pd.DataFrame:
        def draws(headline: dict[str, Any], kind: str) -> np.ndarray:
            return self.rng.normal(headline[kind]["median"], headline["se"], 60)

        frames = [
            pd.DataFrame({"split": range(60), "headline": h["name"], "null": draws(h, "null")}).assign(
                matched=draws(h, "matched")
            )
            for found in headlines(self.n).values()
            for h in found
        ]
        return pd.concat(frames, ignore_index=True)

    def _measures(self) -> pd.DataFrame:
        rows = self.subjects[["cohort", "participant_id"]]
        parts = [
            rows.assign(metric=metric, structure=part, unit=unit, status="ok", reason="").assign(
                value=self.rng.normal(1, 0.1, len(rows)) + shift * (rows.cohort == "generated")
            )
            for _, metric, part, unit, shift in MEASURED
        ]
        return pd.concat(parts, ignore_index=True)

    def _measure_names(self) -> pd.DataFrame:
        rows = [[name, metric, part, f"The {name}", unit] for name, metric, part, unit, _ in MEASURED]
        table = pd.DataFrame(rows, columns=["name", "metric", "structure", "label", "unit"])
        return table.assign(better="lower", judged=True, meaning="Made up.", source="")

    def _slices(self, folder: Path) -> pd.DataFrame:
        """Two random pairs, one that stands out and one that is alike; one real image could not be drawn."""
        (folder / "slices").mkdir(parents=True, exist_ok=True)
        columns = [column.name for column in SCHEMAS["slices"].columns]
        rows = []
        for pair, (question, group, about) in enumerate(
            [(0, "random", ""), (0, "random", ""), (7, "worst", "fwhm_mean")]
        ):
            for cohort in ("generated", "reference"):
                subject = self.subjects[self.subjects.cohort == cohort].iloc[pair]
                own = cohort == "generated" and about != ""
                name = f"{pair:02d}-{cohort}.png"
                drawn = (pair, cohort) != (2, "reference")
                if drawn:
                    (folder / "slices" / name).write_bytes(b"\x89PNG made up")
                stands_out = [about, 4.2] if own else ["", np.nan]
                who = [cohort, subject.participant_id, subject.age, subject.sex]
                reason = "" if drawn else "the file is broken"
                volume = f"{pair:02d}-{cohort}.vol" if question else ""
                if volume:
                    (folder / "slices" / volume).write_bytes(packed_volume(seed=len(rows)))
                alike = [np.nan, np.nan, ""]
                rows.append([name, question, group, pair, *who, *stands_out, *alike, volume, reason])
        return pd.DataFrame([*rows, *self._alike(folder, pair=3)], columns=columns)

    def _alike(self, folder: Path, *, pair: int) -> list[list[Any]]:
        """Return a generated image, the training image that it copies and a held-out subject."""
        rows: list[list[Any]] = []
        for cohort, likeness in (
            ("generated", [np.nan, np.nan, ""]),
            ("training", [0.83, 0.61, "copy"]),
            ("reference", [0.44, np.nan, ""]),
        ):
            name = f"{pair:02d}-{cohort}.png"
            (folder / "slices" / name).write_bytes(b"\x89PNG made up")
            who = [cohort, f"sub-{cohort}", 51.0, "F"]
            rows.append([name, 9, "copies", pair, *who, "", np.nan, *likeness, "", ""])
        return rows

    def write(self, folder: Path) -> Path:
        """Write the run folder and return it."""
        tables = {
            "subjects": self.subjects,
            "volumes": self.volumes,
            "results": Results(self.subjects, self.volumes, self.structures).table(),
            "balance": self._balance(),
            "curves": self._curves(),
            "correlations": self._correlations(),
            "dose": self._dose(),
            "notes": self._notes(),
            "null_draws": self._null_draws(),
            "measures": self._measures(),
            "measure_names": self._measure_names(),
            "slices": self._slices(folder),
        }
        (folder / "tables").mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            write_table(table, folder / "tables" / f"{name}.tsv", SCHEMAS[name])
        card = scorecard(self.n, self.names.run, self.names.reference, self.names.generated)
        record = {
            "schema": 1,
            "created": "2026-11-21T10:00:00+00:00",
            "versions": {"plausibrain": "0.1.0", "numpy": "2.3.0", "python": "3.12.3"},
            "hardware": {"cpu": "x86_64", "cores": 2},
            "quantities": described_quantities(tables["results"]),
            "segmenters": {
                "synthseg": "Regional volumes come from SynthSeg [@Billot2023].",
            },
            "inputs": {"reference": {"path": "clinic-a.csv", "sha256": "ab" * 32}},
        }
        for name, content in (("run.json", record), ("scorecard.json", card)):
            (folder / name).write_text(json.dumps(content, indent=2), encoding="utf-8")
        return folder


def make_run(folder: Path, **options: Any) -> Path:
    """Write a run folder; options as for `RunFactory`."""
    return RunFactory(**options).write(folder)
