"""What the requests behind a generated cohort allow one to conclude.

A cohort that varies one condition at a time, or draws conditions independently of age, is good for
question 6 and silent on others: where ventricles are requested equal at every age, a model that
ages perfectly would still look as if it did not.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from plausibrain.analysis.conditions import LABELS, measurable, measured_volume
from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.settings import Rules
from plausibrain.analysis.sites import site_statements
from plausibrain.cohorts.requested_volumes import REQUESTED_VOLUMES

AGES = "shared ages"


@dataclass(frozen=True)
class Design:
    """How the generated cohort was asked for.

    Attributes
    ----------
    kind : {"unconditional", "population", "one_factor", "crossed"}
    statements : tuple of str
        What can and cannot be said, for the report.
    violations : dict of str to str
        Assumption (`shared ages`, `joint`, `age with the rest`, `sex with the rest`) -> why it does not hold.
    """

    kind: str
    statements: tuple[str, ...]
    violations: dict[str, str]


def describe_design(frame: Frame) -> Design:
    """Find out how the generated cohort was requested and which statements that supports."""
    subjects = frame.generated.sample.subjects
    requested = [c for c in LABELS if _complete(c, subjects) and measurable(c, frame.reference.sample)]
    kind = _kind(subjects, requested, frame.settings.rules)
    violations = _ages_apart(frame) | _flat_with_age(frame, requested) | _flat_with_sex(frame, requested)
    if kind not in ("unconditional", "population"):
        violations["joint"] = _not_a_population(subjects, requested, kind)
    statements = [*violations.values(), *_sexes_apart(frame), *_sexes_swapped(frame)]
    statements += site_statements(frame.samples, frame.settings.site) if frame.samples is not None else []
    statements += [_definition(frame, column) for column in requested]
    if AGES not in violations:
        statements += _range_statement(frame)
    return Design(kind, tuple(statements), violations)


def _complete(column: str, subjects: pd.DataFrame) -> bool:
    return column in subjects and bool(subjects[column].notna().all())


def _not_a_population(subjects: pd.DataFrame, requested: list[str], kind: str) -> str:
    combos = len(_factors(subjects, requested).drop_duplicates())
    how = (
        "one condition at a time was varied" if kind == "one_factor" else "a grid of conditions was requested"
    )
    return (
        f"{how} ({combos} combinations for {len(subjects)} images), so the mix of conditions is not that of "
        "a population and spread, covariation and distance between cohorts partly reflect the requests"
    )


def _factors(subjects: pd.DataFrame, requested: list[str]) -> pd.DataFrame:
    """Return what was varied: the requests, and age where it is stated."""
    return subjects[[*(["age"] if subjects["age"].notna().any() else []), *requested]]


def _ages_apart(frame: Frame) -> dict[str, str]:
    """Find out whether most generated subjects are of an age that the reference does not cover."""
    real, generated = frame.reference.sample.age, frame.generated.sample.age
    outside = _share_outside(real, generated)
    if outside <= frame.settings.rules.max_extrapolated:
        return {}
    return {
        AGES: f"{100 * outside:.0f} % of generated subjects "
        f"({generated.min():.0f} to {generated.max():.0f} years) "
        f"are younger or older than anybody in the reference ({real.min():.0f} to {real.max():.0f} years); "
        "what reference subjects of their age look like can only be guessed"
    }


def _share_outside(real: np.ndarray, generated: np.ndarray) -> float:
    return float(np.mean((generated < real.min()) | (generated > real.max())))


def _sexes_apart(frame: Frame) -> list[str]:
    if not frame.reference.sample.has_sex:
        return []
    if "sex" in frame.columns or np.ptp(frame.reference.sample.male) or np.ptp(frame.generated.sample.male):
        return []
    men = [bool(p.sample.male[0]) for p in (frame.reference, frame.generated)]
    if men[0] == men[1]:
        return [f"both cohorts are {'men' if men[0] else 'women'} only; nothing is said about the other sex"]
    return [
        "one cohort is men only and the other women only: every difference between the cohorts includes "
        "the difference between the sexes and cannot be adjusted for it"
    ]


def _sexes_swapped(frame: Frame) -> list[str]:
    """Find out whether men have the smaller heads where the reference has it the other way round."""
    both = [p.sample for p in (frame.reference, frame.generated)]
    if not frame.has_tiv or not all(sample.has_sex and np.ptp(sample.male) for sample in both):
        return []
    real, generated = (_sex_gap(np.asarray(sample.tiv, dtype=float), sample.male) for sample in both)
    men = float(both[1].male.sum())
    error = np.sqrt(1 / men + 1 / (len(both[1]) - men))
    if real < frame.settings.rules.clear_sex_gap or generated > -frame.settings.rules.swapped_errors * error:
        return []
    return [
        f"generated men have smaller heads than generated women ({generated:+.2f} SD, in the reference "
        f"{real:+.2f}): check whether the generator codes sex the other way round"
    ]


def _definition(frame: Frame, column: str) -> str:
    """Say what a request means, its range, and how much of the reference lies outside it."""
    one, requests = REQUESTED_VOLUMES[column], frame.generated.sample.subjects[column].to_numpy(dtype=float)
    low, high = requests.min(), requests.max()
    real = measured_volume(column, frame.reference.sample)
    return (
        f"the requested {one.label} and the measured one are the {one.definition}; requests run from "
        f"{low / 1000:,.4g} to {high / 1000:,.4g} mL; {100 * np.mean(real < low):.0f} % of the reference "
        f"lies below and {100 * np.mean(real > high):.0f} % above them"
    )


def _kind(subjects: pd.DataFrame, requested: list[str], rules: Rules) -> str:
    if not requested:
        return "unconditional"
    factors = _factors(subjects, requested)
    if len(factors.drop_duplicates()) * rules.min_repeats > len(factors):
        return "population"
    n_changes = sum((factors[c] != factors[c].mode().iloc[0]).to_numpy().astype(int) for c in factors)
    return "one_factor" if np.mean(n_changes <= 1) >= rules.one_factor_share else "crossed"


def _flat_with_age(frame: Frame, requested: list[str]) -> dict[str, str]:
    sample, reference, rules = frame.generated.sample, frame.reference.sample, frame.settings.rules
    if not requested or np.ptp(sample.age) == 0 or np.ptp(reference.age) == 0:
        return {}
    flat = []
    for column in requested:
        requests = sample.subjects[column].to_numpy(dtype=float)
        r_requests = np.corrcoef(sample.age, requests)[0, 1] if np.ptp(requests) > 0 else 0.0
        r_real = np.corrcoef(reference.age, measured_volume(column, reference))[0, 1]
        if abs(r_requests) < rules.flat_age_r and abs(r_real) > rules.clear_age_r:
            flat.append(
                f"{LABELS[column]} (r with age {r_requests:+.2f} requested, {r_real:+.2f} in the reference)"
            )
    if not flat:
        return {}
    return {
        "age with the rest": f"requests do not follow age as in subjects: {', '.join(flat)}; "
        "ageing as a whole cannot be judged, only what the model adds at equal requests"
    }


def _flat_with_sex(frame: Frame, requested: list[str]) -> dict[str, str]:
    sample, reference, rules = frame.generated.sample, frame.reference.sample, frame.settings.rules
    flat = []
    for column in requested:
        gap = _sex_gap(sample.subjects[column].to_numpy(dtype=float), sample.male)
        real = _sex_gap(measured_volume(column, reference), reference.male)
        if abs(gap) < rules.flat_sex_gap and abs(real) > rules.clear_sex_gap:
            flat.append(
                f"{LABELS[column]} (men minus women {gap:+.2f} SD requested, {real:+.2f} in the reference)"
            )
    if not flat:
        return {}
    return {
        "sex with the rest": f"men and women were requested alike in {', '.join(flat)}; "
        "raw sex differences cannot be judged, only what the model adds at equal requests"
    }


def _sex_gap(values: np.ndarray, male: np.ndarray) -> float:
    men, women = values[male == 1], values[male == 0]
    spread = values.std()
    if not len(men) or not len(women) or spread == 0:
        return 0.0
    return float((men.mean() - women.mean()) / spread)


def _range_statement(frame: Frame) -> list[str]:
    real, generated = frame.reference.sample.age, frame.generated.sample.age
    outside = _share_outside(real, generated)
    if outside == 0:
        return []
    return [
        f"{100 * outside:.0f} % of the generated subjects are younger or older than anybody in the reference "
        f"({real.min():.0f} to {real.max():.0f} years); their comparison rests on extrapolation"
    ]
