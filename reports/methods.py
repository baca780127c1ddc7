"""The methods text of a report, written from what the run holds: nothing is claimed that did not happen.

Every sentence hangs on a row, a setting or a headline of the run. A number that a sentence needs and the
run does not state leaves the sentence out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from plausibrain.reports.formatting import bound, count, fixed, interval, is_missing, listing, number, percent
from plausibrain.reports.quantities import HEADSIZES
from plausibrain.reports.run_folder import Run
from plausibrain.reports.selection import usable

COHORTS = ("reference", "generated")


@dataclass(frozen=True)
class Paragraph:
    """A heading and its sentences, with citations as ``[@Key]``."""

    title: str
    text: str


def methods(run: Run) -> list[Paragraph]:
    """Write the methods paragraphs of a run; paragraphs without a sentence are left out."""
    parts = {
        "Cohorts": _cohorts(run),
        "Estimates": _estimates(run),
        "Head size": _head_size(run),
        "Intervals": _intervals(run),
        "Split-half reference": _split_half(run),
        "Verdicts": _verdicts(run),
        "Not measured": _not_measured(run),
    }
    texts = {title: " ".join(sentences) for title, sentences in parts.items()}
    return [Paragraph(title, text) for title, text in texts.items() if text]


# --- cohorts ---


def _cohorts(run: Run) -> Iterator[str]:
    subjects = run.table("subjects")
    for role in COHORTS:
        rows = subjects[subjects.cohort == role]
        if len(rows):
            yield f"{_cohort_facts(run, role, rows)} {_excluded(rows)}".strip()
    yield from _segmenter(run)
    if run.table("balance").smd.notna().any():
        yield "Their balance is given as standardised mean differences [@Austin2009]."


def _cohort_facts(run: Run, role: str, rows: pd.DataFrame) -> str:
    name = str((run.scorecard.get(role) or {}).get("name") or "")
    members = included(rows)
    subjects = members.subject.nunique() if "subject" in members else len(members)
    clusters = f" of {count(subjects)} subjects" if subjects < len(members) else ""
    title = f" (“{name}”)" if name else ""
    return (
        f"The {role} cohort{title} has {count(len(members))} rows{clusters} in the "
        f"analysis{_ages(members)}{_sexes(members)}."
    )


def included(subjects: pd.DataFrame) -> pd.DataFrame:
    """Rows that took part in the analysis."""
    return subjects[subjects.status == "ok"]


def _ages(rows: pd.DataFrame) -> str:
    ages = rows.age.dropna()
    if len(ages) < 2:
        return ""
    low, high = number(ages.min()), number(ages.max())
    return f", aged {low} to {high} years (mean {fixed(ages.mean(), 1)}, SD {fixed(ages.std(), 1)})"


def _sexes(rows: pd.DataFrame) -> str:
    sexes = rows.sex[rows.sex.isin(["F", "M"])]
    return f", {percent((sexes == 'F').mean())} women" if len(sexes) else ""


def _excluded(rows: pd.DataFrame) -> str:
    out = rows[rows.status != "ok"]
    if out.empty:
        return "No row was excluded."
    reasons = out.reason.replace("", "no reason given").value_counts()
    text = listing([f"{count(n)} for “{reason}”" for reason, n in reasons.head(5).items()])
    more = " and other reasons" if len(reasons) > 5 else ""
    total = "1 row was" if len(out) == 1 else f"{count(len(out))} rows were"
    return f"{total} excluded: {text}{more}."


def _segmenter(run: Run) -> Iterator[str]:
    names = {str((run.scorecard.get(role) or {}).get("segmenter") or "") for role in COHORTS}
    descriptions = run.record.get("segmenters") or {}
    if len(names) == 1:
        yield from (str(descriptions[name]) for name in names if name in descriptions)


# --- statistics ---


def _estimates(run: Run) -> Iterator[str]:
    present = set(usable(run.table("results")).quantity)
    descriptions = run.record.get("quantities") or {}
    sentences = [str(words["methods"]) for name, words in descriptions.items() if name in present]
    sentences += [str(headline.get("methods") or "") for headline in measured_headlines(run)]
    yield from dict.fromkeys(sentence for sentence in sentences if sentence)


def measured_headlines(run: Run) -> list[Mapping[str, Any]]:
    """Headlines of the scorecard that have a number."""
    headlines = [headline for question in run.questions for headline in question["headlines"]]
    return [h for h in headlines if h.get("status", "ok") == "ok" and not is_missing(h.get("estimate"))]


def _head_size(run: Run) -> Iterator[str]:
    present = set(usable(run.table("results")).headsize)
    main = str(run.settings.get("headsize", ""))
    if main in present and main in HEADSIZES:
        yield f"Headline numbers use this head-size convention: {HEADSIZES[main]}."
    others = [label for name, label in HEADSIZES.items() if name in present and name != main]
    if others:
        yield f"Tables also give {listing(others)}."


def _intervals(run: Run) -> Iterator[str]:
    resamples, level = run.settings.get("n_resamples"), run.settings.get("confidence")
    if not is_missing(resamples) and not is_missing(level):
        yield (
            f"Intervals ({percent(level)}) come from {count(resamples)} bootstrap resamples of "
            "subjects within "
            "each cohort; several rows of one subject are resampled together."
        )
        units = (run.settings.get("rules") or {}).get("max_units")
        n_subjects = [(run.record.get(role) or {}).get("n_subjects") or 0 for role in COHORTS]
        if units is not None and max(n_subjects) > units:
            yield (
                f"Of a cohort with more than {count(units)} subjects, {count(units)} "
                "random groups of equally many subjects were resampled instead."
            )
    results = usable(run.table("results"))
    if results.q.notna().any():
        yield "q values control the false discovery rate over structures [@Benjamini1995]."
    if results.mde.notna().any():
        yield "The smallest detectable effect is what a two-sided test would find with 80 % power."


def _split_half(run: Run) -> Iterator[str]:
    nulls = [h["null"] for h in measured_headlines(run) if isinstance(h.get("null"), Mapping)]
    nulls = [null for null in nulls if not is_missing(null.get("median"))]
    splits = [int(null["splits"]) for null in nulls if not is_missing(null.get("splits"))]
    sizes = sorted({int(null["n"]) for null in nulls if not is_missing(null.get("n"))})
    if not nulls:
        return
    times = f" {_span(splits)} times" if splits else ""
    each = f" of {listing([count(n) for n in sizes])} subjects" if sizes else ""
    yield (
        f"For the split-half reference, the reference was split{times} at random into two disjoint "
        f"groups{each}, and each number was computed between them exactly as between the two cohorts."
    )


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return count(low) if low == high else f"{count(low)} to {count(high)}"


def _verdicts(run: Run) -> Iterator[str]:
    level, margin = run.settings.get("alpha"), run.settings.get("margin")
    if is_missing(level):
        return
    alpha = float(level)  # type: ignore[arg-type]
    yield (
        f"A metric passes when its {percent(1 - 2 * alpha)} interval lies inside the equivalence margin, "
        f"that is, when two one-sided tests (TOST) reject both sides at {percent(alpha)} [@Schuirmann1987; "
        "@Lakens2017]."
    )
    yield (
        "It fails when it lies outside the margin at a level that keeps the chance of any false failure in "
        f"the whole scorecard below {percent(alpha)}, and is inconclusive otherwise."
    )
    if any(headline.get("against_null") for headline in measured_headlines(run)):
        yield (
            "Numbers that depend on n even for a perfect generator are judged by their excess over "
            "split-half reference at the same n."
        )
    if not is_missing(margin):
        yield f"The margin for standardised differences is {bound(margin)} SD{_noise(run)}."
    if (run.table("results").verdict != "").any():
        yield "Verdicts for single structures are corrected over structures by Holm’s method [@Holm1979]."


def _noise(run: Run) -> str:
    noise = run.settings.get("noise")
    if not isinstance(noise, Mapping) or not noise:
        return ""
    values = [float(value) for value in noise.values() if not is_missing(value)]
    wider = sum(value > float(run.settings["margin"]) for value in values)
    return (
        f", or the measurement noise of the structure where that is larger ({count(wider)} of "
        f"{count(len(values))} structures; noise {interval(min(values), max(values))} SD)"
    )


def _not_measured(run: Run) -> Iterator[str]:
    for question in run.questions:
        if question["verdict"] == "not measured":
            yield f"“{question['name']}” was not measured: {question.get('reason') or 'no reason was given'}."
    failures = run.table("results")
    failures = failures[failures.status != "ok"]
    if len(failures):
        estimates = "estimate" if len(failures) == 1 else "estimates"
        yield f"{count(len(failures))} {estimates} could not be made; the tables give the reason."
