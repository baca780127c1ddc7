"""What every headline keeps, free for each new one: weights, row order, bounds, nulls, words, sources."""

import importlib
import math
from dataclasses import replace

import numpy as np
import pytest

from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.independent import groups_of
from plausibrain.analysis.joint_design import CohortArrays, build_frame
from plausibrain.analysis.pair import Pair, Weighted
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.registry import Plugin
from plausibrain.cohorts.requested_volumes import BRAIN_NORMALISED, answer
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.reports.references import known_references
from tests.unit.analysis.factory import (
    patients_and_controls,
    with_plausibility,
    with_quality,
    with_subjects,
)
from tests.unit.analysis.feature_factory import with_images

SETTINGS = Settings(n_resamples=100, n_splits=60)
REFERENCE, GENERATED = (
    with_images(with_quality(table_cohort(n, seed=seed, name=name), seed=seed), seed)
    for n, seed, name in ((240, 1, "r"), (200, 2, "g"))
)
GENERATED = with_subjects(GENERATED, **{BRAIN_NORMALISED: answer(GENERATED.volumes, BRAIN_NORMALISED)})
REFERENCE, GENERATED = with_plausibility(REFERENCE, 0.02, 8), with_plausibility(GENERATED, 0.03, 9)
INDEPENDENT = patients_and_controls(60, 4, years=6.0)
TRAINING = with_images(table_cohort(90, seed=3, name="t"), 3)
REFERENCES = known_references()
SINGLE_PRECISION = 2e-4
# Their noise terms count subjects: rows written down twice are one subject, a weight of two may be two.
KNOWS_SUBJECTS, BY_SUBJECT = ("covariation", "spread_head", "spread_structures", "spread_worst"), 0.05


def pairs_of(reference=REFERENCE, generated=GENERATED, settings=SETTINGS) -> Pairs:
    samples = prepare_samples(reference, generated, min_subjects=10, training=TRAINING)
    frame = build_frame(samples, settings)
    return Pairs.of(replace(frame, independent=groups_of(INDEPENDENT, frame)))


PAIRS = pairs_of()
EVERY = pytest.mark.parametrize("plugin", all_headlines(), ids=lambda plugin: plugin.name)
COMPUTED = pytest.mark.parametrize(
    "plugin", [p for p in all_headlines() if not p.from_counts], ids=lambda plugin: plugin.name
)


def applies(plugin: Plugin) -> None:
    reasons = [missing_capability(need, PAIRS.full.frame) for need in plugin.needs]
    assert not any(reasons), "the default cohorts must let every headline speak"


def kinds(plugin: Plugin) -> tuple[str, ...]:
    """Weightings that have a meaning for a headline."""
    return ("full", "bootstrap", "null", "matched") if plugin.null else ("full", "bootstrap")


def one_at_a_time(plugin: Plugin, pair: Pair, most: int) -> np.ndarray:
    values = []
    for b in range(most):
        sides = [Weighted(s.arrays, s.weights[b : b + 1]) for s in (pair.reference, pair.generated)]
        values.append(plugin(Pair(pair.frame, sides[0], sides[1], pair.kind, pair.full))[0])
    return np.array(values)


@COMPUTED
@pytest.mark.parametrize("kind", ["full", "bootstrap", "null", "matched"])
def test_replicates_do_not_know_of_each_other(plugin, kind):
    applies(plugin)
    if kind not in kinds(plugin):
        return
    pair = getattr(PAIRS, kind).first(4)
    together = plugin(pair)
    assert together.shape == (pair.n_replicates,)
    np.testing.assert_allclose(
        together, one_at_a_time(plugin, pair, pair.n_replicates), rtol=SINGLE_PRECISION
    )


@EVERY
def test_order_of_rows_does_not_matter(plugin):
    rng = np.random.default_rng(0)
    mixed = pairs_of(REFERENCE.select(rng.permutation(240)), GENERATED.select(rng.permutation(200)))
    for kind in kinds(plugin):
        ours, theirs = (plugin(getattr(p, kind).first(6)) for p in (PAIRS, mixed))
        np.testing.assert_allclose(ours, theirs, rtol=SINGLE_PRECISION, atol=1e-5)


