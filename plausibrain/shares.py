"""Parts of the images that one of several commands works on, and the script by which SLURM starts all."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from plausibrain.cohorts.errors import DataError


class Share(NamedTuple):
    """Image k belongs to share ``k % of``."""

    number: int = 0
    of: int = 1

    def masked(self, images: Sequence[Path | None]) -> tuple[Path | None, ...]:
        """Return the images of this share, None in the places of the others.

        Examples
        --------
        >>> Share(1, 2).masked([Path("a"), Path("b"), Path("c")])
        (None, PosixPath('b'), None)
        """
        return tuple(path if row % self.of == self.number else None for row, path in enumerate(images))


def parsed_share(text: str) -> Share:
    """Return the share of a text such as ``0/4``.

    Raises
    ------
    DataError
        For another text.
    """
    index, slash, of = text.partition("/")
    if not (slash and index.isdecimal() and of.isdecimal() and int(index) < int(of)):
        raise DataError(f"share {text!r}: expected index/number of shares, for example 0/4")
    return Share(int(index), int(of))


def array_script(words: Sequence[str], n_shares: int) -> str:
    """Return a script for ``sbatch`` that runs a command as an array of shares, and then as a whole.

    The last job finds all results in the store and writes the tables. Resources are stated once, for every
    share; whoever has GPUs adds ``#SBATCH --gres=gpu:1``.

    Parameters
    ----------
    words : sequence of str
        The command as it was typed, without the option that asked for the script.
    n_shares : int
    """
    whole = shlex.join(words)
    return "\n".join(
        (
            "#!/bin/bash",
            "# Started once, by: bash THIS_FILE",
            'array=$(sbatch --parsable <<"EOF"',
            "#!/bin/bash",
            f"#SBATCH --array=0-{n_shares - 1}",
            "#SBATCH --cpus-per-task=1",
            "#SBATCH --mem=6G",
            "#SBATCH --time=24:00:00",
            f"{whole} --processes 1 --share ${{SLURM_ARRAY_TASK_ID}}/{n_shares}",
            "EOF",
            ")",
            'sbatch --dependency=afterok:"$array" --cpus-per-task=1 --mem=6G --time=24:00:00 <<"EOF"',
            "#!/bin/bash",
            f"{whole} --processes 1",
            "EOF",
            "",
        )
    )
