"""Two commands never write to one folder, and a folder that vanishes is noticed."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.folder_lock import is_locked, locked_folder

REPOSITORY = Path(__file__).parents[3]
HOLDER = """
import sys, time
from pathlib import Path
from plausibrain.cohorts.folder_lock import locked_folder
with locked_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "run")]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "held"
        yield process
        process.kill()


def test_the_second_refuses_and_a_dead_one_hinders_nobody(holder, tmp_path):
    folder = tmp_path / "run"
    assert is_locked(folder)
    refused = pytest.raises(DataError, match="another plausibrain command is writing to this folder")
    with refused, locked_folder(folder):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert not is_locked(folder)
    with locked_folder(folder):
        assert is_locked(folder)
    assert not is_locked(folder)


def test_a_command_may_call_another_on_the_same_folder(tmp_path):
    with locked_folder(tmp_path), locked_folder(tmp_path):
        pass
    assert not is_locked(tmp_path)


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_was_deleted_is_an_error(tmp_path, again):
    folder = tmp_path / "run"

    def write() -> None:
        with locked_folder(folder):
            shutil.rmtree(folder)
            if again:
                folder.mkdir()

    with pytest.raises(DataError, match="was deleted or replaced while this command wrote to it"):
        write()
