"""Single subjects whose left and right look exchanged, as far as the asymmetry of brains can tell.

A mirrored brain is a plausible brain: nothing in one image says which side is left. But the structures of a
cohort differ between the sides in a pattern that its subjects share, and a subject who shows the opposite
pattern stands out. Part of the pattern is the segmentation program's own (parcels that an atlas cuts
differently on the two sides), and it does not turn round when an image is mirrored before it is segmented:
such an exchange may be missed, but nobody is accused because of it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import median_abs_deviation
from sklearn.covariance import LedoitWolf

from plausibrain.analysis.joint_design import CohortArrays, Frame
from plausibrain.analysis.pair import ROLES, Role
from plausibrain.cohorts.notes import Note

#: Held-out subjects of the reference must lie this many standard deviations from a brain without asymmetry
#: for single subjects to be told at all; with fewer subjects or pairs of structures nothing is said.
LEAST_SEPARATION = 3.0
LEAST_SUBJECTS, LEAST_PAIRS = 20, 3
#: A subject is named who lies this many standard deviations from the reference's median, and nearer to its
#: mirror image than to a brain without asymmetry.
FARTHEST = 4.0
N_FOLDS = 10
MOST_NAMED = 5


@dataclass(frozen=True)
class Handedness:
    """How far every subject's asymmetry points the way of the reference.

    Attributes
    ----------
    scores : mapping of role to ndarray, (n,)
        1 is the median of held-out reference subjects, 0 no asymmetry, -1 the mirror image.
    separation : float
        That median in (robust) standard deviations of held-out reference subjects: how well sides can be
        told apart.
    """

    scores: dict[Role, np.ndarray]
    separation: float

    def mirrored(self, role: Role) -> np.ndarray:
        """Return which subjects look mirrored, (n,) bool."""
        if not self.separation >= LEAST_SEPARATION:
            return np.zeros(len(self.scores[role]), dtype=bool)
        limit = min(-0.5, 1 - FARTHEST / self.separation)
        return np.asarray(self.scores[role] < limit)


def handedness(frame: Frame) -> Handedness:
    """Score subjects between the reference's asymmetries and their mirror images, by linear discriminant.

    Notes
    -----
    For asymmetries with mean m and covariance S the log-likelihood ratio of a subject and of the mirror
    image is twice m' S^-1 a. S is the shrunken covariance of Ledoit and Wolf. Subjects of the reference are
    scored by the nine tenths of the reference that they are not in.

    References
    ----------
    Ledoit and Wolf 2004 (key Ledoit2004).
    """
    reference, generated = frame.reference.asymmetry, frame.generated.asymmetry
    usable = reference.std(axis=0) > 0
    reference, generated = reference[:, usable], generated[:, usable]
    untold = Handedness({"reference": np.ones(len(reference)), "generated": np.ones(len(generated))}, 0.0)
    if len(frame.reference.clusters) < LEAST_SUBJECTS or reference.shape[1] < LEAST_PAIRS:
        return untold
    own = _held_out(reference, frame.reference)
    # Robust, so that a mirrored subject of the reference does not hide itself.
    centre, spread = float(np.median(own)), float(median_abs_deviation(own, scale="normal"))
    if centre <= 0 or spread == 0:
        return untold
    others = generated @ _weights(reference)
    return Handedness({"reference": own / centre, "generated": others / centre}, centre / spread)


def mirrored_notes(frame: Frame) -> list[tuple[Role, Note]]:
    """Return a note per cohort that names subjects who look mirrored."""
    result, notes = handedness(frame), []
    for role in ROLES:
        arrays = frame.reference if role == "reference" else frame.generated
        rows = np.flatnonzero(result.mirrored(role))
        if len(rows):
            ids = [str(name) for name in arrays.sample.subjects["participant_id"].to_numpy()[rows]]
            more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
            message = (
                f"left and right look exchanged in {len(ids)} of {len(result.scores[role])} subjects: "
                f"{', '.join(ids[:MOST_NAMED])}{more}; their asymmetry is the opposite of the reference's "
                f"(on average {result.separation:.1f} standard deviations from none); check the "
                "orientation of these images"
            )
            notes.append((role, Note("warning", "image", value=ids[0], message=message)))
    return notes


def _weights(asymmetry: np.ndarray) -> np.ndarray:
    """Return the weights of the discriminant, (pairs,)."""
    scale = asymmetry.std(axis=0)
    standard = asymmetry / scale
    return np.asarray(np.linalg.solve(LedoitWolf().fit(standard).covariance_, standard.mean(axis=0)) / scale)


def _held_out(asymmetry: np.ndarray, arrays: CohortArrays) -> np.ndarray:
    """Return the scores of reference subjects by weights that were estimated without them, (n,)."""
    fold, scores = arrays.clusters.row_of % N_FOLDS, np.empty(len(asymmetry))
    for number in range(N_FOLDS):
        inside = fold != number
        usable = asymmetry[inside].std(axis=0) > 0
        scores[~inside] = asymmetry[~inside][:, usable] @ _weights(asymmetry[inside][:, usable])
    return scores
