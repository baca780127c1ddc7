"""Exact optimal transport between two sets of subjects (WASABI)."""

import numpy as np
import ot
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from plausibrain.analysis.joint_design import CohortArrays
from plausibrain.analysis.pair import ROLES, Pair, Role


def assignment_cost(reference: np.ndarray, generated: np.ndarray) -> float:
    """Return the squared 2-Wasserstein distance of two sets of equally many points.

    For equal sizes optimal transport is an assignment, which SciPy solves exactly and faster than a
    general flow solver.

    Parameters
    ----------
    reference, generated : ndarray, (n, r)

    Examples
    --------
    >>> assignment_cost(np.array([[0.0], [1.0]]), np.array([[1.0], [3.0]]))
    2.5
    """
    cost = cdist(reference, generated, "sqeuclidean")
    rows, columns = linear_sum_assignment(cost)
    return float(cost[rows, columns].mean())


def transport_distance(pair: Pair) -> np.ndarray:
    """Return the squared 2-Wasserstein distance of standardised regional volumes, (B,).

    Notes
    -----
    Bootstrap values are linear in the weights, through the dual potentials of the estimate: the
    limit theorem of del Barrio & Loubes 2019 (key Barrio2019) for transport around its expectation at this n.
    """
    if pair.kind == "bootstrap" and pair.full is not None:
        return _linearised(pair, pair.full)
    if pair.kind == "full":
        _solve(pair)
        return np.array([float(pair.cache["transport"][0])])
    return np.array([_split_cost(pair, replicate) for replicate in range(pair.n_replicates)])


def _rows(pair: Pair, role: Role) -> np.ndarray:
    arrays = pair.side(role).arrays
    candidates = [_allowed(pair.side(r).arrays) for r in ROLES]
    n = min(*map(len, candidates), pair.frame.settings.wasabi_n)
    rng = arrays.clusters.rng(pair.frame.settings.seed, "transport rows")
    members = _allowed(arrays)
    if len(members) == len(arrays.sample):
        rows = arrays.sample.some_rows(n, rng)
    else:
        by_id = arrays.sample.order[np.isin(arrays.sample.order, members)]
        rows = np.sort(by_id[rng.permutation(len(by_id))[:n]])
    # Dual potentials are not unique: the solver must see the subjects in one order, whatever that of the
    # table.
    return arrays.sample.order[np.isin(arrays.sample.order, rows)]


def _allowed(arrays: CohortArrays) -> np.ndarray:
    """Rows of ages that both cohorts cover; pairwise rows may be a sample of them, which transport is not."""
    n = len(arrays.sample)
    return arrays.pairwise_rows if len(arrays.pairwise_rows) < n else np.arange(n)


def _solve(pair: Pair) -> None:
    if "transport" in pair.cache:
        return
    points = [pair.side(role).arrays.regions[_rows(pair, role)] for role in ROLES]
    cost, log = ot.emd2([], [], cdist(points[0], points[1], "sqeuclidean"), log=True)
    pair.cache["transport"] = np.array([cost])
    pair.cache["potential", "reference"] = np.asarray(log["u"])
    pair.cache["potential", "generated"] = np.asarray(log["v"])


def _linearised(pair: Pair, full: Pair) -> np.ndarray:
    _solve(full)
    total = np.zeros(pair.n_replicates)
    for role in ROLES:
        w = pair.side(role).weights[:, _rows(full, role)].astype(float)
        total += (w @ full.cache["potential", role]) / np.maximum(w.sum(axis=1), 1.0)
    return total


def _split_cost(pair: Pair, replicate: int) -> float:
    rows = equal_members(pair, replicate, pair.frame.settings.wasabi_n)
    first, second = (
        pair.side(role).arrays.regions[members] for role, members in zip(ROLES, rows, strict=True)
    )
    return assignment_cost(first, second)


def equal_members(pair: Pair, replicate: int, most: int) -> list[np.ndarray]:
    """Return as many rows of both groups of one split, at most `most`, drawn at random from each.

    Parameters
    ----------
    pair : Pair
        With 0/1 memberships as weights.
    replicate : int
    most : int
    """
    members = []
    for role in ROLES:
        side = pair.side(role)
        positions = np.flatnonzero(side.weights[replicate])
        members.append(positions[np.isin(positions, _allowed(side.arrays))])
    n = min(most, *map(len, members))
    choice = []
    for role, positions in zip(ROLES, members, strict=True):
        sample = pair.side(role).arrays.sample
        rng = sample.clusters.rng(pair.frame.settings.seed, f"members {role} {replicate}")
        by_id = sample.order[np.isin(sample.order, positions)]
        choice.append(np.sort(by_id[rng.permutation(len(by_id))[:n]]))
    return choice
