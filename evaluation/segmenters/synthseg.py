"""The official program, ``mri_synthseg`` of FreeSurfer 7.3.2 or later, run once for a batch of images."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pandas as pd

from plausibrain.cohorts.errors import PlausibrainError, ToolError
from plausibrain.cohorts.structures import names
from plausibrain.cohorts.volume_tables import read_volume_table
from plausibrain.cohorts.volumes import read_label_map, read_volume
from plausibrain.evaluation.segmentation import SEGMENTERS, Segmentation, check_segmentation, failed
from plausibrain.evaluation.working_grid import nearest_on

NAME = "synthseg"
_OUTPUTS = {"o": "seg.nii.gz", "vol": "vol.csv", "qc": "qc.csv"}


@SEGMENTERS.register(
    label="SynthSeg (mri_synthseg)",
    source=("Billot2023",),
    methods="Regional volumes come from SynthSeg [@Billot2023].",
    batch_size=16,
    external=True,
)
def synthseg(
    paths: Sequence[Path],
    *,
    command: str = "mri_synthseg",
    parc: bool = False,
    robust: bool = False,
    timeout_s: float = 1800.0,
    n_threads: int = 1,
) -> list[Segmentation]:
    """Segment a batch of images with the official program in list mode.

    Parameters
    ----------
    paths : sequence of Path
        Images.
    command : str
        Name or path of the program.
    parc, robust : bool
        Also the cortical parcels; the slower variant for scans of low quality.
    timeout_s : float
        For each image; the program is stopped after the sum over the batch, and what it wrote until then is
        kept.
    n_threads : int
        Given to the program.

    Returns
    -------
    list of Segmentation
        In the order of ``paths``; an image without complete output has the status ``failed``.

    Raises
    ------
    ToolError
        When the program is not installed, or wrote nothing at all.
    """
    program = _find(command)
    with tempfile.TemporaryDirectory(prefix="plausibrain-synthseg-") as folder:
        work = Path(folder)
        arguments = _list_arguments(paths, work)
        flags = [flag for flag, use in (("--parc", parc), ("--robust", robust)) if use]
        log = _run(
            [program, *arguments, *flags, "--threads", str(n_threads), "--cpu"], timeout_s * len(paths)
        )
        structures = (*names("aseg"), *(names("dk") if parc else ()))
        results = [
            _collect(path, work / f"{k:04d}", structures, version(command), log)
            for k, path in enumerate(paths)
        ]
    if results and all(result.status == "failed" for result in results):
        raise ToolError(
            f"{program} gave no usable output for {len(paths)} images; it said: {log or 'nothing'}"
        )
    return results


@lru_cache(maxsize=4)
def version(command: str = "mri_synthseg") -> str:
    """Return the FreeSurfer build stamp beside the program, or ``unknown``."""
    home = os.environ.get("FREESURFER_HOME")
    program = shutil.which(command)
    folders = [Path(home)] if home else []
    folders += [Path(program).resolve().parents[1]] if program else []
    for folder in folders:
        stamp = folder / "build-stamp.txt"
        if stamp.is_file():
            return stamp.read_text(encoding="utf-8").strip()
    return "unknown"


def _find(command: str) -> str:
    program = shutil.which(command)
    if program is None:
        raise ToolError(
            f"{command} was not found; install FreeSurfer 7.3.2 or later "
            "(https://surfer.nmr.mgh.harvard.edu) and source its "
            "SetUpFreeSurfer.sh, or use --segmenter synthseg_torch with the released networks"
        )
    return program


def _list_arguments(paths: Sequence[Path], work: Path) -> list[str]:
    """Write one text file per kind of input and output, a line per image, and return the arguments."""
    lists = {"i": [str(Path(path).resolve()) for path in paths]}
    for flag, name in _OUTPUTS.items():
        lists[flag] = [str(work / f"{k:04d}" / name) for k in range(len(paths))]
    for k in range(len(paths)):
        (work / f"{k:04d}").mkdir()
    arguments = []
    for flag, lines in lists.items():
        listing = work / f"{flag}.txt"
        listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
        arguments += [f"--{flag}", str(listing)]
    return arguments


def _run(command: Sequence[str], timeout_s: float) -> str:
    """Run the program in a process group of its own and return the end of what it said."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return f"stopped after {timeout_s:.0f} s; {output[-500:]}"
    return (
        output[-500:].strip()
        if process.returncode == 0
        else f"exit {process.returncode}: {output[-500:].strip()}"
    )


def _collect(path: Path, folder: Path, structures: tuple[str, ...], stamp: str, log: str) -> Segmentation:
    """Return what the program wrote for one image, checked."""
    try:
        image = read_volume(path)
        labels = nearest_on(read_label_map(folder / _OUTPUTS["o"]), image)
        table = read_volume_table(folder / _OUTPUTS["vol"], unit="mm3")
        volumes, wrong = _first_row(table.volumes), table.reason.iloc[0]
        quality = _first_row(read_volume_table(folder / _OUTPUTS["qc"]).qc)
    except (PlausibrainError, IndexError) as error:
        return failed(NAME, stamp, f"{error}; the program said: {log or 'nothing'}")
    if wrong:
        return failed(NAME, stamp, f"{wrong}; the program said: {log or 'nothing'}")
    result = Segmentation(labels, volumes, quality, {}, NAME, stamp)
    return check_segmentation(result, structures, image)


def _first_row(table: pd.DataFrame | None) -> dict[str, float]:
    """Return the known numbers of the only row of a table."""
    if table is None:
        return {}
    return {str(name): float(value) for name, value in table.iloc[0].items() if pd.notna(value)}
