"""Rows that stand in both cohorts."""

import numpy as np

from plausibrain.analysis.joint_design import Frame

#: Fewer structures may be equal by rounding.
LEAST_STRUCTURES = 3


def identical_rows(frame: Frame) -> np.ndarray:
    """Return which generated rows have the volumes of a reference row, (n,) bool."""
    # As they were read: effects of sites that are taken out of one cohort would hide equal rows.
    samples = (frame.reference.sample, frame.generated.sample)
    if frame.samples is not None:
        samples = (frame.samples.reference, frame.samples.generated)
    reference, generated = (sample.volumes for sample in samples)
    if reference.shape[1] < LEAST_STRUCTURES:
        return np.zeros(len(generated), dtype=bool)
    reference_rows = {row.tobytes() for row in np.ascontiguousarray(reference)}
    return np.array([row.tobytes() in reference_rows for row in np.ascontiguousarray(generated)])


def identical_interval(frame: Frame, level: float) -> tuple[float, float]:
    """Return the share twice: no chance is in it."""
    share = float(identical_rows(frame).mean())
    return share, share


def none_identical(frame: Frame) -> str:
    """Return why nothing is said about rows of the reference; empty when there are some."""
    if identical_rows(frame).any():
        return ""
    return "no generated row repeats one of the reference, which alone does not show that images are new"
