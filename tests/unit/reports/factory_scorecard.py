"""The scorecard of the made-up run."""

from typing import Any

import numpy as np

from plausibrain.analysis.registry import all_headlines
from plausibrain.reports.run_folder import SCORECARD_SCHEMA
from tests.unit.reports.factory_results import verdict

QUESTIONS = (
    "Usable images", "Regional volumes", "Variability", "Ageing effects", "Sex differences",
    "Conditioning", "Image quality", "Distribution and coverage", "Memorisation and diversity",
    "Downstream utility",
)  # fmt: skip
NOT_MEASURED = {
    7: "needs images of both cohorts",
    9: "needs images of training subjects",
    10: "needs images of held-out subjects",
}
RATIO = {"unit": "ratio of SDs", "ideal": 1.0, "margin_low": 0.8, "margin_high": 1.25}
METHODS = {plugin.name: plugin.methods for plugin in all_headlines()}
AGAINST_NULL = {"against_null": True, "judged": 0.11}
UP_TO = {"margin_low": None, "better": "lower"}


def headline(n: int, name: str, label: str, estimate: float, se: float, **more: Any) -> dict[str, Any]:
    """One headline with an estimate."""
    low, high = more.pop("margin_low", -0.2), more.pop("margin_high", 0.2)
    ideal = more.pop("ideal", 0.0)
    spread = {"low": -2 * se, "median": 0.0, "high": 2 * se}
    null = {key: ideal + value for key, value in spread.items()} | {"n": n // 2, "splits": 200}
    matched = {key: estimate + value for key, value in spread.items()} | {"n": n // 2, "splits": 200}
    return {
        "name": name, "label": label, "estimate": estimate, "ci_low": estimate - 1.96 * se,
        "ci_high": estimate + 1.96 * se, "ci_level": 0.95, "unit": "SD", "ideal": ideal, "better": "closer",
        "margin_low": low, "margin_high": high, "mde": 2.8 * se, "se": se, "null": null, "matched": matched,
        "n_reference": n, "n_generated": n, "sentence": f"{label}: {estimate:.2f}. Split-half reference: 0.",
        "verdict": verdict(estimate, se, low, high), "caveat": "", "status": "ok", "reason": "",
        "methods": METHODS.get(name, ""),
    } | more  # fmt: skip


def headlines(n: int) -> dict[int, list[dict[str, Any]]]:
    """Headlines by question; question 6 has one that does not apply."""
    se = float(np.sqrt(2 / n))
    nothing = dict.fromkeys(("estimate", "ci_low", "ci_high", "mde"))
    absent = nothing | {
        "verdict": "not measured",
        "status": "not_applicable",
        "reason": "no brain volume requested",
    }
    return {
        1: [headline(n, "excluded_share", "Excluded", 0.025, 0.01, unit="share", margin_high=0.05, **UP_TO)],
        2: [
            headline(
                n, "size_head", "Head size (TIV), difference", 0.61, se, caveat="Left and right count apart"
            ),
            headline(n, "size_worst", "Largest difference", 0.9, se, caveat="Left and right count apart"),
        ],
        3: [headline(n, "spread_head", "Spread of head size", 0.62, 0.05, **RATIO)],
        4: [headline(n, "ageing", "Age effects recovered", 0.7, 0.09, **RATIO)],
        5: [headline(n, "sex_raw", "Sex differences recovered", 0.95, 0.16, **RATIO)],
        6: [
            headline(n, "conditioning_ventricle", "Ventricles, measured per requested", 0.6, 0.03, **RATIO),
            headline(n, "conditioning_brain", "Brain volume, measured per requested", 0.4, 0.1, **RATIO)
            | absent,
        ],
        8: [
            headline(
                n,
                "energy",
                "Energy distance",
                0.09,
                0.01,
                unit="0 to 1",
                margin_high=0.03,
                **UP_TO,
                **AGAINST_NULL,
            )
        ],
    }


def _question(number: int, name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    verdicts = {h["verdict"] for h in found if h["status"] == "ok"}
    reason = NOT_MEASURED.get(number, "")
    judged = "fail" if "fail" in verdicts else "pass" if verdicts == {"pass"} else "inconclusive"
    return {
        "number": number,
        "name": name,
        "verdict": "not measured" if reason else judged,
        "sentence": " ".join(h["sentence"] for h in found if h["status"] == "ok"),
        "reason": reason,
        "headlines": found,
    }


def scorecard(n: int, name: str, reference: str, generated: str) -> dict[str, Any]:
    """The whole scorecard."""
    found = headlines(n)
    numbered = enumerate(QUESTIONS, start=1)
    return {
        "schema": SCORECARD_SCHEMA, "name": name, "fingerprint": "5f2c9ad1e07b44aa", "verdict": "fail",
        "sentence": "Head size is too small and too uniform.",
        "reference": {"name": reference, "segmenter": "synthseg", "n_rows": n},
        "generated": {"name": generated, "segmenter": "synthseg", "n_rows": n},
        "settings": {
            "margin": 0.2, "noise": {}, "n_resamples": 2000, "n_splits": 200, "alpha": 0.05,
            "confidence": 0.95, "headsize": "covariate", "spread_margin": 1.25, "seed": 0,
        },
        "design": {"kind": "one_factor", "statements": ["One condition at a time was varied"]},
        "questions": [_question(number, title, found.get(number, [])) for number, title in numbered],
    }  # fmt: skip
