"""Cohorts whose images have feature vectors and pairs, from a latent vector per subject."""

from dataclasses import replace

import numpy as np
import pandas as pd

from plausibrain.cohorts.cohort import Cohort

NETWORK, IMAGE = "segmenter_bottleneck:00000000", "low_resolution:00000000"
LATENT = 6


def latent(cohort: Cohort, seed: int) -> np.ndarray:
    """Return what a subject is, (n, 6): one draw per subject, the same in all rows of the subject."""
    codes, _ = pd.factorize(cohort.subjects["subject"])
    return np.random.default_rng(seed).standard_normal((codes.max() + 1, LATENT))[codes]


def with_features(
    cohort: Cohort,
    seed: int,
    *,
    anatomy: np.ndarray | None = None,
    shift: float = 0.0,
    scale: float = 1.0,
    noise: float = 0.4,
) -> Cohort:
    """Return the cohort with vectors in two spaces, each a linear picture of one anatomy, and noise.

    Both change with age; `shift` and `scale` move and stretch the anatomy.
    """
    rng = np.random.default_rng(seed + 1000)
    z = latent(cohort, seed) if anatomy is None else anatomy
    years = (cohort.subjects["age"].to_numpy(dtype=float) - 50) / 20
    features = {}
    for name, width, salt in ((NETWORK, 10, 1), (IMAGE, 40, 2)):
        picture = np.random.default_rng(salt).standard_normal((LATENT, width))
        clean = (shift + scale * z) @ picture + 1.5 * years[:, None] * picture[0]
        features[name] = (clean + noise * rng.standard_normal(clean.shape)).astype(np.float32)
    return replace(cohort, features=features)


def with_pairs(cohort: Cohort, seed: int, *, shift: float = 0.0) -> Cohort:
    """Return the cohort with the similarity of pairs on a random ring, two ahead."""
    rng = np.random.default_rng(seed)
    ids = cohort.subjects["participant_id"].to_numpy(dtype=str)
    own = rng.standard_normal(len(ids))
    order = rng.permutation(len(ids))
    i = np.concatenate([order, order])
    j = np.concatenate([np.roll(order, -1), np.roll(order, -2)])
    alike = 0.65 + shift + 0.01 * (own[i] + own[j]) + 0.01 * rng.standard_normal(len(i))
    table = {"first": ids[i], "second": ids[j], "four_component_gradient": alike - 0.2, "ms_ssim": alike}
    return replace(cohort, pairs=pd.DataFrame(table).assign(reason=""))


def with_images(cohort: Cohort, seed: int) -> Cohort:
    """Return the cohort with features and pairs."""
    return with_pairs(with_features(cohort, seed), seed)
