"""What ``scorecard.json`` and ``run.json`` must hold, field by field: run folders travel, and get damaged."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.text_files import shown

Number = float | None
Text = str | None
Count = Annotated[int, Field(ge=0)] | None


class _Entry(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Split(_Entry):
    """A headline between halves of the reference, or of both cohorts at that n."""

    median: Number = None
    low: Number = None
    high: Number = None
    n: Number = None


class StructureEntry(_Entry):
    """One structure of a headline about a map."""

    structure: str
    direction: Text = None
    estimate: Number = None
    ci_low: Number = None
    ci_high: Number = None
    p: Number = None
    margin: Number = None
    pass_low: Number = None
    pass_high: Number = None
    fail_low: Number = None
    fail_high: Number = None


class HeadlineEntry(_Entry):
    """One headline number."""

    name: str
    label: Text = None
    unit: Text = None
    better: Literal["closer", "higher", "lower"] = "closer"
    ideal: Number = None
    percent: StrictBool = False
    logarithmic: StrictBool = False
    against_null: StrictBool = False
    source: list[str] = Field(default_factory=list)
    methods: Text = None
    n_reference: Number = None
    n_generated: Number = None
    status: Text = None
    reason: Text = None
    caveat: Text = None
    estimate: Number = None
    ci_low: Number = None
    ci_high: Number = None
    ci_level: Annotated[float, Field(gt=0, lt=1)] | None = None
    se: Number = None
    pass_low: Number = None
    pass_high: Number = None
    fail_low: Number = None
    fail_high: Number = None
    judged: Number = None
    margin_low: Number = None
    margin_high: Number = None
    mde: Number = None
    p_fail: Number = None
    null: Split | None = None
    matched: Split | None = None
    which: Text = None
    worst: StructureEntry | None = None
    failing: list[StructureEntry] = Field(default_factory=list)
    divisor: Number = None
    differs: StrictBool | None = None
    n_needed: Number = None
    verdict: Text = None
    sentence: Text = None


class QuestionEntry(_Entry):
    """One of the ten questions."""

    number: Annotated[int, Field(ge=1, le=10)]
    name: str
    asks: Text = None
    verdict: str
    sentence: Text = None
    reason: Text = None
    headlines: list[HeadlineEntry]


class ScorecardFile(_Entry):
    """``scorecard.json``."""

    name: Text = None
    fingerprint: Text = None
    reference: dict[str, Any] | None = None
    generated: dict[str, Any] | None = None
    verdict: Text = None
    sentence: Text = None
    settings: dict[str, Any] | None = None
    design: dict[str, Any] | None = None
    questions: list[QuestionEntry]


class QuantityEntry(_Entry):
    """What the page and the methods section call a quantity."""

    label: str
    methods: str


class CohortEntry(_Entry):
    """What identifies a cohort of a run."""

    name: Text = None
    source: Text = None
    segmenter: Text = None
    n_rows: Count = None
    n_subjects: Count = None
    subjects_hash: Text = None
    content_hash: Text = None


class RecordFile(_Entry):
    """``run.json``."""

    name: Text = None
    created: Text = None
    seconds: Number = None
    fingerprint: Text = None
    protocol: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    reference: CohortEntry | None = None
    generated: CohortEntry | None = None
    quantities: dict[str, QuantityEntry] | None = None
    segmenters: list[Any] | dict[str, Any] | None = None
    versions: dict[str, str | None] | None = None
    hardware: dict[str, Any] | None = None


def check_file(kind: type[BaseModel], content: object, path: Path) -> None:
    """Refuse content that is not of this kind; `DataError` names the file, the field and what came."""
    try:
        kind.model_validate(content)
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].lower().partition(" or instance of ")[0]
        raise DataError(
            f"{path}: {place}: {problem} (got {shown(first['input'])}); run the analysis again"
        ) from None
