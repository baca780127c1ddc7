import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.cohorts.processes import DIED, JOBS_AHEAD, kept_processes, processes_here, spread

REPOSITORY = Path(__file__).parents[3]
SLEEPERS = """
import sys
from tests.unit.cohorts.test_processes import sleep_long
from plausibrain.cohorts.processes import spread
if __name__ == "__main__":
    for _ in spread(sleep_long, [sys.argv[1]] * 4, 2):
        pass
"""


def square(number: int) -> int:
    return number * number


def die(number: int) -> int:
    os._exit(3)


def own_id(number: int) -> int:
    return os.getpid()


def fail(number: int) -> int:
    raise ValueError(f"number {number}")


def die_of_three(number: int) -> int:
    """Three is the image that no process survives."""
    if number == 3:
        time.sleep(0.3)  # while others are under way
        os._exit(3)
    return number


def die_once(path: Path) -> str:
    """Leave a mark and die; the second time there is a mark."""
    if path.exists():
        return "done"
    path.touch()
    os._exit(3)


def fail_once(path: Path) -> str:
    if path.exists():
        return "done"
    path.touch()
    raise MemoryError


def refuse(number: int) -> int:
    raise DataError("no such segmenter")


def fill_the_disk(number: int) -> int:
    raise OSError(28, "No space left on device")


def named(job: object, reason: str) -> str:
    return f"{job}: {reason}"


def sleep_long(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)


@pytest.mark.parametrize("n_processes", [0, 1, 2])
def test_every_job_comes_back_with_its_result(n_processes: int) -> None:
    assert dict(spread(square, [1, 2, 3, 4], n_processes)) == {1: 1, 2: 4, 3: 9, 4: 16}


def test_a_dead_process_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ToolError, match="fewer processes"):
        list(spread(die, [1, 2], 2))


@pytest.mark.parametrize("n_processes", [1, 2])
def test_an_error_of_the_work_reaches_the_caller(n_processes: int) -> None:
    with pytest.raises(ValueError, match="number"):
        list(spread(fail, [1, 2], n_processes))


def test_only_the_job_that_kills_its_process_fails() -> None:
    found = dict(spread(die_of_three, [1, 2, 3, 4, 5, 6], 2, failure=named))
    assert found == {1: 1, 2: 2, 3: f"3: {DIED}", 4: 4, 5: 5, 6: 6}


def test_a_process_that_was_killed_once_costs_nothing_but_time(tmp_path) -> None:
    jobs = [tmp_path / name for name in "abc"]
    assert set(dict(spread(die_once, jobs, 2, failure=named)).values()) == {"done"}


@pytest.mark.parametrize("n_processes", [1, 2])
def test_an_unexpected_error_is_tried_again_and_then_has_a_reason(tmp_path, n_processes) -> None:
    jobs = [tmp_path / name for name in "ab"]
    assert [result for _, result in spread(fail_once, jobs, n_processes, failure=named)] == ["done"] * 2
    found = dict(spread(fail, [1, 2], n_processes, failure=named))
    assert found[2].startswith("2: ValueError: number 2 (test_processes.py, line ")


@pytest.mark.parametrize("n_processes", [1, 2])
def test_a_wrong_setting_and_a_full_disk_end_the_work(n_processes: int) -> None:
    with pytest.raises(DataError, match="no such segmenter"):
        list(spread(refuse, [1, 2], n_processes, failure=named))
    with pytest.raises(OSError, match="No space left"):
        list(spread(fill_the_disk, [1, 2], n_processes, failure=named))


def test_few_jobs_are_under_way_however_many_there_are(monkeypatch) -> None:
    from plausibrain.cohorts import processes

    jobs, most = range(40), 0
    with kept_processes(2):
        kept = processes._shared.get()
        given = iter(spread(square, jobs, 2))
        taken = []
        monkeypatch.setattr(kept, "submit", lambda *a, submit=kept.submit: (taken.append(1), submit(*a))[1])
        for done, _ in enumerate(given):
            most = max(most, len(taken) - done)
    assert 0 < most <= 2 * JOBS_AHEAD


def test_workers_end_with_the_process_that_started_them(tmp_path) -> None:
    """SIGKILL gives the parent no time to end them; they must see it themselves."""
    script = tmp_path / "sleepers.py"
    script.write_text(SLEEPERS)
    marks = tmp_path / "marks"
    marks.mkdir()
    parent = subprocess.Popen(
        [sys.executable, str(script), str(marks)], env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )
    deadline = time.monotonic() + 60
    while len(list(marks.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    workers = [int(mark.name) for mark in marks.iterdir()]
    assert len(workers) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while any(is_running(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(is_running(worker) for worker in workers)


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_kept_processes_serve_every_stage_and_end_with_the_block() -> None:
    with kept_processes(2):
        first = set(dict(spread(own_id, [1, 2, 3, 4], 2)).values())
        with pytest.raises(ValueError, match="number"):
            list(spread(fail, [1, 2], 2))
        second = set(dict(spread(own_id, [5, 6, 7, 8], 2)).values())
    assert first | second <= (first | second) - {os.getpid()}
    assert len(first | second) <= 2, "no further process was started"
    afterwards = set(dict(spread(own_id, [1, 2], 2)).values())
    assert not afterwards & (first | second)


def test_one_kept_process_is_this_one() -> None:
    with kept_processes(1):
        assert set(dict(spread(own_id, [1, 2], 1)).values()) == {os.getpid()}


def test_processes_that_died_in_the_block_are_replaced() -> None:
    with kept_processes(2):
        with pytest.raises(ToolError, match="fewer processes"):
            list(spread(die, [1, 2], 2))
        assert dict(spread(square, [1, 2], 2)) == {1: 1, 2: 4}


def test_cores_and_memory_bound_the_number_of_processes() -> None:
    assert processes_here(memory_gb=1e9) == 1
    assert 1 <= processes_here(memory_gb=1e-9) <= (os.cpu_count() or 1)
