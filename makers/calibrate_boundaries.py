r"""Move the boundaries of deep structures so that volumes of real scans agree with published norms.

    python -m makers.calibrate_boundaries --scans DS002748 \
        --out evaluation/weights/synthseg_style_boundaries.json

Renderings teach a network where a boundary lies in renderings; on real scans, whose deep grey matter fades
into white matter, it may lie systematically further out. One number per structure corrects that: it is added
to the logit of the structure everywhere, at 1 and at 2 mm a number of its own. Each is chosen so that the
volumes of the scans, each divided by the norm for the subject's age and sex, have the mean 1. Only structures
that are off by more than `TOLERATED` are moved: the mean of 16 subjects is uncertain by 3 %, and scanners
differ by more. No manual label is used. The scans must be subjects near the norm, and free to shape what is
shipped.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.structures import structure
from plausibrain.cohorts.volumes import read_volume
from plausibrain.evaluation.channels import CHANNELS
from plausibrain.evaluation.inference import predict
from plausibrain.evaluation.networks.half_resolution_unet import HalfResolutionUNet
from plausibrain.evaluation.segmenters.synthseg_style import read_network, with_even_sides
from plausibrain.evaluation.working_grid import make_working_image
from plausibrain.generation.norm_tables import expected_volume

#: Structures whose border on white matter is what a threshold decides.
FAMILIES = (
    "Thalamus", "Caudate", "Putamen", "Pallidum", "Hippocampus", "Amygdala", "Accumbens-area", "VentralDC",
)  # fmt: skip
TOLERATED = 0.1
#: Voxels in which every structure of `FAMILIES` is less likely than this play no part.
LEAST = 0.002
SMALLEST = 0.01  # posteriors below it are left out of volumes, as in the segmenter
SHIPPED = Path("evaluation/weights/synthseg_style_1mm.safetensors")


def channels_of(families: Sequence[str]) -> list[int]:
    """Return the channel of each family."""
    regions = [structure(first).region if first else "" for first, _ in CHANNELS]
    return [regions.index(family) for family in families]


@torch.no_grad()
def near_structures(network: HalfResolutionUNet, path: Path, *, answer_mm: int) -> tuple[Tensor, float]:
    """Return the posteriors of an image and its mirror image near the structures, and the voxel volume.

    Returns
    -------
    posteriors : Tensor, (2, n, 19)
    voxel_mm3 : float
    """
    working = make_working_image(read_volume(path))
    if answer_mm == 2:
        working = with_even_sides(working)
    data = torch.from_numpy(working.data)
    once = predict(network, data, fine=answer_mm == 1)[0]
    mirror = predict(network, data.flip(0), fine=answer_mm == 1)[0].flip(1)
    channels = channels_of(FAMILIES)
    near = torch.maximum(once[channels].amax(dim=0), mirror[channels].amax(dim=0)) > LEAST
    return torch.stack([once[:, near].T, mirror[:, near].T]), working.voxel_mm3 * answer_mm**3


def volumes_with(posteriors: Tensor, voxel_mm3: float, shifts: Tensor) -> np.ndarray:
    """Return mm3 of each family, (8,), with logits shifted by a number per channel, (19,).

    Examples
    --------
    >>> even = torch.full((2, 10, 19), 1 / 19)
    >>> volumes_with(even, 8.0, torch.zeros(19)).round(2).tolist()[0]
    4.21
    """
    shares = posteriors * shifts.exp()
    shares = (shares / shares.sum(dim=2, keepdim=True)).mean(dim=0)
    shares = torch.where(shares > SMALLEST, shares, 0.0).sum(dim=0, dtype=torch.float64) * voxel_mm3
    return np.asarray(shares[channels_of(FAMILIES)])


def norms_of(subjects: pd.DataFrame) -> np.ndarray:
    """Return the norm of each family for each subject, mm3, (n, 8)."""
    age, sex = subjects["age"].to_numpy(float), subjects["sex"].to_numpy(object)
    return np.stack([expected_volume(family, age, sex) for family in FAMILIES], axis=1)


def find_shifts(
    scans: Sequence[tuple[Tensor, float]], norms: np.ndarray, *, tolerance: float = TOLERATED, turns: int = 40
) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Return the shift of every channel, and mean volume / norm before and after.

    Notes
    -----
    Each turn moves the logit of a structure by half the log of what its volume is too large by: a shift of
    the logit moves a volume by less than the shift, so this approaches the solution from one side.
    """
    shifts, channels = torch.zeros(len(CHANNELS)), channels_of(FAMILIES)

    def ratios() -> np.ndarray:
        ratio_table = np.stack([volumes_with(*scan, shifts) for scan in scans])
        return (ratio_table / norms).mean(axis=0)

    before = now = ratios()
    off_target = np.abs(before - 1) > tolerance
    for _ in range(turns):
        step = np.where(off_target, -np.log(now), 0.0)
        shifts[channels] += torch.from_numpy(step).float()
        now = ratios()
        off_target |= np.abs(now - 1) > tolerance  # what its neighbours gave up may have pushed it off
    return shifts, before, now


def table(before: np.ndarray, after: np.ndarray, shifts: Tensor) -> str:
    """Return the outcome as a table."""
    rows = zip(FAMILIES, before, after, shifts[channels_of(FAMILIES)].tolist(), strict=True)
    lines = ["| structure | volume / norm before | after | shift of the logit |", "|---|---|---|---|"]
    lines += [f"| {family} | {a:.2f} | {b:.2f} | {shift:+.2f} |" for family, a, b, shift in rows]
    return "\n".join(lines)


def included(folder: Path) -> Cohort:
    """Return the subjects of a folder with age, sex and image."""
    return read_cohort(folder, min_subjects=1).included


def main() -> None:
    """Calibrate and write the shifts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scans", type=Path, required=True, help="BIDS folder with age and sex")
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    parser.add_argument("--out", type=Path, help="JSON file to write; nothing is written without")
    arguments = parser.parse_args()
    network, subjects = read_network(arguments.weights), included(arguments.scans)
    norms, shifts = norms_of(subjects.subjects), {}
    for mm in (1, 2):
        scans = [near_structures(network, path, answer_mm=mm) for path in subjects.images or () if path]
        shift_vector, before, after = find_shifts(scans, norms)
        print(f"{len(scans)} scans, answer at {mm} mm:\n\n{table(before, after, shift_vector)}\n", flush=True)
        family_shifts = zip(FAMILIES, shift_vector[channels_of(FAMILIES)].tolist(), strict=True)
        shifts[str(mm)] = {family: round(value, 3) for family, value in family_shifts if value}
    if arguments.out is not None:
        content = {
            "made": f"makers.calibrate_boundaries: {len(subjects)} scans, tolerated {TOLERATED}",
            "scans": subjects.name,
            "shifts": shifts,
        }
        write_text_atomic(arguments.out, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
