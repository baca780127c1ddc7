"""What a model was trained on travels with the cohort, and requests beyond it become notes."""

import pandas as pd
import pytest

from plausibrain.cohorts.request_notes import RECORD, request_notes, write_request_record
from plausibrain.cohorts.requested_volumes import BRAIN, BRAIN_NORMALISED, STANDARD_HEAD_MM3, answer

VOLUMES = pd.DataFrame(
    {"Left-Cerebral-Cortex": [3e5, 2e5], "Left-Lateral-Ventricle": [1e4, 2e4], "TIV": [1.5e6, 1e6]}
)


def test_requests_beyond_the_range_of_the_model_are_named(tmp_path):
    subjects = pd.DataFrame({"age": [30.0, 50.0, 90.0], BRAIN_NORMALISED: [1.2e6, 1.3e6, 1.4e6]})
    write_request_record(tmp_path, subjects, {"age": (44, 82), BRAIN_NORMALISED: (1.1e6, 1.8e6)})
    (note,) = request_notes(tmp_path)
    assert note.column == "age"
    assert note.message == (
        "2 of 3 requests lie outside what the model was trained on (44 to 82 years; age): 1 below, 1 above"
    )


def test_a_note_says_what_the_volume_is(tmp_path):
    write_request_record(
        tmp_path, pd.DataFrame({BRAIN_NORMALISED: [1e6]}), {BRAIN_NORMALISED: (1.1e6, 1.8e6)}
    )
    (note,) = request_notes(tmp_path)
    assert "normalised for head size" in note.message
    assert "1,100,000 to 1,800,000 mm3" in note.message


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"conditions": [1, {"low": "a"}]}', '{"conditions": 3}'])
def test_a_broken_record_gives_no_notes(tmp_path, text):
    (tmp_path / RECORD).write_text(text, encoding="utf-8")
    assert request_notes(tmp_path) == request_notes(tmp_path / "absent") == ()


def test_a_request_has_one_answer():
    assert answer(VOLUMES, BRAIN).tolist() == [3e5, 2e5]
    assert answer(VOLUMES, BRAIN_NORMALISED).tolist() == pytest.approx([0.2 * STANDARD_HEAD_MM3] * 2)
    assert answer(VOLUMES.drop(columns="TIV"), BRAIN_NORMALISED) is None
    assert answer(VOLUMES, "requested_age") is None
