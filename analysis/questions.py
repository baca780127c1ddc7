"""The ten questions, and why one may stay unanswered."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One of the ten questions of the scorecard."""

    number: int
    name: str
    asks: str
    needs: str


_TABLES = "volumes of both cohorts"
_IMAGES = "images of both cohorts"
QUESTIONS = (
    Question(1, "Whole?", "Are the brains complete and measurable?", "a table of volumes or images"),
    Question(2, "Right size?", "Are regions and heads as large as in comparable subjects?", _TABLES),
    Question(3, "Right spread?", "Do subjects differ from each other as real ones do?", _TABLES),
    Question(
        4,
        "Ages as subjects do?",
        "Do structures change with age as in subjects?",
        "ages that vary in both cohorts",
    ),
    Question(
        5,
        "Sexes differ as subjects do?",
        "Do men and women differ as real ones do?",
        "both sexes in both cohorts",
    ),
    Question(
        6,
        "Obeys its conditions?",
        "Does the image show what was requested?",
        "requested volumes in the generated table",
    ),
    Question(7, "Looks like a scan?", "Is the image quality that of real scans?", _IMAGES),
    Question(
        8, "Covers the population?", "Is the cohort as a whole distributed like real subjects?", _TABLES
    ),
    Question(
        9,
        "New subjects?",
        "Are the generated subjects not copies of training subjects?",
        "images of both cohorts; for copies also the images that the model was trained on (--training)",
    ),
    Question(
        10,
        "Useful?",
        "Does a model trained on generated images work on real ones?",
        "images of both cohorts and held-out subjects",
    ),
)
