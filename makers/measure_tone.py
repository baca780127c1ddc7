"""Print how dark cortex and ventricles are beside white matter in sound scans, for `evaluation.tone`.

    python -m makers.measure_tone --scans DS002748

The scans must be free to shape what is shipped. No label and no volume plays a part.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from plausibrain.cohorts.volumes import read_volume
from plausibrain.evaluation.segmenters.synthseg_style import load_network
from plausibrain.evaluation.stripping import strip
from plausibrain.evaluation.tone import tissue_levels
from plausibrain.evaluation.working_grid import make_working_image


def levels_over_white(paths: Sequence[Path]) -> np.ndarray:
    """Return the medians of ventricles and cortex over that of white matter, (n, 2).

    Parameters
    ----------
    paths : sequence of Path
    """
    levels = [
        tissue_levels(make_working_image(strip(read_volume(path)).image).data, load_network())
        for path in paths
    ]
    return np.array([(fluid / white, cortex / white) for fluid, cortex, white in levels])


def tone_lines(levels: np.ndarray) -> list[str]:
    """Return a line for each tissue: median, and the smallest and largest logarithm of a power.

    Parameters
    ----------
    levels : ndarray, (n, 2)

    Examples
    --------
    >>> tone_lines(np.array([[0.25, 0.6], [0.25, 0.6**0.5]]))[1]
    'cortex: median 0.687 of white matter, logarithms of powers -0.31 to +0.38 (n = 2)'
    """
    lines = []
    for name, values in zip(("ventricles", "cortex"), levels.T, strict=True):
        usual = float(np.median(values))
        asked = np.log(np.log(usual) / np.log(values))
        lines.append(
            f"{name}: median {usual:.3f} of white matter, logarithms of powers "
            f"{asked.min():+.2f} to {asked.max():+.2f} (n = {len(values)})"
        )
    return lines


def main(arguments: list[str] | None = None) -> None:
    """Print as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m makers.measure_tone", description=__doc__)
    parser.add_argument("--scans", type=Path, required=True, help="folder of sub-*_T1w.nii.gz")
    args = parser.parse_args(arguments)
    paths = sorted(args.scans.glob("sub-*_T1w.nii.gz"))
    sys.stdout.write("\n".join(tone_lines(levels_over_white(paths))) + "\n")


if __name__ == "__main__":
    main()
