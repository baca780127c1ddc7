"""How unusual every subject is, in what, by question: what a page needs to show the best and the worst."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pair import ROLES
from plausibrain.cohorts.schemas import CASES

#: Question -> what the deviations are about.
ABOUT = {2: "volumes", 7: "image quality"}
#: A measure is as unusual as its deviation beside that of this share of real subjects.
USUAL = 0.95


def case_table(frame: Frame) -> pd.DataFrame:
    """One row per subject and question: the most unusual structure or quality measure, and by how much.

    Parameters
    ----------
    frame : Frame

    Returns
    -------
    DataFrame
        Columns of `plausibrain.cohorts.schemas.CASES`.

    Notes
    -----
    Deviations are those from what the reference predicts for age and sex, in standard deviations of real
    subjects. The score is the largest of them over its own 95th percentile among real subjects: 1 is the
    edge of what is usual.
    """
    parts = [part for question in ABOUT for part in _of_question(frame, question)]
    columns = [column.name for column in CASES.columns]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _of_question(frame: Frame, question: int) -> Iterator[pd.DataFrame]:
    names = np.array(frame.outcome_names if question == 2 else frame.measures)
    if not len(names):
        return
    usual = np.quantile(np.abs(_deviations(frame.reference, question)), USUAL, axis=0)
    usual = np.where(usual > 0, usual, 1.0)
    for role in ROLES:
        arrays = frame.reference if role == "reference" else frame.generated
        own = _deviations(arrays, question)
        relative = np.abs(own) / usual
        most = relative.argmax(axis=1)
        rows = np.arange(len(own))
        yield pd.DataFrame(
            {
                "cohort": role,
                "participant_id": arrays.sample.subjects["participant_id"].to_numpy(),
                "question": question,
                "score": relative[rows, most],
                "about": names[most],
                "deviation": own[rows, most],
            }
        )


def _deviations(arrays: CohortArrays, question: int) -> np.ndarray:
    return arrays.features if question == 2 else arrays.quality_deviations