def repeated(arrays: CohortArrays, counts: np.ndarray) -> CohortArrays:
    """Write every row down as often as it counts."""
    rows = np.repeat(np.arange(len(counts)), counts)
    fields = ("design", "outcomes", "shares", "features", "regions", "residuals")
    fields = (*fields, "quality", "quality_deviations")
    parts = {name: getattr(arrays, name)[rows] for name in fields}
    parts["clouds"] = {name: points[rows] for name, points in arrays.clouds.items()}
    return replace(arrays, sample=arrays.sample.take(rows), pairwise_rows=np.arange(len(rows)), **parts)


@pytest.mark.parametrize(
    "plugin",
    [p for p in all_headlines() if not (p.from_counts or p.fixed_scores)],
    ids=lambda plugin: plugin.name,
)
def test_weight_two_is_the_row_twice(plugin):
    frame = PAIRS.full.frame
    rng = np.random.default_rng(3)
    counts = [rng.integers(0, 3, len(p.sample)) for p in (frame.reference, frame.generated)]
    sides = [
        Weighted(p, c[None].astype(np.uint8))
        for p, c in zip((frame.reference, frame.generated), counts, strict=True)
    ]
    weighted = Pair(frame, sides[0], sides[1], "matched")
    written = [repeated(p, c) for p, c in zip((frame.reference, frame.generated), counts, strict=True)]
    sides = [Weighted(p, np.ones((1, len(p.sample)), dtype=np.uint8)) for p in written]
    twice = Pair(replace(frame, cache={}), sides[0], sides[1], "full")
    tolerance = BY_SUBJECT if plugin.name in KNOWS_SUBJECTS else 1e-3
    np.testing.assert_allclose(plugin(weighted), plugin(twice), rtol=tolerance, atol=1e-5)


@EVERY
def test_values_stay_within_bounds(plugin):
    low, high = plugin.bounds
    for kind in kinds(plugin):
        values = plugin(getattr(PAIRS, kind).first(20))
        known = values[np.isfinite(values)]
        assert len(known)
        assert (known >= low - 1e-9).all()
        assert (known <= high + 1e-9).all()


@EVERY
def test_null_is_centred_on_a_perfect_generator(plugin):
    """Against the null by its excess, otherwise by the ideal itself: within half of what counts as good."""
    if not plugin.null:
        return
    most = min(60, plugin.max_splits)
    null, matched = (plugin(pair.first(most)) for pair in (PAIRS.null, PAIRS.matched))
    if plugin.margin is None:
        injected = plugin(PAIRS.injected.first(most))
        reach = np.nanmedian(injected - null)
    else:
        edges = plugin.margin(PAIRS.full.frame)
        ideal = 0.0 if plugin.against_null else plugin.ideal
        reach = min(abs(edge - ideal) for edge in edges if math.isfinite(edge))
    if plugin.against_null:
        assert abs(np.nanmedian(matched - null)) < reach
    else:
        assert abs(np.nanmedian(null) - plugin.ideal) < reach / 2


@EVERY
def test_margin_holds_the_ideal(plugin):
    margin, frame = plugin.margin, PAIRS.full.frame
    if margin is None:
        assert plugin.against_null
        return
    low, high = margin(frame)
    ideal = 0.0 if plugin.against_null else plugin.ideal
    assert low < ideal < high
    wide = margin(replace(frame, settings=SETTINGS.model_copy(update={"margin": 0.3, "spread_margin": 1.5})))
    assert wide[0] <= low
    assert wide[1] >= high


@EVERY
def test_every_headline_speaks_for_itself(plugin):
    assert plugin.label
    assert plugin.unit
    assert plugin.question in range(1, 11)
    text = importlib.import_module(plugin.module).__doc__ or ""
    # What it is, what moves it and how it misleads take more than one sentence.
    assert len(text) > 200, f"{plugin.name}: say what moves the number and how it misleads"
    assert text.count(".") + text.count("?") >= 3
    assert "{estimate}" in plugin.sentence
    assert plugin.module.endswith(plugin.name)


@EVERY
def test_sources_are_in_the_references(plugin):
    assert set(plugin.source) <= set(REFERENCES)
