"""Over random runs: no picture and no sentence contradicts its verdict, and no number its table.

Every run is two random cohorts whose structures, head size, spread and ageing are off by random amounts. What
a reader sees of a verdict is read back from the strips, the rows of the forests, the sentences and the first
screen, and held against the scorecard.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plausibrain.analysis.analyse import Analysis, analyse
from plausibrain.analysis.row_verdicts import HEADS, MAPS
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.structures import TIV
from plausibrain.reports.figures._rows import judged_ends
from plausibrain.reports.findings import biases, faults
from plausibrain.reports.formatting import estimate as written
from plausibrain.reports.formatting import interval as written_interval
from plausibrain.reports.run_folder import Run
from plausibrain.reports.strip import WIDTH, as_judged, strip
from tests.unit.analysis.factory import normal_cohort, with_quality, with_volume

SEEDS = range(10)
SETTINGS = Settings(n_resamples=200, n_splits=40, wasabi_repeats=10)


def altered(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    """Shift, stretch and age one to three columns by random amounts, small and large."""
    for structure in rng.choice(cohort.volumes.columns, rng.integers(1, 4), replace=False):
        values = cohort.volumes[structure].to_numpy()
        size, spread = rng.choice([0.0, 0.02, -0.1, 0.3]), rng.choice([0.4, 1.0, 1.0, 2.0])
        slope = rng.choice([0.0, 0.004])
        mean = values.mean()
        years = cohort.subjects["age"].to_numpy() - 50
        moved = mean + spread * (values - mean) + mean * (size + slope * years)
        cohort = with_volume(cohort, str(structure), np.maximum(moved, 1.0))
    return cohort


@cache
def analysed(seed: int) -> Analysis:
    rng = np.random.default_rng(seed)
    n, k = int(rng.choice([30, 60, 150])), 2 * seed
    reference = with_quality(normal_cohort(n, k, name="reference"), k)
    other = altered(normal_cohort(int(n * rng.uniform(0.8, 2)), k + 1, name="generated"), rng)
    generated = with_quality(other, k + 1, shift=float(rng.choice([0.0, 0.4])))
    return analyse(reference, generated, SETTINGS)


@pytest.fixture(params=SEEDS)
def random_run(request: pytest.FixtureRequest) -> Analysis:
    return analysed(request.param)


def run_of(analysis: Analysis) -> Run:
    results = analysis.tables["results"]
    texts = {name: results[name].fillna("") for name in ("verdict", "structure", "reason", "headsize")}
    return Run(Path(), {}, analysis.scorecard, {"results": results.assign(**texts)})


def headlines(analysis: Analysis) -> list[dict[str, Any]]:
    found = [h for question in analysis.scorecard["questions"] for h in question["headlines"]]
    return [h for h in found if h["status"] == "ok"]


def seen(low: float, high: float, band: tuple[float, float]) -> tuple[bool, bool]:
    """Whether an interval on a strip lies inside the band, and whether it lies outside it."""
    return band[0] <= low and high <= band[1], high < band[0] or low > band[1]


def test_strips_show_their_verdicts(random_run: Analysis) -> None:
    for headline in headlines(random_run):
        shown, drawn = as_judged(headline), strip(headline)
        assert drawn is not None
        assert drawn.band is not None, headline["name"]
        low = -np.inf if shown["margin_low"] is None else shown["margin_low"]
        high = np.inf if shown["margin_high"] is None else shown["margin_high"]
        outside = shown["estimate"] < low or shown["estimate"] > high
        inside = low <= shown["pass_low"] and shown["pass_high"] <= high
        if headline["verdict"] == "pass":
            assert inside, headline["name"]
            assert seen(*drawn.interval, drawn.band)[0], headline["name"]
        elif headline["verdict"] == "fail":
            distance = headline["against_null"] and not headline["failing"]
            ideal = shown["ideal"] if not distance else high if shown["estimate"] > high else low
            assert outside, headline["name"]
            assert not inside, headline["name"]
            assert not shown["fail_low"] <= ideal <= shown["fail_high"], headline["name"]
            assert not seen(*drawn.interval, drawn.band)[0], headline["name"]
        elif headline["verdict"] == "inconclusive" and not headline["caveat"]:
            assert not inside, headline["name"]


def test_what_lies_wholly_beyond_is_never_called_inconclusive(random_run: Analysis) -> None:
    """A reader who sees the whole thin line outside the band reads *fail*; a null may still reach there."""
    for headline in headlines(random_run):
        shown = as_judged(headline)
        low, high = shown["margin_low"], shown["margin_high"]
        beyond = (low is not None and shown["fail_high"] < low) or (
            high is not None and shown["fail_low"] > high
        )
        if beyond and not headline["caveat"]:
            null = headline["null"] or {"low": np.inf, "high": -np.inf}
            within_null = headline["against_null"] and null["low"] <= shown["estimate"] <= null["high"]
            assert headline["verdict"] == "fail" or within_null, headline["name"]


def test_rows_show_their_verdicts(random_run: Analysis) -> None:
    rows = random_run.tables["results"]
    rows = rows[rows.verdict.isin(["pass", "fail", "inconclusive"])].copy()
    caveats = {h["name"]: h["caveat"] for h in headlines(random_run)}
    too_few = {MAPS[name] for name in MAPS if caveats[name]}
    rows = rows[~rows.quantity.isin(too_few)]
    low, high = judged_ends(rows, "pass")
    inside = (rows.margin_low <= low) & (high <= rows.margin_high)
    beyond = (rows.estimate < rows.margin_low) | (rows.estimate > rows.margin_high)
    none = np.where(rows.unit == "ratio", 1.0, 0.0)
    low, high = judged_ends(rows, "fail")
    fails = beyond & ((low > none) | (high < none))
    expected = np.where(fails, "fail", np.where(inside, "pass", "inconclusive"))
    wrong = rows[expected != rows.verdict]
    # A pass whose interval touches the margin, or a fail whose touches no effect, may differ in the last bit.
    touching = np.minimum((low - none).abs(), (high - none).abs())[wrong.index] < 1e-6
    assert touching.all(), wrong[~touching][["quantity", "structure", "headsize", "verdict"]]


def test_a_structure_has_the_verdict_of_its_headline(random_run: Analysis) -> None:
    rows = random_run.tables["results"]
    rows = rows[(rows.stratum == "all") & (rows.cohort == "difference")]
    entries = {h["name"]: h for h in headlines(random_run)}
    for name, quantity in MAPS.items():
        entry = entries[name]
        chosen = rows[(rows.quantity == quantity) & (rows.headsize == "covariate")]
        failing = set(chosen.structure[chosen.verdict == "fail"])
        withheld = entry["verdict"] == "not judged"
        assert failing == (set() if withheld else {row["structure"] for row in entry["failing"]}), name
        if failing:
            assert entry["verdict"] == "fail", name
    for name, quantity in HEADS.items():
        one = rows[(rows.quantity == quantity) & (rows.structure == TIV) & (rows.headsize == "none")]
        assert one.verdict.tolist() == [entries[name]["verdict"]], name
        assert one.estimate.tolist() == pytest.approx([entries[name]["estimate"]])


def plain(text: str) -> str:
    return text.replace("−", "-").replace("\u00a0", " ").replace(",", "")


def test_numbers_of_sentences_are_those_of_the_tables(random_run: Analysis) -> None:
    for h in headlines(random_run):
        text = plain(h["sentence"])
        unit, ends = h["unit"], (h["ci_low"], h["ci_high"])
        number = plain(written(abs(h["estimate"]), *ends, unit))  # a direction in words has no sign
        assert re.search(rf"(?<![\d.]){re.escape(number)}(?![\d]|\.\d)", text), (h["name"], number, text)
        assert plain(written_interval(*ends, unit)).replace("%", "") in text.replace(" %", ""), (
            h["name"], text
        )  # fmt: skip


def test_sentences_say_their_verdicts(random_run: Analysis) -> None:
    signs = {
        "pass": "within the margin", "fail": "beyond the margin|these fail", "not judged": "Not judged",
        "inconclusive": "Inconclusive|includes both|by more or by less",
    }  # fmt: skip
    for h in headlines(random_run):
        says = {verdict for verdict, sign in signs.items() if re.search(sign, h["sentence"])}
        assert says == {h["verdict"]}, (h["name"], h["sentence"])


def test_the_first_screen_repeats_table_and_scorecard(random_run: Analysis) -> None:
    run = run_of(random_run)
    results = run.table("results")
    for finding in biases(run):
        words = finding.text.split(" (")[0]
        assert ("too" in words) == (finding.verdict == "fail")
        amounts = {
            (plain(written(abs(r.estimate), r.ci_low, r.ci_high, r.unit)), r.verdict)
            for r in results[(results.quantity == "adjusted_d")].itertuples()
        }
        assert (plain(words.split(" ")[0]), finding.verdict) in amounts
    verdicts = {h["label"]: h["verdict"] for h in headlines(random_run)}
    assert all(verdicts[f.name] == f.verdict for f in faults(run))


def test_random_runs_have_every_verdict() -> None:
    """The property is about something: strips stay inside their width, and every state occurs."""
    runs = [analysed(seed) for seed in SEEDS]
    verdicts = {h["verdict"] for analysis in runs for h in headlines(analysis)}
    assert {"pass", "fail", "inconclusive"} <= verdicts
    for analysis in runs:
        for headline in headlines(analysis):
            picture = strip(headline)
            assert picture is not None
            assert 0 <= picture.estimate <= WIDTH
