"""Tables beside the results: balance, age curves, correlations, draws."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Headline, Pairs
from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pair import Role
from plausibrain.analysis.results import centred, column_quantiles
from plausibrain.analysis.sample import Sample
from plausibrain.cohorts.structures import TIV

CURVE_POINTS = 25
BALANCE_COLUMNS = [
    "variable", "level", "reference", "generated", "reference_sd", "generated_sd", "smd", "n_reference",
    "n_generated",
]  # fmt: skip


def balance_table(reference: Sample, generated: Sample) -> pd.DataFrame:
    """Return age, sex and site of both cohorts with standardised mean differences.

    References
    ----------
    Austin 2009, section 2 (key Austin2009): the difference over the root of the mean variance.
    """
    rows = [_balance_row("age", "", reference.age, generated.age)] if reference.has_age else []
    if reference.has_sex:
        rows.append(_balance_row("sex", "M", reference.male, generated.male))
    if "site" in reference.subjects and "site" in generated.subjects:
        sites = [s.subjects["site"].astype("string").fillna("") for s in (reference, generated)]
        for level in sorted((set(sites[0]) | set(sites[1])) - {""}):
            rows.append(_balance_row("site", level, *((s == level).to_numpy(dtype=float) for s in sites)))
    return pd.DataFrame(rows, columns=BALANCE_COLUMNS)


def _balance_row(
    variable: str, level: str, reference: np.ndarray, generated: np.ndarray
) -> dict[str, object]:
    spread = np.sqrt((reference.var(ddof=1) + generated.var(ddof=1)) / 2)
    gap = generated.mean() - reference.mean()
    return {
        "variable": variable, "level": level, "reference": reference.mean(), "generated": generated.mean(),
        "reference_sd": reference.std(ddof=1), "generated_sd": generated.std(ddof=1),
        "smd": gap / spread if spread > 0 else (0.0 if gap == 0 else np.nan),
        "n_reference": len(reference), "n_generated": len(generated),
    }  # fmt: skip


def curve_table(pairs: Pairs) -> pd.DataFrame:
    """Return expected volumes by age and sex with bootstrap bands; raw volumes, restricted cubic spline."""
    tables = []
    for role in ("reference", "generated"):
        tables += [_curves(pairs, role, sex) for sex in _sexes(pairs.full.frame, role)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _sexes(frame: Frame, role: Role) -> list[str]:
    sample = getattr(frame, role).sample
    if np.ptp(sample.age) == 0 or not sample.has_sex:
        return []
    return sorted(sample.subjects["sex"].unique())


def _curves(pairs: Pairs, role: Role, sex: str) -> pd.DataFrame:
    frame = pairs.full.frame
    arrays = getattr(frame, role)
    columns = frame.model(tiv=False)
    ages, design = _grid(arrays, frame, sex, columns)
    full = design @ pairs.full.within(role, "none").beta[0]  # (points, s)
    draws = np.einsum("ap,bps->bas", design, pairs.bootstrap.within(role, "none").beta)
    low, high = column_quantiles(centred(draws, full), [0.025, 0.975])
    names = frame.outcome_names
    parts = {
        name: (values * frame.scale + frame.center).T.ravel()
        for name, values in (("estimate", full), ("ci_low", low), ("ci_high", high))
    }
    return pd.DataFrame(
        {
            "structure": np.repeat(names, len(ages)),
            "sex": sex,
            "age": np.tile(ages, len(names)),
            "cohort": role,
            **parts,
        }
    )


def _grid(arrays: CohortArrays, frame: Frame, sex: str, columns: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Design rows at evenly spaced ages, interpolated between the subjects of the cohort."""
    age = arrays.sample.age
    ages = np.linspace(age.min(), age.max(), CURVE_POINTS)
    order = np.argsort(age, kind="stable")
    design = np.zeros((CURVE_POINTS, len(columns)))
    for k, column in enumerate(columns):
        name = frame.columns[column]
        if name == "sex":
            design[:, k] = 0.5 if sex == "M" else -0.5
        else:
            design[:, k] = np.interp(ages, age[order], arrays.design[order, column])
    return ages, design


def correlation_table(frame: Frame) -> pd.DataFrame:
    """Return correlations between structures given age, sex and head size, in both cohorts."""
    upper = np.triu_indices(len(frame.structures), k=1)
    matrices = []
    for arrays in (frame.reference, frame.generated):
        with np.errstate(divide="ignore", invalid="ignore"):  # a structure without variance has none
            matrices.append(np.atleast_2d(np.corrcoef(arrays.residuals.astype(float).T)))
    names = np.array(frame.structures)
    return pd.DataFrame(
        {"structure_a": names[upper[0]], "structure_b": names[upper[1]],
         "reference": matrices[0][upper], "generated": matrices[1][upper]}
    )  # fmt: skip


def draws_table(headlines: Sequence[Headline]) -> pd.DataFrame:
    """Return the bootstrap draws of every headline that was computed, one column each."""
    columns = {h.plugin.name: h.draws for h in headlines if h.status == "ok"}
    n = len(next(iter(columns.values()), np.empty(0)))
    return pd.DataFrame({"draw": np.arange(n), **columns})


def null_draws_table(headlines: Sequence[Headline]) -> pd.DataFrame:
    """Return split-half and matched values of every headline and split."""
    tables = [
        pd.DataFrame(
            {"split": np.arange(len(h.null)), "headline": h.plugin.name, "null": h.null, "matched": h.matched}
        )
        for h in headlines
        if len(h.null)
    ]
    return (
        pd.concat(tables, ignore_index=True)
        if tables
        else pd.DataFrame(columns=["split", "headline", "null", "matched"])
    )


def volumes_table(frame: Frame) -> pd.DataFrame:
    """Return the volumes that were compared, mm³, both cohorts."""
    tables = []
    for role in ("reference", "generated"):
        sample: Sample = getattr(frame, role).sample
        head = {"cohort": role, "participant_id": sample.subjects["participant_id"].to_numpy()}
        tiv = {} if sample.tiv is None else {TIV: sample.tiv}
        volumes = dict(zip(sample.structures, sample.volumes.T, strict=True))
        tables.append(pd.DataFrame({**head, **tiv, **volumes}))
    return pd.concat(tables, ignore_index=True)
