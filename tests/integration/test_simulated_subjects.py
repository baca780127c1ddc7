"""`plausibrain generate` with the simulator: subjects of a table, and options that it does not have."""

import pandas as pd
import pytest

TABLE = "participant_id\tage\tsex\trequested_ventricle_mm3\na\t30\tF\t90000\nb\t70\tM\tn/a\n"


def test_subjects_of_a_table_are_drawn(command, tmp_path):
    table = tmp_path / "asked.tsv"
    table.write_text(TABLE)
    out = tmp_path / "drawn"
    outcome = command("generate", "--conditions", table, "--out", out, "--voxel", "4", "--quiet")
    assert outcome.code == 0
    subjects = pd.read_csv(out / "participants.tsv", sep="\t")
    assert subjects["participant_id"].tolist() == ["sub-a", "sub-b"]
    volumes = pd.read_csv(out / "derivatives" / "truth" / "volumes.tsv", sep="\t")
    lateral = volumes.filter(like="Lat").sum(axis=1)
    assert lateral[0] == pytest.approx(90_000, rel=0.05)
    assert (out / "sub-b" / "anat" / "sub-b_T1w.nii.gz").exists()


@pytest.mark.parametrize(
    ("flags", "named"),
    [(("--n", 20), "--n"), (("--skull-strip",), "--skull-strip"), (("--voxel", 1.0), "--voxel")],
)
def test_options_of_the_simulator_are_refused_for_trained_models(flags, named, command, tmp_path):
    asked = tmp_path / "asked.tsv"
    asked.write_text("participant_id\tage\tsex\nsub-a\t70\tF\n")
    outcome = command(
        "generate", "--model", "ldm", "--conditions", asked, "--out", tmp_path / "drawn", *flags, "--quiet"
    )
    assert outcome.code == 2
    assert f"a trained model takes no {named}:" in outcome.err
    assert not (tmp_path / "drawn").exists()


def test_a_request_that_no_head_can_hold_is_refused(command, tmp_path):
    asked = tmp_path / "asked.tsv"
    asked.write_text("participant_id\tage\tsex\trequested_ventricle_mm3\nsub-a\t70\tF\t9000000\n")
    outcome = command("generate", "--conditions", asked, "--out", tmp_path / "drawn", "--quiet")
    assert outcome.code == 2
    assert "what row 0 asks for makes a head of" in outcome.err
    assert "requested_ventricle_mm3 9000000" in outcome.err
    assert not (tmp_path / "drawn").exists()


def test_options_of_trained_models_are_refused(command, tmp_path):
    outcome = command("generate", "--out", tmp_path / "drawn", "--checkpoint", tmp_path, "--quiet")
    assert outcome.code == 2
    assert "takes no --checkpoint" in outcome.err
    assert not (tmp_path / "drawn").exists()
