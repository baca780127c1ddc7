"""Where headlines register themselves."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.structure_maps import StructureMap
from plausibrain.cohorts.registry import Plugin, Registry

HeadlineFunction = Callable[[Pair], np.ndarray]
Margin = Callable[[Frame], tuple[float, float]]
Interval = Callable[[Frame, float], tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class HeadlinePlugin(Plugin):
    """A headline metric: a function of a `Pair` that returns one number per replicate, (B,).

    Parameters
    ----------
    label, unit, better, source, bounds, methods
        As in `plausibrain.cohorts.registry.Plugin`.
    question : int
        One of the ten questions.
    ideal : float
        Value of a perfect generator.
    margin : callable or None
        Lowest and highest value that still count as good. None for headlines judged against
        split-half, whose margin is the distance made by an injected difference of `Settings.margin`.
    sentence : str
        Plain-language reading; `{estimate}`, and `{which}` and `{direction}` where they are given, are filled
        in; interval and split-half reference follow by themselves.
    needs : tuple of str
        Capabilities (`plausibrain.analysis.applicability`) without which the headline does not apply.
    against_null : bool
        The number depends on n even for a perfect generator, so its verdict is about the excess over the
        same number in the split-half reference at the same n.
    null : bool
        Whether split-half reference has a meaning.
    max_splits : int
        Fewer splits than the settings ask for, where one evaluation is expensive.
    interval : callable or None
        `f(frame, level)` when something better than the bootstrap exists.
    both_sides : bool
        Of an injected margin: as far below the split-half reference is as bad as above.
    fixed_scores : bool
        A bootstrap resamples what was computed once and misses part of the noise; its spread is that of
        statistics computed anew on half-samples, where that is larger.
    from_counts : bool
        The number comes from how many rows there are, not from the rows: replicates are drawn from counts.
    logarithmic : bool
        The number is a ratio; its loss in comparisons is the absolute logarithm.
    lognormal : bool
        The interval is that of a normally distributed logarithm. Of a ratio of standard deviations it covers
        better than quantiles of resamples: these are skewed as the estimate is, an interval should be skewed
        the other way.
    assumes : tuple of str
        What the requests behind the cohort must be like (`plausibrain.analysis.design`) for a verdict.
    percent : bool
        Whether pages should print the number as a percentage.
    which : callable or None
        `f(pair) -> str`, called with the pair of the estimate: names what the number is about.
    structures : StructureMap or None
        The map whose largest deviation the headline is: it fails when a structure fails after correction.
    words : tuple of str or None
        What a negative and a positive estimate mean, for `{direction}` in the sentence; the estimate then
        stands there without its sign.
    """

    question: int
    ideal: float
    margin: Margin | None
    sentence: str
    needs: tuple[str, ...] = ()
    against_null: bool = False
    null: bool = True
    max_splits: int = 10_000
    interval: Interval | None = None
    both_sides: bool = False
    fixed_scores: bool = False
    from_counts: bool = False
    logarithmic: bool = False
    lognormal: bool = False
    assumes: tuple[str, ...] = ()
    percent: bool = False
    which: Callable[[Pair], str] | None = None
    structures: StructureMap | None = None
    words: tuple[str, str] | None = None


HEADLINES = Registry("headlines", HeadlinePlugin)
headline = HEADLINES.register


def all_headlines() -> list[HeadlinePlugin]:
    """Return every headline, by question and name."""
    plugins = HEADLINES.discover("plausibrain.analysis.headlines")
    return sorted(plugins, key=lambda plugin: (plugin.question, plugin.name))
