"""Progress on stderr: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from plausibrain.analysis.analyse import Progress as Report

LINE_EVERY_SECONDS = 5.0


@contextmanager
def progress_bar(title: str, *, quiet: bool = False) -> Iterator[Report | None]:
    """Yield a function `f(what, done, of)` that shows progress; None when quiet."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        columns = TextColumn("{task.description:<44}"), BarColumn(), TimeElapsedColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title)
            yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)
    else:
        yield _Lines(title)


class _Lines:
    """One line every few seconds, for logs."""

    def __init__(self, title: str) -> None:
        self.title, self.start, self.last = title, time.monotonic(), float("-inf")

    def __call__(self, what: str, done: int, of: int) -> None:
        now = time.monotonic()
        if now - self.last >= LINE_EVERY_SECONDS or done == of:
            self.last = now
            print(f"{self.title}: {done}/{of} {what} ({now - self.start:.0f} s)", file=sys.stderr, flush=True)
