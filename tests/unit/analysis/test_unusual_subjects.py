"""Who is unusual in what: injected subjects come out on top, and one in twenty is at the edge."""

from dataclasses import replace

import numpy as np

from plausibrain.analysis.unusual_subjects import case_table
from tests.unit.analysis.factory import frame_of, normal_cohort, with_quality, with_volume


def test_a_injected_volume_and_a_injected_image_come_out_on_top():
    reference = with_quality(normal_cohort(100, 1, name="r"), 1)
    generated = with_quality(normal_cohort(80, 2, name="g"), 2)
    volumes = generated.volumes["Left-Hippocampus"].to_numpy().copy()
    volumes[7] *= 0.4
    spoilt = generated.measures.copy()
    spoilt.loc[11, "measure_2"] += 8
    table = case_table(
        frame_of(reference, replace(with_volume(generated, "Left-Hippocampus", volumes), measures=spoilt))
    )
    worst = table[table["cohort"] == "generated"].sort_values("score").groupby("question").last()
    ids = generated.subjects["participant_id"]
    assert worst.loc[2, ["participant_id", "about"]].tolist() == [ids[7], "Left-Hippocampus"]
    assert worst.loc[2, "deviation"] < -4
    assert worst.loc[7, ["participant_id", "about"]].tolist() == [ids[11], "measure_2"]
    assert worst.loc[7, "deviation"] > 5


def test_every_subject_has_one_row_per_question():
    reference = with_quality(normal_cohort(60, 1, name="r"), 1)
    table = case_table(frame_of(reference, with_quality(normal_cohort(50, 2, name="g"), 2)))
    assert table.groupby(["question", "cohort"]).size().tolist() == [50, 60, 50, 60]
    assert not table.duplicated(["cohort", "participant_id", "question"]).any()


def test_of_one_measure_five_in_a_hundred_real_subjects_are_beyond_one():
    reference = with_quality(normal_cohort(400, 1, name="r"), 1, n_measures=1)
    table = case_table(frame_of(reference, with_quality(normal_cohort(30, 2, name="g"), 2, n_measures=1)))
    real = table[(table["question"] == 7) & (table["cohort"] == "reference")]
    assert np.mean(real["score"] > 1) == 0.05


def test_without_images_there_are_rows_for_volumes_alone():
    table = case_table(frame_of(normal_cohort(40, 1, name="r"), normal_cohort(40, 2, name="g")))
    assert set(table["question"]) == {2}
