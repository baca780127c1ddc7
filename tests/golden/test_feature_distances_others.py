"""Distances between clouds against SciPy, POT, scikit-learn, prdc and torch-fidelity."""

from dataclasses import replace

import numpy as np
import ot
import pytest
from scipy.linalg import sqrtm
from scipy.stats import energy_distance
from sklearn.covariance import ledoit_wolf
from sklearn.metrics.pairwise import polynomial_kernel, rbf_kernel

from plausibrain.analysis.covariances import frechet_distance, moments_of, shrunk_moments_of
from plausibrain.analysis.feature_distances.sliced_wasserstein import directions
from plausibrain.analysis.feature_distances.vendi import vendi_score
from plausibrain.analysis.feature_registry import all_distances
from plausibrain.analysis.settings import Settings
from plausibrain.generation.demo_cohorts import table_cohort
from tests.unit.analysis.factory import pairs_of
from tests.unit.analysis.feature_factory import NETWORK, with_features

PAIR = pairs_of(
    with_features(table_cohort(90, seed=1, name="r"), 1),
    with_features(table_cohort(70, seed=2, name="g"), 2, shift=0.3, scale=0.8),
    Settings(n_resamples=100, n_splits=20),
).full
RAW = [side.arrays.sample.features[NETWORK].astype(float) for side in (PAIR.reference, PAIR.generated)]
ADJUSTED = [side.arrays.clouds[NETWORK].astype(float) for side in (PAIR.reference, PAIR.generated)]
OURS = {plugin.name: float(plugin(PAIR, NETWORK)[0]) for plugin in all_distances()}


def scipy_frechet(first: np.ndarray, second: np.ndarray, covariances: list[np.ndarray]) -> float:
    gap = first.mean(axis=0) - second.mean(axis=0)
    root = sqrtm(covariances[0] @ covariances[1])
    return float(gap @ gap + np.trace(covariances[0] + covariances[1] - 2 * root.real))


def test_frechet_is_the_matrix_root_of_scipy():
    assert OURS["frechet"] == pytest.approx(scipy_frechet(*RAW, [np.cov(x.T) for x in RAW]), rel=1e-8)


