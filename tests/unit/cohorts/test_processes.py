import os

import pytest

from plausibrain.cohorts.errors import ToolError
from plausibrain.cohorts.processes import kept_processes, spread


def square(number: int) -> int:
    return number * number


def die(number: int) -> int:
    os._exit(3)


def own_id(number: int) -> int:
    return os.getpid()


def fail(number: int) -> int:
    raise ValueError(f"number {number}")


@pytest.mark.parametrize("n_processes", [0, 1, 2])
def test_every_job_comes_back_with_its_result(n_processes: int) -> None:
    assert dict(spread(square, [1, 2, 3, 4], n_processes)) == {1: 1, 2: 4, 3: 9, 4: 16}


def test_a_dead_process_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ToolError, match="fewer processes"):
        list(spread(die, [1, 2], 2))


def test_an_error_of_the_work_reaches_the_caller() -> None:
    with pytest.raises(ValueError, match="number"):
        list(spread(fail, [1, 2], 2))


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


def test_a_process_that_died_in_the_block_is_an_error_too() -> None:
    with kept_processes(2):
        with pytest.raises(ToolError, match="fewer processes"):
            list(spread(die, [1, 2], 2))
        with pytest.raises(ToolError, match="fewer processes"):
            list(spread(square, [1, 2], 2))
