"""Parts of an image run side by side where there are cores, and give what they give one after the other."""

import os
import threading

import pytest
import torch

from plausibrain.cohorts import image_parts
from plausibrain.cohorts.arithmetic import IMAGE_THREADS, image_threads
from plausibrain.cohorts.image_parts import (
    keep_freed_memory,
    parts_at_once,
    parts_per_image,
    return_freed_memory,
    run_parts,
)


def test_results_come_in_the_order_of_the_parts() -> None:
    with parts_at_once(2):
        assert run_parts(*(lambda k=k: k for k in range(7))) == tuple(range(7))
    assert run_parts(*(lambda k=k: k for k in range(7))) == tuple(range(7))


@pytest.mark.parametrize("n", [1, 2])
def test_two_parts_meet_only_where_two_may_run(n: int) -> None:
    barrier = threading.Barrier(2, timeout=0.5 if n == 1 else 20)

    def meet() -> bool:
        try:
            barrier.wait()
        except threading.BrokenBarrierError:
            return False
        return True

    with parts_at_once(n):
        assert run_parts(meet, meet) == (n == 2,) * 2


def test_every_part_has_one_thread_and_starts_no_further_parts() -> None:
    def inner() -> tuple[int, str]:
        return torch.get_num_threads(), threading.current_thread().name

    def outer() -> tuple[tuple[int, str], ...]:
        return (inner(), *run_parts(inner, inner))

    with image_threads(), parts_at_once(2):
        results = run_parts(outer, outer)
    for one in results:
        assert {n for n, _ in one} == {IMAGE_THREADS}
        assert len({name for _, name in one}) == 1


def test_the_fault_of_a_part_is_raised() -> None:
    def fault() -> None:
        raise ValueError("no such voxel")

    for n in (1, 2):
        with parts_at_once(n), pytest.raises(ValueError, match="no such voxel"):
            run_parts(lambda: None, fault)


def test_parts_use_the_cores_that_images_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    assert [parts_per_image(n) for n in (0, 1, 2, 3, 4, 9)] == [2, 2, 2, 1, 1, 1]


def test_the_setting_for_memory_is_taken_or_refused_without_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_parts.sys, "platform", "other")
    keep_freed_memory.cache_clear()
    assert keep_freed_memory() is False
    return_freed_memory()
    keep_freed_memory.cache_clear()
