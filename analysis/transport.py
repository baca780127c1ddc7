"""Exact optimal transport between two sets of people (WASABI)."""

import numpy as np
import ot
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from analysis.pair import Pair, Role
from analysis.weights import people_rng


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
    prepared = pair.side(role).prepared
    n = min(
        len(pair.reference.prepared.sample), len(pair.generated.prepared.sample), pair.frame.settings.wasabi_n
    )
    rng = people_rng(prepared.clusters.ids, pair.frame.settings.seed, "transport rows")
    return np.sort(rng.permutation(len(prepared.sample))[:n])


def _solve(pair: Pair) -> None:
    if "transport" in pair.cache:
        return
    points = [pair.side(role).prepared.regions[_rows(pair, role)] for role in ("reference", "generated")]  # type: ignore[arg-type]
    cost, log = ot.emd2([], [], cdist(points[0], points[1], "sqeuclidean"), log=True)
    pair.cache["transport"] = np.array([cost])
    pair.cache["potential", "reference"] = np.asarray(log["u"])
    pair.cache["potential", "generated"] = np.asarray(log["v"])


def _linearised(pair: Pair, full: Pair) -> np.ndarray:
    _solve(full)
    total = np.zeros(pair.n_replicates)
    for role in ("reference", "generated"):
        w = pair.side(role).weights[:, _rows(full, role)].astype(float)  # type: ignore[arg-type]
        total += (w @ full.cache["potential", role]) / np.maximum(w.sum(axis=1), 1.0)
    return total


def _split_cost(pair: Pair, replicate: int) -> float:
    members = []
    for role in ("reference", "generated"):
        side = pair.side(role)  # type: ignore[arg-type]
        members.append(side.prepared.regions[side.weights[replicate] > 0])
    n = min(len(members[0]), len(members[1]), pair.frame.settings.wasabi_n)
    return assignment_cost(members[0][:n], members[1][:n])