def test_frechet_with_fewer_vectors_than_dimensions():
    """The covariance is singular and SciPy's root of the product inaccurate: both roots by eigenvalues."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 50)), rng.standard_normal((15, 50)) + 0.2
    values, axes = np.linalg.eigh(np.cov(x.T))
    root = axes * np.sqrt(np.maximum(values, 0)) @ axes.T
    inner = np.linalg.eigvalsh(root @ np.cov(y.T) @ root)
    gap = x.mean(axis=0) - y.mean(axis=0)
    expected = gap @ gap + np.trace(np.cov(x.T) + np.cov(y.T)) - 2 * np.sqrt(np.maximum(inner, 0)).sum()
    assert frechet_distance(moments_of(x), moments_of(y)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", [12, 60, 500])
def test_shrunk_covariance_is_that_of_scikit_learn(n):
    x = np.random.default_rng(n).standard_normal((n, 20)) * np.linspace(0.5, 2, 20)
    factor = shrunk_moments_of(x).factor
    np.testing.assert_allclose(factor.T @ factor, ledoit_wolf(x)[0], rtol=1e-8, atol=1e-10)


def discrepancy(k_rr: np.ndarray, k_rg: np.ndarray, k_gg: np.ndarray) -> float:
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (k_rr, k_gg)]
    return float(sum(within) - 2 * k_rg.mean())


def test_kid_is_the_polynomial_kernel_of_scikit_learn():
    kernels = [polynomial_kernel(a, b, degree=3, gamma=None, coef0=1) for a, b in _blocks(RAW)]
    assert OURS["kid"] == pytest.approx(discrepancy(*kernels), rel=1e-5)


def test_mmd_is_the_gaussian_kernel_of_scikit_learn():
    x = ADJUSTED[0]
    squared = ((x[:, None] - x[None]) ** 2).sum(axis=2)[~np.eye(len(x), dtype=bool)]
    kernels = [rbf_kernel(a, b, gamma=1 / (2 * np.median(squared))) for a, b in _blocks(ADJUSTED)]
    assert OURS["mmd"] == pytest.approx(discrepancy(*kernels), rel=1e-4)


def _blocks(both: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(both[0], both[0]), (both[0], both[1]), (both[1], both[1])]


def test_sliced_wasserstein_is_that_of_pot():
    x, y = ADJUSTED
    theirs = ot.sliced_wasserstein_distance(x, y, projections=directions(x.shape[1]), p=2)
    assert OURS["sliced_wasserstein"] == pytest.approx(theirs, rel=1e-6)


def test_energy_in_one_dimension_is_that_of_scipy():
    """SciPy's is the root of 2 d_rg - d_rr - d_gg with everybody paired with itself too."""
    name, both = NETWORK, (PAIR.reference, PAIR.generated)
    thin = [replace(s.arrays, clouds={name: s.arrays.clouds[name][:, :1]}) for s in both]
    x, y = (p.clouds[name][:, 0].astype(float) for p in thin)
    across = np.abs(x[:, None] - y[None]).mean()
    biased = 1 - sum(np.abs(v[:, None] - v[None]).mean() for v in (x, y)) / (2 * across)
    assert energy_distance(x, y) ** 2 / (2 * across) == pytest.approx(biased, rel=1e-9)
    sides = [replace(side, arrays=p) for side, p in zip(both, thin, strict=True)]
    pair = replace(PAIR, frame=replace(PAIR.frame, cache={}), reference=sides[0], generated=sides[1])
    ours = next(p for p in all_distances() if p.name == "energy_of_features")(pair, name)[0]
    within = sum(np.abs(v[:, None] - v[None]).sum() / (len(v) * (len(v) - 1)) for v in (x, y))
    assert ours == pytest.approx(1 - within / (2 * across), rel=1e-3)


def clouds() -> tuple[np.ndarray, np.ndarray]:
    """Two small clouds for numbers recorded from packages that are no dependency."""
    rng = np.random.default_rng(42)
    return rng.standard_normal((60, 5)), 0.3 + 0.7 * rng.standard_normal((50, 5))


def on_clouds(name: str, n: int) -> float:
    """Return one of our distances on `clouds`, n vectors of the first."""
    x, y = clouds()
    x = x[:n]
    subjects = [
        replace(with_features(table_cohort(len(v), seed=s, name="c"), s), features={NETWORK: v})
        for s, v in ((1, x), (2, y))
    ]
    pair = pairs_of(*subjects, Settings(n_resamples=100, n_splits=20)).full
    return float(next(p for p in all_distances() if p.name == name)(pair, NETWORK)[0])


@pytest.mark.parametrize(
    ("name", "n", "value"),
    [
        # prdc 0.2: compute_prdc(real_features=x, fake_features=y, nearest_k=5)
        ("precision", 60, 1.0),
        ("recall", 60, 0.7333333333333333),
        ("density", 60, 1.328),
        ("coverage", 60, 0.9333333333333333),
        # torch-fidelity 0.4.0: fid_statistics_to_metric({"mu": x.mean(0), "sigma": np.cov(x.T)}, ... y)
        ("frechet", 60, 1.076545063217476),
        # kernel_mmd(x, y, kid_kernel="poly", kid_kernel_poly_degree=3, ..._gamma=None, ..._coef0=1)
        ("kid", 50, 0.4467651020655876),
    ],
)
def test_numbers_recorded_from_other_packages(name, n, value):
    assert on_clouds(name, n) == pytest.approx(value, rel=1e-5)


def test_the_vendi_score_of_unequal_shares():
    """Three of one kind and one of another: exp of the entropy of 3/4 and 1/4."""
    similarity = np.eye(4)
    similarity[:3, :3] = 1
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert vendi_score(similarity) == pytest.approx(np.exp(entropy))
