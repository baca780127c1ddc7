from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from makers import train_segmenter
from makers.train_segmenter import Plan, parse_plan, start, train
from tests.unit.evaluation_segmenters.phantoms import write_label_folder

RATE = train_segmenter.learning_rate
SMALL = (((48, 48, 48), 1.0),)


def make_plan(folder: Path, out: str, steps: int) -> Plan:
    return Plan(
        labelmaps=folder,
        out=folder / out,
        steps=steps,
        coarse_steps=3,
        settling_steps=0,
        n_held_out=1,
        features=(4, 4, 4, 4),
    )


@pytest.fixture(autouse=True)
def small_and_steady(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small blocks, one rate, and one thread: the order of summation is then the same in every run."""
    monkeypatch.setattr(train_segmenter, "BLOCKS", SMALL)
    monkeypatch.setattr(train_segmenter, "FINE_BLOCKS", SMALL)
    monkeypatch.setattr(train_segmenter, "learning_rate", lambda plan, step, spent: 1e-3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_killed_run_that_continues_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    write_label_folder(tmp_path)
    whole = train(make_plan(tmp_path, "whole", 4))
    train(make_plan(tmp_path, "broken", 2))
    (tmp_path / "broken" / ".tmp-checkpoint.pt").write_bytes(b"killed while writing")
    again = train(make_plan(tmp_path, "broken", 4))
    assert again.step == whole.step == 4
    for a, b in zip(whole.average.parameters(), again.average.parameters(), strict=True):
        assert torch.equal(a, b)


def test_weights_can_start_another_run(tmp_path: Path) -> None:
    write_label_folder(tmp_path)
    first = train(make_plan(tmp_path, "first", 2))
    plan = make_plan(tmp_path, "second", 2)
    begun = start(Plan(**{**vars(plan), "init": tmp_path / "first" / "weights.safetensors"}))
    assert begun.step == 0
    for a, b in zip(first.average.parameters(), begun.network.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)  # fp16 on the way


def test_learning_rate_rises_stays_and_falls() -> None:
    plan = Plan(Path(), Path(), steps=3000, learning_rate=1e-3)
    rates = [RATE(plan, step) for step in (0, 99, 1500, 2500, 2999)]
    assert rates == pytest.approx([1e-5, 1e-3, 1e-3, 5e-4, 2e-5])


def test_a_plan_of_time_follows_the_time_and_settles_at_its_end() -> None:
    plan = Plan(Path(), Path(), learning_rate=1e-3, seconds=1000.0)
    rates = [RATE(plan, 500, spent) for spent in (0, 500, 750, 1000)]
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 1e-5])
    assert [train_segmenter.settles(plan, 500, spent) for spent in (0, 699, 700)] == [False, False, True]


def test_sittings_of_a_plan_of_time_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_segmenter, "GPU_BLOCKS", SMALL)
    write_label_folder(tmp_path)
    plan = replace(make_plan(tmp_path, "timed", 0), seconds=1e6, sitting_seconds=0.01)
    first, second = train(plan), train(plan)
    assert (first.step, second.step) == (1, 2)
    assert second.spent > first.spent > 0


def test_command_line(tmp_path: Path) -> None:
    plan, threads = parse_plan(
        ["--labelmaps", "maps", "--out", "run", "--steps", "7", "--threads", "3", "--device", "cpu"]
    )
    assert (plan.labelmaps, plan.out, plan.steps, threads) == (Path("maps"), Path("run"), 7, 3)
