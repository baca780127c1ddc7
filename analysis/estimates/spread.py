"""Question 3: spread, tails, asymmetry and allometry of every structure."""

import numpy as np
import pandas as pd

from analysis.evaluate import Pairs
from analysis.pair import Pair, Role, Weighted
from analysis.regression import fit, moments
from analysis.results import ESTIMATES, estimate_rows, evaluate_on, people_in
from analysis.sides import homologous

TAILS = (0.025, 0.975)


@ESTIMATES.register(label="Spread of volumes", unit="", source=("Wierenga2022",))
def spread(pairs: Pairs) -> pd.DataFrame:
    """Return ratios of standard deviations, shares in the tails, asymmetry and allometry."""
    parts = [_sd_ratios(pairs, headsize) for headsize in ("none", pairs.full.frame.headsize)]
    parts += [_tails(pairs), *_asymmetry(pairs)]
    if pairs.full.frame.has_tiv:
        parts += _allometry(pairs)
    return pd.concat(parts, ignore_index=True).drop_duplicates(
        ["quantity", "structure", "headsize", "cohort"]
    )


def _common(pairs: Pairs) -> dict[str, object]:
    return {
        "question": 3,
        "analysis": "spread",
        "settings": pairs.full.frame.settings,
        "n": people_in(pairs.full),
    }


def _sd_ratios(pairs: Pairs, headsize: str) -> pd.DataFrame:
    frame = pairs.full.frame
    names = frame.outcome_names if headsize == "none" else frame.structures

    def log_ratio(pair: Pair) -> np.ndarray:
        sd = [pair.residual_sd(role, headsize)[:, : len(names)] for role in ("reference", "generated")]  # type: ignore[arg-type]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(sd[1] / sd[0])

    estimate, draws, null = evaluate_on(log_ratio, pairs.full, pairs.bootstrap, pairs.null)
    edge = np.log(frame.settings.spread_margin)
    table = estimate_rows(
        **_common(pairs), quantity="sd_ratio", structures=names, estimate=estimate, draws=draws, null=null,
        unit="ratio", headsize=headsize, margin=np.full(len(names), edge),
    )  # fmt: skip  # type: ignore[arg-type]
    return _from_logarithm(table)


def _from_logarithm(table: pd.DataFrame) -> pd.DataFrame:
    """Turn a table of log ratios into ratios; tests and verdicts stay those of the logarithm."""
    columns = [
        "estimate",
        "ci_low",
        "ci_high",
        "null_low",
        "null_median",
        "null_high",
        "margin_low",
        "margin_high",
        "mde",
    ]
    return table.assign(**{name: np.exp(table[name]) for name in columns})


def _tails(pairs: Pairs) -> pd.DataFrame:
    """Share of generated people outside the central 95 % of real people of the same age and sex."""
    frame = pairs.full.frame
    edges = np.quantile(frame.reference.features, TAILS, axis=0)

    def share(pair: Pair) -> np.ndarray:
        side = pair.generated
        outside = (side.prepared.features < edges[0]) | (side.prepared.features > edges[1])
        return (side.weights.astype(float) @ outside) / side.weights.sum(axis=1, dtype=float)[:, None]

    estimate, draws, null = evaluate_on(share, pairs.full, pairs.bootstrap, pairs.null)
    return estimate_rows(
        **_common(pairs), quantity="share_in_tails", structures=frame.outcome_names, estimate=estimate, draws=draws,
        null=null, unit="share", cohort="generated", no_effect=0.05,
    )  # fmt: skip  # type: ignore[arg-type]


def _asymmetry(pairs: Pairs) -> list[pd.DataFrame]:
    frame = pairs.full.frame
    names = [frame.structures[left] for left, _ in homologous(frame.structures)]
    if not names:
        return []

    def index(role: Role, pair: Pair) -> np.ndarray:
        side = pair.side(role)
        return (
            100
            * (side.weights.astype(float) @ side.prepared.asymmetry)
            / side.weights.sum(axis=1, dtype=float)[:, None]
        )

    return both_and_difference(
        pairs, index, _common(pairs), quantity="asymmetry_index", structures=names, unit="%"
    )


def _allometry(pairs: Pairs) -> list[pd.DataFrame]:
    """Slope of log volume on log head size, adjusted for age and sex: 1 means proportional."""
    frame = pairs.full.frame

    def slope(role: Role, pair: Pair) -> np.ndarray:
        return _log_log_slope(pair.side(role), frame.model(tiv=False))

    names = list(frame.structures)
    return both_and_difference(
        pairs, slope, _common(pairs), quantity="allometric_slope", structures=names, unit=""
    )


def _log_log_slope(side: Weighted, adjusted: list[int]) -> np.ndarray:
    sample, design = side.prepared.sample, side.prepared.design[:, adjusted]
    if sample.tiv is None:
        raise ValueError("allometry needs head size")
    log_tiv = np.log(sample.tiv)
    x = np.column_stack([design, log_tiv - log_tiv.mean()])
    with np.errstate(divide="ignore"):
        y = np.log(np.where(sample.volumes > 0, sample.volumes, np.nan))
    y = np.where(np.isfinite(y), y, np.nanmean(y, axis=0))
    return fit(moments(x, y - y.mean(axis=0), side.weights)).beta[:, -1]


def both_and_difference(  # type: ignore[no-untyped-def]
    pairs: Pairs, function, common: dict[str, object], *, quantity: str, structures: list[str], unit: str,
    headsize: str = "none", margin: np.ndarray | None = None,
) -> list[pd.DataFrame]:  # fmt: skip
    """Return rows of a quantity in the reference, in the generated cohort and of the difference.

    Parameters
    ----------
    function : callable
        `f(role, pair) -> (B, s)`.
    """
    tables = []
    for cohort in ("reference", "generated", "difference"):

        def value(pair: Pair, cohort: str = cohort) -> np.ndarray:
            if cohort != "difference":
                return function(cohort, pair)
            return function("generated", pair) - function("reference", pair)

        estimate, draws, null = evaluate_on(value, pairs.full, pairs.bootstrap, pairs.null)
        tables.append(
            estimate_rows(
                **common,
                quantity=quantity,
                structures=structures,
                estimate=estimate,
                draws=draws,
                unit=unit,
                cohort=cohort,
                headsize=headsize,
                null=null if cohort == "difference" else None,
                margin=margin if cohort == "difference" else None,
            )  # fmt: skip  # type: ignore[arg-type]
        )
    return tables
