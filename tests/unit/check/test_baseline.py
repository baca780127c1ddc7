"""Baseline files: everything a later check needs, and nothing it could be fooled by."""

import base64
import json
import zlib

import numpy as np
import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.reports.baseline import read_snapshot, write_baseline
from plausibrain.reports.check.check import check_run


def test_a_baseline_file_stands_for_its_run(worse, baseline, tmp_path):
    path = write_baseline(baseline, tmp_path / "baseline.json")
    from_run, from_file = (check_run(worse, baseline=source) for source in (baseline, path))
    assert from_file.status == from_run.status == "fail"
    pairs = {row.name: row for row in from_run.rows if not row.name.startswith("structure:")}
    for ours in (row for row in from_file.rows if row.name in pairs):
        theirs = pairs[ours.name]
        assert ours.worsening == theirs.worsening  # estimates keep full precision
        assert ours.low == pytest.approx(theirs.low, rel=1e-4, abs=1e-6)  # draws are 32-bit floats
        assert ours.joint.from_draws
    assert from_file.pairing.generated == "same"


def test_a_baseline_file_holds_what_the_issue_asks(baseline, world, tmp_path):
    content = json.loads(write_baseline(baseline, tmp_path / "b.json").read_text(encoding="utf-8"))
    run = content["run"]
    assert run["name"] == "old model"
    assert run["date"] == "2026-11-21T10:00:00+00:00"
    assert run["protocol"] == world.protocol
    assert run["fingerprint"]
    assert run["reference"]["subjects_hash"]
    assert run["generated"]["subjects_hash"]
    first = run["questions"][1]["headlines"][0]
    assert {"estimate", "ci_low", "ci_high", "se", "n_reference", "n_generated"} <= set(first)
    assert content["draws"]["columns"]


def test_draws_survive_packing(baseline, tmp_path):
    stored = read_snapshot(write_baseline(baseline, tmp_path / "b.json")).draws
    original = read_snapshot(baseline).draws
    assert list(stored.columns) == list(original.columns)
    assert list(stored.index) == list(original.index)
    np.testing.assert_allclose(stored.to_numpy(), original.to_numpy(), rtol=6e-8)


def test_without_draws_standard_errors_are_independent_and_the_text_says_so(same, baseline, tmp_path):
    small = write_baseline(baseline, tmp_path / "small.json", draws=False)
    assert small.stat().st_size < 0.5 * write_baseline(baseline, tmp_path / "b.json").stat().st_size
    paired, unpaired = check_run(same, baseline=baseline), check_run(same, baseline=small)
    assert "combined as if the runs were independent" in unpaired.markdown
    assert "combined as if the runs were independent" not in paired.markdown
    widths = [
        {row.name: row.high - row.low for row in result.rows if row.joint} for result in (paired, unpaired)
    ]
    assert all(widths[0][name] < widths[1][name] for name in widths[0])


def test_a_baseline_of_a_baseline_is_an_error(baseline, tmp_path):
    path = write_baseline(baseline, tmp_path / "b.json")
    with pytest.raises(DataError, match="expected a run folder to make a baseline of"):
        write_baseline(path, tmp_path / "c.json")


def test_a_missing_baseline_is_an_error(same, tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        check_run(same, baseline=tmp_path / "none.json")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "not readable JSON"),
        ("[]", "expected one JSON object"),
        ("{}", "not a baseline file of schema 2"),
        ('{"kind": "plausibrain baseline", "schema": 1}', "schema 1.: write one with"),
        ('{"kind": "plausibrain baseline", "schema": 2, "run": 3}', "valid dictionary"),
    ],
)
def test_another_file_is_no_baseline(text, match, tmp_path):
    path = tmp_path / "b.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=match):
        read_snapshot(path)


def damaged(baseline, tmp_path, **change: object):
    path = write_baseline(baseline, tmp_path / "b.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    content["draws"] |= change
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "data",
    [
        "!!!",
        base64.b64encode(b"no zlib").decode(),
        base64.b64encode(zlib.compress(b"\0" * 12)).decode(),
        base64.b64encode(zlib.compress(b"\0" * 100_000_000)).decode(),
        base64.b64encode(zlib.compress(b"\0" * 400 * 7 * 4)[:-6]).decode(),
    ],
    ids=["no base64", "no zlib", "too short", "a bomb", "cut off"],
)
def test_damaged_draws_are_an_error(data, baseline, tmp_path):
    with pytest.raises(DataError, match="bootstrap resamples cannot be read"):
        read_snapshot(damaged(baseline, tmp_path, data=data))


def test_a_promise_of_too_many_draws_is_refused_before_reading(baseline, tmp_path):
    with pytest.raises(DataError, match="more than"):
        read_snapshot(damaged(baseline, tmp_path, columns=["h"] * 130_000))


def test_repeated_headlines_are_an_error(world, tmp_path):
    run = world.run("twice").write(tmp_path / "run")
    card = json.loads((run / "scorecard.json").read_text(encoding="utf-8"))
    card["questions"][2]["headlines"] *= 2
    (run / "scorecard.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(DataError, match="these repeat: spread"):
        read_snapshot(run)


def test_text_in_place_of_a_number_names_the_field(world, tmp_path):
    run = world.run("text").write(tmp_path / "run")
    card = json.loads((run / "scorecard.json").read_text(encoding="utf-8"))
    card["questions"][2]["headlines"][0]["estimate"] = "large"
    (run / "scorecard.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(DataError, match=r"headlines\.0\.estimate.*'large'"):
        read_snapshot(run)
