"""The ten questions: the field's term as title, the question as subtitle, and what an answer needs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One of the ten questions of the scorecard.

    Attributes
    ----------
    number : int
    name : str
        Title: the term of the field.
    asks : str
        Subtitle: the question in plain words.
    needs : str
        What must be there for an answer.
    """

    number: int
    name: str
    asks: str
    needs: str


_TABLES = "volumes of both cohorts"
_IMAGES = "images of both cohorts"
QUESTIONS = (
    Question(1, "Usable images", "Are the images whole and measurable?", "a table of volumes or images"),
    Question(2, "Regional volumes", "Are regions and heads as large as in comparable subjects?", _TABLES),
    Question(3, "Variability", "Do subjects differ from each other as those of the reference do?", _TABLES),
    Question(
        4,
        "Ageing effects",
        "Do structures change with age as in the reference?",
        "ages that vary in both cohorts",
    ),
    Question(
        5,
        "Sex differences",
        "Do men and women differ as those of the reference do?",
        "both sexes in both cohorts",
    ),
    Question(
        6,
        "Conditioning",
        "Does the image show what was requested?",
        "ages or requested volumes in the generated table",
    ),
    Question(7, "Image quality", "Do the images look like scans of the reference?", _IMAGES),
    Question(
        8,
        "Distribution and coverage",
        "Is the cohort as a whole distributed like the reference?",
        _TABLES,
    ),
    Question(
        9,
        "Memorisation and diversity",
        "Are the generated subjects new and different from each other?",
        "images of both cohorts; for copies also the images that the model was trained on (--training)",
    ),
    Question(
        10,
        "Downstream utility",
        "Does a model trained with generated subjects work on real ones?",
        "ages that vary in both cohorts",
    ),
)
