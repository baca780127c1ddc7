"""What a comparison needs of a run: its headlines, their draws, and what they were computed from.

A run folder and a baseline file both become a :class:`Snapshot`, so that everything after reading is the same
for both.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict
from scipy.stats import norm

NO_NUMBER = math.nan


def _number(value: object) -> object:
    return NO_NUMBER if value is None else value


def _text(value: object) -> object:
    return "" if value is None else value


Number = Annotated[float, BeforeValidator(_number)]
Text = Annotated[str, BeforeValidator(_text)]
Better = Literal["closer", "higher", "lower"]


class Null(BaseModel):
    """Split-half reference: how many subjects stand on each side."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    n: Number = NO_NUMBER


class Headline(BaseModel):
    """One headline number of a scorecard; a number that is missing is NaN, with status and reason.

    ``against_null`` marks a number that depends on n even for a perfect generator: it is judged by its excess
    over split-half reference at ``null.n`` subjects on each side (``judged``), and its margin is moved to the
    scale of the estimate. ``logarithmic`` marks a ratio, whose distance from the ideal is the absolute
    logarithm of their quotient.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    label: Text = ""
    unit: Text = ""
    better: Better = "closer"
    ideal: Number = NO_NUMBER
    estimate: Number = NO_NUMBER
    ci_low: Number = NO_NUMBER
    ci_high: Number = NO_NUMBER
    ci_level: Number = 0.95
    se: Number = NO_NUMBER
    margin_low: Number = NO_NUMBER
    margin_high: Number = NO_NUMBER
    against_null: bool = False
    judged: Number = NO_NUMBER
    logarithmic: bool = False
    null: Null | None = None
    n_reference: Number = NO_NUMBER
    n_generated: Number = NO_NUMBER
    verdict: Text = ""
    status: Text = "ok"
    reason: Text = ""
    caveat: Text = ""

    @property
    def title(self) -> str:
        """Label for subjects, or the name where there is none."""
        return self.label or self.name

    @property
    def usable(self) -> bool:
        """True when there is a number, and an ideal where the direction needs one."""
        return not self.problem

    @property
    def problem(self) -> str:
        """Why the headline cannot be compared; empty when it can."""
        if self.status != "ok":
            return self.reason or f"status is {self.status}"
        if not math.isfinite(self.estimate):
            return self.reason or "no finite estimate"
        if self.better == "closer" and not math.isfinite(self.ideal):
            return "no ideal value is stated, so nearer to it means nothing"
        return ""

    @property
    def standard_error(self) -> float:
        """Standard error in the headline's unit: as stated, or from the width of the interval."""
        if self.se > 0:
            return self.se
        return float((self.ci_high - self.ci_low) / (2 * norm.ppf(0.5 + self.ci_level / 2)))

    @property
    def ratio_scale(self) -> bool:
        """True when distances are logarithms: a ratio, and above zero so that it has one."""
        return self.logarithmic and self.estimate > 0 and self.ideal > 0

    @property
    def margin(self) -> float:
        """Distance to the nearer end of the margin, NaN without one; a logarithm for ratios."""
        ends = [end for end in (self.margin_low, self.margin_high) if math.isfinite(end)]
        return min((abs(self.distance(end)) for end in ends), default=NO_NUMBER)

    @property
    def away(self) -> float:
        """Distance from the ideal, or from split-half reference; without an ideal the number itself."""
        if self.against_null and math.isfinite(self.judged):
            return abs(self.judged)
        return abs(self.distance(self.estimate) if math.isfinite(self.ideal) else self.estimate)

    def distance(self, value: float) -> float:
        """Signed distance of a value from what the margin is around: the ideal, or split-half reference."""
        if self.against_null:
            return value - (self.estimate - self.judged)
        if self.ratio_scale and value > 0:
            return math.log(value / self.ideal)
        return value - self.ideal

    def in_margins(self, value: float) -> float:
        """Signed distance of a value, in margins of its side; NaN without a margin of some width."""
        away = self.distance(value)
        side = abs(self.distance(self.margin_low if away < 0 else self.margin_high))
        width = side if math.isfinite(side) and side > 0 else self.margin
        return away / width if width > 0 else NO_NUMBER


class Question(BaseModel):
    """One of the ten questions, with its verdict and its headlines."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: int
    name: str
    verdict: Text = ""
    sentence: Text = ""
    reason: Text = ""
    headlines: tuple[Headline, ...] = ()


class Side(BaseModel):
    """What identifies one cohort of a run: the set of its subject ids, and its content."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Text = ""
    subjects_hash: Text = ""
    content_hash: Text = ""


class Facts(BaseModel):
    """Everything of a run but its draws; also the text part of a baseline file.

    ``structures`` holds the adjusted difference of every structure in the form of a headline; a check may
    watch them, as headlines sum up many structures and can hide one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Text = ""
    date: Text = ""
    fingerprint: Text = ""
    protocol: dict[str, Any] = {}
    seed: int | None = None
    reference: Side = Side()
    generated: Side = Side()
    questions: tuple[Question, ...] = ()
    structures: tuple[Headline, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """A run as comparison and check see it.

    ``draws`` holds the bootstrap draws, (B, K): index ``draw``, one column per headline; None where the
    baseline file was written without.
    """

    facts: Facts
    source: Path
    draws: pd.DataFrame | None

    @property
    def name(self) -> str:
        """Name of the run, or of its folder where it has none."""
        return self.facts.name or self.source.name

    @property
    def headlines(self) -> dict[str, Headline]:
        """Headlines by name, in the order of the questions."""
        return {
            headline.name: headline for question in self.facts.questions for headline in question.headlines
        }

    @property
    def structures(self) -> dict[str, Headline]:
        """Adjusted difference of every structure, by ``structure:NAME``."""
        return {structure.name: structure for structure in self.facts.structures}

    @property
    def questions(self) -> dict[str, Question]:
        """Question of each headline, by the headline's name."""
        return {
            headline.name: question for question in self.facts.questions for headline in question.headlines
        }

    @property
    def n_reference(self) -> float:
        """Largest number of reference subjects behind a headline."""
        return _largest(headline.n_reference for headline in self.headlines.values())

    @property
    def n_generated(self) -> float:
        """Largest number of generated subjects behind a headline."""
        return _largest(headline.n_generated for headline in self.headlines.values())


def _largest(numbers: Any) -> float:
    return max((number for number in numbers if math.isfinite(number)), default=NO_NUMBER)
