"""Damaged files of every kind end in exit code 0 or 2 with one sentence: no traceback, no hang.

Every kind of file is taken whole and damaged at random, reproducibly: bytes changed, cut off, repeated,
replaced by other kinds of values. What is not a file at all (a folder, a pipe, a device) is tried as well.
"""

import json
import os
import random
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.models.ldm import ldm
from tests.integration.conftest import Command

N_DAMAGES = 6
VALUES = ("", "null", "-1", "1e999", "[]", "{}", "nan", '"x"', "[[[[[[1]]]]]]", "true", "9" * 40, "\x00")

TABLE = (
    "participant_id,age,sex,Left-Hippocampus,Right-Hippocampus,TIV\n"
    + "".join(
        f"sub-{i:02d},{40 + i},{'MF'[i % 2]},{4000 + i},{4100 + i},{1.4e6 + 1e4 * i}\n" for i in range(12)
    )
).encode()
CONFIG = (
    b"reference: table.csv\ngenerated: {path: table.csv, name: m}\nout: run\n"
    b"settings: {n_resamples: 100, n_splits: 20, seed: 1}\nimages: {n_pairs: 0}\n"
)
RECIPE = (
    b"describes: x\npattern: 'a{seed}.npy'\nvoxel: [2, 2, 2]\norientation: RAS\nscale: {}\nassumes: [a]\n"
)


def image(path: Path) -> bytes:
    nib.save(nib.Nifti1Image(np.arange(120, dtype=np.int16).reshape(4, 5, 6), np.diag([2.0, 2, 2, 1])), path)
    return path.read_bytes()


def array(path: Path) -> bytes:
    np.save(path, np.arange(120, dtype=np.float32).reshape(4, 5, 6))
    return path.read_bytes()


def arrays(path: Path) -> bytes:
    np.savez(path, image=np.arange(120, dtype=np.float32).reshape(4, 5, 6))
    return path.read_bytes()


def tensor(path: Path) -> bytes:
    torch.save(torch.arange(120.0).reshape(4, 5, 6), path)
    return path.read_bytes()


def listed(path: Path) -> bytes:
    return json.dumps([{"image": "a0.npy", "meta": {"age": 50, "sex": "F"}}, {"image": "a1.npy"}]).encode()


def cohort(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "participants.tsv").write_bytes(TABLE.replace(b",", b"\t"))
    return folder


#: Name of the damaged file -> its sound content, and the command that reads it.
Content = bytes | Callable[[Path], bytes]
KINDS: dict[str, tuple[Content, tuple[str, ...]]] = {
    "table.csv": (TABLE, ("conditions", "--like", "table.csv", "--out", "asked.tsv", "-n", "2")),
    "participants.json": (
        b'{"age": {"Units": "years"}, "sex": {"Levels": {"M": "male", "F": "female"}}}',
        ("conditions", "--like", ".", "--out", "asked.tsv", "-n", "2"),
    ),
    "config.yaml": (CONFIG, ("run", "config.yaml", "--dry-run")),
    "recipe.yaml": (RECIPE, ("import", "made", "--preset", "recipe.yaml", "--out", "c")),
    "list.json": (
        listed,
        ("import", "made", "--table", "list.json", "--voxel", "2,2,2", "--orientation", "RAS", "--out", "c"),
    ),
    "made/a0.npy": (array, ("import", "made", "--voxel", "2,2,2", "--orientation", "RAS", "--out", "c")),
    "made/z.npz": (arrays, ("import", "made", "--voxel", "2,2,2", "--orientation", "RAS", "--out", "c")),
    "made/z.pt": (tensor, ("import", "made", "--voxel", "2,2,2", "--orientation", "RAS", "--out", "c")),
    "made/z.nii": (image, ("import", "made", "--voxel", "2,2,2", "--orientation", "RAS", "--out", "c")),
    "made/z.nii.gz": (image, ("import", "made", "--voxel", "2,2,2", "--orientation", "RAS", "--out", "c")),
    "made/z.mgz": (
        lambda path: _mgz(path),
        ("import", "made", "--voxel", "2,2,2", "--orientation", "RAS", "--out", "c"),
    ),
    "run/run.json": (b'{"schema": 1, "name": "x", "fingerprint": "f", "protocol": {}}', ("report", "run")),
    "run/scorecard.json": (b'{"schema": 1, "questions": []}', ("check", "run", "--baseline", "run")),
    "baseline.json": (b'{"schema": 1, "fingerprint": "f"}', ("check", "run", "--baseline", "baseline.json")),
    "checkpoint/model.json": (
        b'{"model": "ldm", "sizes": [8, 8, 8]}',
        (
            "generate",
            "--model",
            "ldm",
            "--checkpoint",
            "checkpoint",
            "--conditions",
            "table.csv",
            "--out",
            "g",
        ),
    ),
}


def _mgz(path: Path) -> bytes:
    nib.save(nib.MGHImage(np.ones((4, 5, 6), np.float32), np.diag([2.0, 2, 2, 1])), path)
    return path.read_bytes()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one sound file of every kind, as the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made").mkdir()
    for n in range(2):
        array(tmp_path / "made" / f"a{n}.npy")
    (tmp_path / "table.csv").write_bytes(TABLE)
    return tmp_path


