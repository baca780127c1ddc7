"""Runs computed from simulated subjects, so that what is true of their differences is known.

A subject has K features. In the reference they are standard normal; in a generated cohort feature k has mean
``shift[k]`` and standard deviation ``scale``. Generated subjects have latent numbers that belong to their
ids; a model adds noise of its own (``own``, 0 to 1), so two cohorts of the same ids are paired as two
checkpoints run with the same metadata rows and seeds are.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plausibrain.cohorts.schemas import SCHEMAS
from plausibrain.cohorts.tables import write_table
from plausibrain.reports.baseline_snapshot import Facts, Snapshot
from plausibrain.reports.compare.structures import structure_headlines
from plausibrain.reports.run_folder import SCORECARD_SCHEMA, Run

Array = NDArray[np.float64]
QUESTIONS = (
    "Usable images", "Regional volumes", "Variability", "Ageing effects", "Sex differences",
    "Conditioning", "Image quality", "Distribution and coverage", "Memorisation and diversity",
    "Downstream utility",
)  # fmt: skip
STRUCTURES = ("Left-Hippocampus", "Right-Hippocampus", "Left-Amygdala", "Left-Thalamus")
K = len(STRUCTURES)
PROTOCOL = {"segmenter": {"name": "synthseg", "version": "2.0"}, "draws": 400, "headsize": "covariate"}


@dataclass
class World:
    """A reference cohort, against which runs are made."""

    seed: int = 0
    n_reference: int = 150
    n_generated: int = 150
    n_draws: int = 400
    reference_seed: int | None = None
    protocol: Mapping[str, Any] = field(default_factory=lambda: dict(PROTOCOL))

    def run(
        self,
        name: str,
        *,
        ids: str = "g",
        shift: float | Sequence[float] = 0.0,
        scale: float = 1.0,
        own: float = 1.0,
        **more: Any,
    ) -> "MadeRun":
        """Draw a generated cohort and measure it; ``ids`` names the set of its subjects."""
        reference_seed = self.seed if self.reference_seed is None else self.reference_seed
        reference = _rng("reference", reference_seed).standard_normal((self.n_reference, K))
        latent = _rng("latent", self.seed, ids).standard_normal((self.n_generated, K))
        noise = _rng("noise", self.seed, name).standard_normal((self.n_generated, K))
        subjects = np.sqrt(1 - own**2) * latent + own * noise
        generated = np.broadcast_to(shift, K) + scale * subjects
        weights = (
            _weights(_rng("weights", "r", reference_seed), self.n_reference, self.n_draws),
            _weights(_rng("weights", ids, self.seed), self.n_generated, self.n_draws),
        )
        hashes = (_hash("reference", reference_seed), _hash("subjects", ids, self.seed))
        return MadeRun(self, name, reference, generated, weights, hashes, dict(more))


@dataclass
class MadeRun:
    """A measured cohort, as a snapshot in memory or as a run folder."""

    world: World
    name: str
    reference: Array
    generated: Array
    weights: tuple[Array, Array]
    hashes: tuple[str, str]
    more: dict[str, Any]

    @cached_property
    def draws(self) -> pd.DataFrame:
        """Bootstrap draws of every headline."""
        table = _headlines(self.reference, self.generated, *self.weights)
        return pd.DataFrame(table, index=pd.RangeIndex(self.world.n_draws, name="draw"))

    def scorecard(self) -> dict[str, Any]:
        """What the run's scorecard.json holds."""
        ones = (np.ones((1, len(self.reference))), np.ones((1, len(self.generated))))
        estimates = {k: float(v[0]) for k, v in _headlines(self.reference, self.generated, *ones).items()}
        draws = self.draws
        by_question: dict[int, list[dict[str, Any]]] = {}
        for headline, (question, facts) in HEADLINES.items():
            entry = self._entry(headline, estimates[headline], draws[headline].to_numpy()) | facts
            by_question.setdefault(question, []).append(entry | self.more.get(headline, {}))
        questions = [
            {
                "number": number,
                "name": name,
                "verdict": "inconclusive" if number in by_question else "not measured",
                "reason": "" if number in by_question else "no images in this run",
                "sentence": "",
                "headlines": by_question.get(number, []),
            }
            for number, name in enumerate(QUESTIONS, start=1)
        ]
        return {
            "schema": SCORECARD_SCHEMA,
            "name": self.name,
            "fingerprint": _hash(json.dumps(dict(self.world.protocol), sort_keys=True)),
            "verdict": "inconclusive",
            "sentence": "",
            "settings": {"seed": 0, "headsize": "covariate"},
            "questions": questions,
        }

    def _entry(self, name: str, estimate: float, draws: Array) -> dict[str, Any]:
        low, high = np.quantile(draws, [0.025, 0.975])
        return {
            "name": name,
            "estimate": estimate,
            "ci_low": float(low),
            "ci_high": float(high),
            "ci_level": 0.95,
            "se": float(high - low) / 3.92,
            "n_reference": len(self.reference),
            "n_generated": len(self.generated),
            "null": {"median": 0.0, "low": -0.2, "high": 0.2, "n": 75, "splits": 200},
            "verdict": "inconclusive",
            "status": "ok",
            "reason": "",
        }

    def record(self) -> dict[str, Any]:
        """What the run's run.json holds."""
        return {
            "schema": 1,
            "created": "2026-11-21T10:00:00+00:00",
            "protocol": dict(self.world.protocol),
            "reference": {"name": "r", "subjects_hash": self.hashes[0], "content_hash": self.hashes[0]},
            "generated": {"name": "g", "subjects_hash": self.hashes[1], "content_hash": _hash(self.name)},
        }

    def snapshot(self, *, structures: bool = False) -> Snapshot:
        """Return the run as it would be read; the single structures take most of the time."""
        card, record = self.scorecard(), self.record()
        facts = {
            **{key: card[key] for key in ("name", "fingerprint", "questions")},
            **record,
            "date": record["created"],
            "seed": 0,
        }
        if structures:
            run = Run(Path(self.name), record, card, {"results": self.results()})
            facts["structures"] = structure_headlines(run)
        return Snapshot(Facts.model_validate(facts), Path(self.name), self.draws)

    def results(self) -> pd.DataFrame:
        """Adjusted difference of every structure."""
        rows = []
        n_r, n_g = len(self.reference), len(self.generated)
        for k, structure in enumerate(STRUCTURES):
            a, b = self.reference[:, k], self.generated[:, k]
            d = (b.mean() - a.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
            half = 1.96 * np.sqrt(1 / n_r + 1 / n_g + d**2 / (2 * (n_r + n_g)))
            rows.append({"structure": structure, "estimate": d, "ci_low": d - half, "ci_high": d + half})
        constants = {
            "question": 2, "analysis": "size", "quantity": "adjusted_d", "stratum": "all",
            "headsize": "covariate", "cohort": "difference", "ci_level": 0.95, "n_reference": n_r,
            "n_generated": n_g, "unit": "SD", "verdict": "", "status": "ok", "reason": "",
            "margin_low": -0.2, "margin_high": 0.2,
        }  # fmt: skip
        table = pd.DataFrame(rows).assign(**constants)
        return table.reindex(columns=[column.name for column in SCHEMAS["results"].columns])

    def subjects(self) -> pd.DataFrame:
        """Who took part, both cohorts; ages and sexes belong to the ids."""
        parts = []
        for cohort, ids, values in zip(("reference", "generated"), self.hashes, self._values, strict=True):
            rng = _rng("subjects", ids)
            names = [f"{cohort}-{row}" for row in range(len(values))]
            table = pd.DataFrame({"cohort": cohort, "participant_id": names, "subject": names})
            parts.append(
                table.assign(age=rng.uniform(50, 80, len(values)), sex=rng.choice(["F", "M"], len(values)))
            )
        return pd.concat(parts, ignore_index=True).assign(status="ok", reason="")

    def volumes(self) -> pd.DataFrame:
        """Volume of every structure, mm³: 4,000 with a standard deviation of 400 in the reference."""
        subjects = self.subjects()[["cohort", "participant_id"]]
        values = 4000 + 400 * np.concatenate(self._values)
        return pd.concat([subjects, pd.DataFrame(values, columns=list(STRUCTURES))], axis=1)

    @property
    def _values(self) -> tuple[Array, Array]:
        return self.reference, self.generated

    def opened(self) -> Run:
        """Return the run as the report would read it."""
        tables = {"results": self.results(), "subjects": self.subjects(), "volumes": self.volumes()}
        return Run(Path(self.name), self.record(), self.scorecard(), tables)

    def write(self, folder: Path) -> Path:
        """Write a run folder and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").write_text(json.dumps(self.record()), encoding="utf-8")
        (folder / "scorecard.json").write_text(json.dumps(self.scorecard()), encoding="utf-8")
        write_table(self.draws.reset_index(), folder / "tables" / "draws.tsv", SCHEMAS["draws"])
        write_table(self.subjects(), folder / "tables" / "subjects.tsv", SCHEMAS["subjects"])
        write_table(self.volumes(), folder / "tables" / "volumes.tsv", SCHEMAS["volumes"])
        write_table(self.results(), folder / "tables" / "results.tsv", SCHEMAS["results"])
        return folder


_SIZE = {"unit": "SD", "better": "closer", "ideal": 0.0, "margin_low": -0.2, "margin_high": 0.2}
HEADLINES: dict[str, tuple[int, dict[str, Any]]] = {
    **{f"size_{k}": (2, {"label": f"Size of {name}, d", **_SIZE}) for k, name in enumerate(STRUCTURES)},
    "spread": (
        3,
        {
            "label": "Spread, ratio of SDs",
            "unit": "ratio",
            "better": "closer",
            "ideal": 1.0,
            "margin_low": 0.8,
            "margin_high": 1.25,
        },
    ),
    "within": (
        8,
        {
            "label": "Share of subjects within two SD",
            "unit": "share",
            "better": "higher",
            "ideal": 1.0,
            "margin_low": 0.9,
            "margin_high": None,
        },
    ),
    "distance": (
        8,
        {
            "label": "Distance of means",
            "unit": "SD²",
            "better": "lower",
            "ideal": 0.0,
            "margin_low": None,
            "margin_high": 0.1,
        },
    ),
}


def _headlines(reference: Array, generated: Array, w_r: Array, w_g: Array) -> dict[str, Array]:
    """Each headline, (B,), for weights (B, n_reference) and (B, n_generated)."""
    mean_r, sd_r = _moments(reference, w_r)
    mean_g, sd_g = _moments(generated, w_g)
    d = (mean_g - mean_r) / np.sqrt((sd_r**2 + sd_g**2) / 2)
    within = _mean((np.abs(generated[:, :1]) < 2).astype(float), w_g)[:, 0]
    spread = (sd_g / sd_r).mean(axis=1)
    sizes = {f"size_{k}": d[:, k] for k in range(K)}
    return sizes | {"spread": spread, "within": within, "distance": ((mean_g - mean_r) ** 2).sum(axis=1)}


def _mean(values: Array, weights: Array) -> Array:
    return weights @ values / weights.sum(axis=1, keepdims=True)


def _moments(values: Array, weights: Array) -> tuple[Array, Array]:
    mean = _mean(values, weights)
    n = values.shape[0]
    return mean, np.sqrt((_mean(values**2, weights) - mean**2) * n / (n - 1))


def _weights(rng: np.random.Generator, n: int, n_draws: int) -> Array:
    chosen = rng.integers(0, n, (n_draws, n)) + n * np.arange(n_draws)[:, None]
    return np.bincount(chosen.ravel(), minlength=n * n_draws).reshape(n_draws, n).astype(np.float64)


def _rng(*key: object) -> np.random.Generator:
    return np.random.default_rng(int(_hash(*key)[:12], 16))


def _hash(*key: object) -> str:
    return hashlib.sha256(repr(key).encode()).hexdigest()
