"""Progress on stderr: a bar on a terminal, plain lines elsewhere; share, n of N and time left in both."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from plausibrain.analysis.analyse import Progress as Report

LINE_EVERY_SECONDS = 5.0
#: Before this share is done, no time left is stated.
LEAST_SHARE = 0.02


@contextmanager
def progress_bar(title: str, *, quiet: bool = False) -> Iterator[Report | None]:
    """Yield a function `f(what, done, of)` that shows progress; None when quiet.

    A job is several passes (segmenting, analysing, plotting), each with its own number of steps: a count that
    falls, or another total, starts a new pass and its clock.
    """
    if quiet:
        yield None
    elif sys.stderr.isatty():
        columns = (
            TextColumn("{task.description:<44}"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn(),
            TextColumn("left"), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            yield _Bar(title, bar)
    else:
        yield _Lines(title)


class Pass:
    """One pass over a number of steps, and how long what is left of it takes.

    Examples
    --------
    >>> one = Pass(now=0.0, of=40)
    >>> one.continues(10, 40), one.seconds_left(10, now=5.0)
    (True, 15.0)
    >>> one.continues(3, 40), one.continues(11, 20)
    (False, False)
    """

    def __init__(self, *, now: float, of: int) -> None:
        self.start, self.of, self.done = now, of, 0

    def continues(self, n_done: int, of: int) -> bool:
        """Tell whether a count belongs to this pass."""
        return of == self.of and n_done >= self.done

    def seconds_left(self, n_done: int, *, now: float) -> float | None:
        """Return the time left at the speed so far; None when too little is done to say."""
        self.done = n_done
        if n_done <= 0 or n_done < LEAST_SHARE * self.of:
            return None
        return (now - self.start) / n_done * (self.of - n_done)


class _Bar:
    """A bar that starts anew with every pass."""

    def __init__(self, title: str, bar: Progress) -> None:
        self.bar, self.task = bar, bar.add_task(title, total=None)
        self.one: Pass | None = None

    def __call__(self, what: str, n_done: int, of: int) -> None:
        if self.one is None or not self.one.continues(n_done, of):
            self.one = Pass(now=time.monotonic(), of=of)
            self.bar.reset(self.task, total=of)
        self.one.done = n_done
        self.bar.update(self.task, description=what, completed=n_done, total=of)


class _Lines:
    """One line every few seconds, for logs."""

    def __init__(self, title: str) -> None:
        self.title, self.start, self.last = title, time.monotonic(), float("-inf")
        self.one: Pass | None = None

    def __call__(self, what: str, n_done: int, of: int) -> None:
        now = time.monotonic()
        if self.one is None or not self.one.continues(n_done, of):
            self.one = Pass(now=now, of=of)
        left = self.one.seconds_left(n_done, now=now)
        if now - self.last >= LINE_EVERY_SECONDS or n_done == of:
            self.last = now
            print(
                f"{self.title}: {n_done}/{of} ({n_done / max(of, 1):.0%}) {what}, {clock(now - self.start)}"
                f"{'' if left is None or n_done == of else f', about {clock(left)} left'}",
                file=sys.stderr, flush=True,
            )  # fmt: skip


def clock(seconds: float) -> str:
    """Write a duration with its two largest units.

    Examples
    --------
    >>> clock(8.2), clock(95), clock(7260)
    ('8 s', '1 min 35 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
