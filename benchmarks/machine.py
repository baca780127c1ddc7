"""When and on what a number was printed."""

import datetime
import os
import platform


def stamp() -> str:
    """Return the date and the machine, for a sentence of a page."""
    return f"{_today()} ({platform.machine()}, {os.cpu_count()} cores)"


def machine_line() -> str:
    """Return date, machine and Python, for the first line that a benchmark prints."""
    return f"{_today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()
