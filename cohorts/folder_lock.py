"""A folder that one command at a time writes to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from plausibrain.cohorts.errors import DataError

#: Lies in a folder that a command writes to; whoever holds its lock writes.
LOCK_FILE = ".plausibrain.lock"


class LockedFolder:
    """A folder that nobody else writes to.

    Parameters
    ----------
    folder : Path
        Made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        # One lock for each folder in a process, so that a command may call another on the same folder.
        self.lock = FileLock(folder.resolve() / LOCK_FILE, timeout=0, is_singleton=True)
        self.place: tuple[int, int] | None = None

    def acquire(self) -> None:
        """Take the lock, also that of a process that was killed, whose lock the system has opened."""
        try:
            self.lock.acquire()
        except Timeout:
            raise DataError(
                f"{self.folder}: another plausibrain command is writing to this folder; wait until it has "
                "ended, or write to another folder"
            ) from None
        self.place = self._place()

    def require(self) -> None:
        """Raise `DataError` when the folder was deleted, moved or replaced since."""
        if self.place is None or self._place() != self.place:
            raise DataError(
                f"{self.folder}: was deleted or replaced while this command wrote to it; repeat the command"
            )

    def _place(self) -> tuple[int, int] | None:
        try:
            status = (self.folder / LOCK_FILE).stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


@contextmanager
def locked_folder(folder: Path) -> Iterator[LockedFolder]:
    """Hold a folder for the block.

    Parameters
    ----------
    folder : Path
        Made when missing.

    Raises
    ------
    DataError
        When another process holds it, or, at the end of the block, when it is no longer there.
    """
    lock = LockedFolder(folder)
    lock.acquire()
    try:
        yield lock
        lock.require()
    finally:
        lock.lock.release()


def is_locked(folder: Path) -> bool:
    """Tell whether a command is writing to a folder, in this process or another."""
    path = folder / LOCK_FILE
    if not path.is_file():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that may only be read: nobody writes to it
        return False
