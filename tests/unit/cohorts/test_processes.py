import os

import pytest

from cohorts.errors import ToolError
from cohorts.processes import spread


def square(number: int) -> int:
    return number * number


def die(number: int) -> int:
    os._exit(3)


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