def write(kind: str, folder: Path) -> Path:
    path = folder / kind
    path.parent.mkdir(parents=True, exist_ok=True)
    content = KINDS[kind][0]
    path.write_bytes(content if isinstance(content, bytes) else content(path))
    if kind == "participants.json":
        (folder / "table.csv").unlink(missing_ok=True)
        cohort(folder)
    return path


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return content with one kind of damage."""
    place = rng.randrange(max(1, len(content)))
    ways = (
        lambda: content[:place],
        lambda: content[:place] + bytes(rng.randrange(256) for _ in range(8)) + content[place + 8 :],
        lambda: content + content,
        lambda: content[:place] + rng.choice(VALUES).encode() + content[place:],
        lambda: content.replace(rng.choice([b"0", b"1", b"4", b'"x"']), rng.choice(VALUES).encode()),
        lambda: content[place:] + content[:place],
    )
    return rng.choice(ways)()


def one_sentence(outcome: object, what: str) -> None:
    assert "Traceback" not in outcome.err, f"{what}\n{outcome.err[-1500:]}"
    assert "fault of plausibrain" not in outcome.err, f"{what}\n{outcome.err[-1500:]}"
    assert outcome.code in (0, 2), what
    if outcome.code == 2:
        assert len([line for line in outcome.err.splitlines() if line.startswith("plausibrain: ")]) == 1, (
            outcome.err
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files(kind: str, place: Path, command: Command) -> None:
    for number in range(N_DAMAGES):
        path = write(kind, place)
        path.write_bytes(damaged(path.read_bytes(), random.Random(f"{kind} {number}")))  # noqa: S311
        one_sentence(command(*KINDS[kind][1]), f"{kind}, damage {number}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", ["folder", "pipe", "loop", "device"])
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_file(kind: str, other: str, place: Path, command: Command) -> None:
    path = write(kind, place)
    path.unlink()
    if other == "folder":
        path.mkdir()
    elif other == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path if other == "loop" else "/dev/zero")
    one_sentence(command(*KINDS[kind][1]), f"{kind} is a {other}")


def test_a_segmentation_that_measured_nothing_is_no_success(place: Path, command: Command) -> None:
    folder = cohort(place / "tiny")
    for n in range(2):
        image(folder / f"sub-0{n}_T1w.nii.gz")
    outcome = command("segment", folder, "--out", place / "out", "--quiet")
    assert outcome.code == 2
    assert "no image of" in outcome.err
    assert (place / "out" / "segmentation.tsv").is_file()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("settings: {seed: -1}", "settings.seed"),
        ("settings: {n_resamples: 1000000000000}", "settings.n_resamples"),
        ("settings: {n_splits: 1000000000000}", "settings.n_splits"),
        ("settings: {wasabi_repeats: 1000000000000}", "settings.wasabi_repeats"),
        ("settings: {max_pairwise: 1000000000000}", "settings.max_pairwise"),
        ("settings: {noise: {Left-Hippocampus: .nan}}", "settings.noise"),
        ("settings: {noise: {Left-Hippocampus: -1}}", "settings.noise"),
        ("settings: {spread_margin: .inf}", "settings.spread_margin"),
        ("images: {n_pairs: 1000000000000}", "images.n_pairs"),
        ("images: {extractors: {nobody: {}}}", "nobody"),
        ("out: table.csv", "table.csv is a file"),
    ],
)
def test_values_that_no_run_can_have_are_refused_before_any_work(
    change: str, field: str, place: Path, command: Command
) -> None:
    name = change.split(":")[0]
    sound = "".join(f"{line}\n" for line in CONFIG.decode().splitlines() if not line.startswith(name))
    (place / "c.yaml").write_text(f"{sound}{change}\n")
    outcome = command("run", "c.yaml", "--dry-run")
    one_sentence(outcome, change)
    assert outcome.code == 2
    assert field in outcome.err


@pytest.mark.parametrize("record", ['{"config": []}', '{"config": {"reference": 3}, "reference": []}', "[]"])
def test_a_damaged_record_of_a_finished_run_is_another_run(
    record: str, place: Path, command: Command
) -> None:
    (place / "c.yaml").write_bytes(CONFIG)
    (place / "run").mkdir()
    (place / "run" / "run.json").write_text(record)
    (place / "run" / "scorecard.json").write_text("{}")
    one_sentence(command("run", "c.yaml", "--dry-run"), record)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threads": 100_000}, "1 to 1024 threads"),
        ({"threads": -1}, "1 to 1024 threads"),
        ({"batch_size": 0}, "at least 1 sample"),
        ({"precision": "evil"}, "expected one of"),
    ],
)
def test_options_of_a_model_have_limits(options: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ldm(files("plausibrain.generation") / "checkpoints" / "ldm", **options)


def test_a_device_that_does_not_exist_is_one_sentence(place: Path, command: Command) -> None:
    outcome = command(
        "generate", "--model", "ldm", "--conditions", "table.csv", "--out", "g", "--option", "device=evil"
    )  # fmt: skip
    one_sentence(outcome, "device=evil")
    assert "device 'evil': expected auto, cpu, cuda" in outcome.err


def test_a_table_that_may_not_be_read_is_named(
    place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)  # the superuser may read everything
    outcome = command(*KINDS["table.csv"][1])
    one_sentence(outcome, "permission")
    assert "table.csv: cannot be read (Permission denied)" in outcome.err


def test_an_unknown_extractor_is_told_for_tables_too(place: Path, command: Command) -> None:
    (place / "c.yaml").write_bytes(CONFIG.replace(b"{n_pairs: 0}", b"{extractors: {nobody: {}}}"))
    outcome = command("run", "c.yaml")
    assert outcome.code == 2
    assert "nobody" in outcome.err
