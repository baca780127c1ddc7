"""Question 8: WASABI exactly as published, beside the same number against a disjoint null.

As published, every cohort is rescaled to one grand mean (which divides out a global volume bias), regions
are not standardised, and the spread over subsamples is shown. The rows `wasabi_plain` do without the
rescaling and are set against disjoint halves of the reference at the same n. The repeats are subsamples
without replacement: their spread is not a standard error and no interval is given for it.
"""

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.homologues import average_sides
from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.pair import Pair
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import SPLITS
from plausibrain.analysis.sample import Sample
from plausibrain.analysis.transport import assignment_cost, equal_members

PUBLISHED_FACTOR = 1e4


@ESTIMATES.register(
    label="WASABI as published",
    unit="1e-4",
    source=("Jafrasteh2025",),
    quantities={
        "wasabi_published": Quantity("WASABI, exactly as published"),
        "wasabi_plain": Quantity("WASABI, disjoint subsamples without rescaling"),
    },
)
def wasabi_published(pairs: Pairs) -> pd.DataFrame:
    """Return the published number and the plain one at the size of the null."""
    frame = pairs.full.frame
    if not frame.has_tiv:
        return pd.DataFrame()
    reference, generated = regional_shares(frame.reference.sample), regional_shares(frame.generated.sample)
    n = min(frame.settings.wasabi_n, len(reference), len(generated))
    values = subsampled(reference, rescale(generated, reference), n, frame, "published")
    null = _of_splits(pairs.null, reference, reference)
    plain = _of_splits(pairs.matched, reference, generated)
    split_values = _of_splits(pairs.matched, reference, rescale(generated, reference))
    m = min(frame.split_size, frame.settings.wasabi_n)
    reason = f"mean and range of {len(values)} subsamples of {n}; not a confidence interval"
    rows = [
        _row("wasabi_published", values, n, reason) | _beside(null, split_values, m),
        _row("wasabi_plain", plain, m, f"mean and range of {len(plain)} disjoint draws of {m}")
        | _beside(null, plain, m),
    ]
    return pd.DataFrame(rows)


def _row(quantity: str, values: np.ndarray, n: int, reason: str) -> dict[str, object]:
    low, high = np.quantile(values, [0.025, 0.975])
    return {
        "question": 8, "analysis": "wasabi", "quantity": quantity, "structure": "", "stratum": "all",
        "headsize": "share", "cohort": "difference", "estimate": values.mean(), "ci_low": low,
        "ci_high": high,
        "n_reference": n, "n_generated": n, "unit": "1e-4", "verdict": "", "status": "ok", "reason": reason,
    }  # fmt: skip


def _beside(null: np.ndarray, matched: np.ndarray, n: int) -> dict[str, object]:
    """Return the columns of split-half reference and of the generated cohort at the same n."""
    row: dict[str, object] = {"n_null": n}
    for name, values in (("null", null), ("matched", matched)):
        row[f"{name}_low"], row[f"{name}_median"], row[f"{name}_high"] = np.quantile(values, SPLITS)
    return row


def regional_shares(sample: Sample) -> np.ndarray:
    """Return volumes over head size, homologous structures averaged, (n, r)."""
    if sample.tiv is None:
        raise ValueError("shares need head size")
    shares = sample.volumes / sample.tiv[:, None]
    return average_sides(shares, sample.structures)


def rescale(generated: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Give a cohort the grand mean of the reference, as the published code does."""
    return generated / generated.mean() * reference.mean()


def subsampled(
    reference: np.ndarray, generated: np.ndarray, n: int, frame: Frame, purpose: str
) -> np.ndarray:
    """Return squared 2-Wasserstein distances, times 1e4, of repeated subsamples without replacement."""
    rng = frame.reference.clusters.rng(frame.settings.seed, f"wasabi {purpose}")
    values = [
        assignment_cost(
            reference[frame.reference.sample.some_rows(n, rng)],
            generated[frame.generated.sample.some_rows(n, rng)],
        )
        for _ in range(frame.settings.wasabi_repeats)
    ]
    return PUBLISHED_FACTOR * np.array(values)


def _of_splits(pair: Pair, reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    settings = pair.frame.settings
    values = []
    for replicate in range(min(pair.n_replicates, settings.wasabi_repeats)):
        first, second = equal_members(pair, replicate, settings.wasabi_n)
        values.append(assignment_cost(reference[first], generated[second]))
    return PUBLISHED_FACTOR * np.array(values)
