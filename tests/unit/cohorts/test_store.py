import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import Store, hash_file, write_atomic, write_text_atomic

REPOSITORY = Path(__file__).parents[3]
SLOW_WRITER = """
import sys, time
from pathlib import Path
from plausibrain.cohorts.store import Store

def write(path: Path) -> None:
    with path.open("wb") as stream:
        stream.write(b"half")
        stream.flush()
        print("half", flush=True)
        time.sleep(60)

Store(sys.argv[1]).put("a" * 64, ".bin", write)
"""


def test_an_entry_is_found_under_its_key(tmp_path):
    store = Store(tmp_path)
    key = store.key("volume", 1)
    assert store.get(key, ".txt") is None
    path = store.put(key, ".txt", lambda p: p.write_text("kept"))
    assert store.get(key, ".txt") == path
    assert path.read_text() == "kept"
    assert store.get(key, ".npy") is None


def test_key_is_the_same_in_another_process():
    code = "from plausibrain.cohorts.store import Store; print(Store.key('a', 1, {'b': [1.5, None]}))"
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == Store.key("a", 1, {"b": [1.5, None]})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a", "b"), ("ab",)),
        (("1",), (1,)),
        ((1,), (1.0,)),
        ((1,), (True,)),
        ((None,), ("None",)),
        ((b"a",), ("a",)),
        (("a", "b"), ("b", "a")),
        ((["a", "b"],), ("a", "b")),
        ((np.zeros(2),), (np.zeros((2, 1)),)),
        ((np.zeros(2, dtype=np.float32),), (np.zeros(2),)),
        (({"a": 1},), ({"a": 2},)),
        (({"a": 1},), ([["a", 1]],)),
    ],
)
def test_different_parts_give_different_keys(first, second):
    assert Store.key(*first) != Store.key(*second)


def test_order_of_a_mapping_does_not_matter():
    assert Store.key({"a": 1, "b": 2}) == Store.key({"b": 2, "a": 1})
    assert Store.key(np.int64(3), np.asfortranarray(np.eye(3))) == Store.key(3, np.eye(3))


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=6,
)


@given(JSON_LIKE, JSON_LIKE)
def test_keys_are_equal_exactly_when_parts_are(first, second):
    assert (Store.key(first) == Store.key(second)) == (repr(_sorted(first)) == repr(_sorted(second)))


def _sorted(value):
    """Value with mappings in one order; repr then tells 1 from 1.0 and True."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def test_a_key_refuses_what_it_cannot_name():
    with pytest.raises(DataError, match=r"a key cannot hold .*Path"):
        Store.key(Path("image.nii.gz"))
    with pytest.raises(DataError, match="names no entry"):
        Store("cache").get("../../etc", ".txt")
    with pytest.raises(DataError, match="names no entry"):
        Store("cache").get("a" * 64, "/../x")


def test_a_writer_that_fails_leaves_the_old_content(tmp_path):
    path = write_text_atomic(tmp_path / "a" / "table.txt", "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_atomic(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["table.txt"]


def test_a_writer_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(DataError, match="wrote no file"):
        write_atomic(tmp_path / "x.txt", lambda path: None)


def test_the_temporary_file_keeps_the_ending(tmp_path):
    seen = []
    write_atomic(tmp_path / f"{'x' * 200}.nii.gz", lambda path: (seen.append(path), path.write_bytes(b"")))
    assert seen[0].name.endswith(".nii.gz")
    assert seen[0].parent == tmp_path


def test_kill_in_the_middle_of_a_write_leaves_no_entry(tmp_path):
    command = [sys.executable, "-c", SLOW_WRITER, str(tmp_path)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "half"
        assert Store(tmp_path).sweep() == 0, "a live process writes it"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    store = Store(tmp_path)
    assert store.get("a" * 64, ".bin") is None
    assert store.put("a" * 64, ".bin", lambda p: p.write_bytes(b"whole")).read_bytes() == b"whole"
    elsewhere = tmp_path / "aa" / ".tmp-0badc0de.17-0123-entry.bin"  # of another machine
    elsewhere.write_bytes(b"half")
    assert store.sweep() == 1
    assert elsewhere.exists()
    os.utime(elsewhere, (0, 0))
    assert store.sweep() == 1
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["a" * 64 + ".bin"]


def _write_many(folder: str, letter: bytes) -> None:
    for _ in range(20):
        Store(folder).put("b" * 64, ".bin", lambda path: path.write_bytes(letter * 200_000))


def test_two_processes_that_write_one_key_leave_one_whole_entry(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(str(tmp_path), letter)) for letter in (b"x", b"y")]
    for writer in writers:
        writer.start()
    seen = set()
    deadline = time.monotonic() + 60
    while any(writer.is_alive() for writer in writers) and time.monotonic() < deadline:
        path = Store(tmp_path).get("b" * 64, ".bin")
        if path is not None:
            content = path.read_bytes()
            seen.add((len(content), len(set(content))))
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    content = Store(tmp_path).get("b" * 64, ".bin").read_bytes()
    assert seen | {(len(content), len(set(content)))} == {(200_000, 1)}
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1


def test_hash_is_sha256_of_the_content(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert hash_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(DataError, match="cannot be read"):
        hash_file(tmp_path / "missing")
