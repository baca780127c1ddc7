"""Measure whether the segmenter flags what it should: sound scans not, degraded copies of them yes.

For ``docs/validation_segmentation.md``. The degradations are those of the audit (`plausibrain.generation.defects`) and an
inverted contrast; what they cost is the agreement with the segmentation of the scan as it was.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from plausibrain.cohorts.store import Store, hash_file, write_text_atomic
from plausibrain.cohorts.volumes import LabelMap, Volume, read_label_map, read_volume
from plausibrain.evaluation.quality_score import group_overlap
from plausibrain.evaluation.segment_files import Outcome
from plausibrain.evaluation.segmentation import QC_GROUPS
from plausibrain.evaluation.segmenters.synthseg_style import synthseg_style, version
from plausibrain.generation.defects.blur import blur
from plausibrain.generation.defects.ghosting import ghosting
from plausibrain.generation.defects.noise import noise

#: Subjects of ds002748 whose scans are degraded: two women and a man.
DEGRADED_SUBJECTS = ("sub-01", "sub-07", "sub-12")
_FORM = 1


def inverted(image: Volume, labels: LabelMap) -> Volume:
    """Return the image with the brain's contrast turned round: white matter darkest, fluid brightest."""
    inside = image.data > 0
    top = float(np.percentile(image.data[labels.data > 0], 99.5))
    return Volume(
        np.where(inside, np.maximum(1.05 * top - image.data, 0), 0).astype(np.float32), image.affine
    )


def degradations() -> dict[str, Callable[[Volume, LabelMap], Volume]]:
    """Return what is done to a scan, by name."""
    injected = {
        "noise, SD 0.1 of the bright level": (noise, 0.1),
        "noise, SD 0.3": (noise, 0.3),
        "blur, SD 1.5 mm": (blur, 1.5),
        "blur, SD 3 mm": (blur, 3.0),
        "ghost, 0.2 of the signal": (ghosting, 0.2),
        "ghost, 0.4": (ghosting, 0.4),
    }
    named = {name: _inject(defect, severity) for name, (defect, severity) in injected.items()}
    return {**named, "contrast turned round": inverted}


def _inject(
    defect: Callable[..., tuple[Volume, LabelMap]], severity: float
) -> Callable[[Volume, LabelMap], Volume]:
    def degrade(image: Volume, labels: LabelMap) -> Volume:
        return defect(image, labels, severity=severity, rng=np.random.default_rng(0))[0]

    return degrade


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Return the lowest Dice over the groups of structures, each joined, fluid around the brain left out."""
    lookup = np.zeros(100, np.uint8)
    for k, members in enumerate(QC_GROUPS.values(), start=1):
        lookup[[index for index in members if index != 24]] = k
    dice = group_overlap(torch.from_numpy(lookup[a]), torch.from_numpy(lookup[b]))
    return min(dice.values())


def degraded_scans(images: Mapping[str, Path], outcomes: Mapping[str, Outcome], store: Store) -> pd.DataFrame:
    """Return status, lowest score and agreement of every degraded scan; results are kept in the store."""
    rows = []
    for name in DEGRADED_SUBJECTS:
        for kind, degrade in degradations().items():
            key = Store.key("degraded", hash_file(images[name]), kind, version(), _FORM)
            path = store.get(key, ".json")
            if path is None:
                row = _measure(images[name], outcomes[name], degrade)
                path = store.put(key, ".json", lambda to, row=row: write_text_atomic(to, json.dumps(row)))
                print(f"{name}: {kind}", flush=True)
            rows.append({"scan": name, "kind": kind, **json.loads(path.read_text())})
    return pd.DataFrame(rows)


def _measure(
    path: Path, outcome: Outcome, degrade: Callable[[Volume, LabelMap], Volume]
) -> dict[str, str | float]:
    if outcome.labels is None:
        raise RuntimeError(f"{path} was not segmented: {'; '.join(outcome.reasons)}")
    image, labels = read_volume(path), read_label_map(outcome.labels)
    result = synthseg_style(degrade(image, labels))
    found = np.zeros(image.shape, np.int32) if result.labels is None else result.labels.data
    return {
        "status": result.status,
        "score": min(result.qc.values(), default=0.0),
        "agreement": agreement(found, labels.data),
    }


def flag_lines(sound: Mapping[str, Mapping[str, Outcome]], degraded: pd.DataFrame) -> list[str]:
    """Return the tables of sound and of degraded scans.

    Parameters
    ----------
    sound : mapping
        Name of a set of scans to its outcomes.
    degraded : DataFrame
        Of `degraded_scans`.
    """
    lines = ["| sound scans | n | flagged | reasons |", "|---|---|---|---|"]
    for name, outcomes in sound.items():
        flagged = [o for o in outcomes.values() if o.status != "ok"]
        reasons = "; ".join(sorted({reason for o in flagged for reason in o.reasons}))
        lines.append(f"| {name} | {len(outcomes)} | {len(flagged)} | {reasons} |")
    lines += [
        "",
        f"Copies of {', '.join(DEGRADED_SUBJECTS)}, degraded:",
        "",
        "| degradation | flagged | lowest score of a group | lowest Dice of a group with the scan as it was |",
        "|---|---|---|---|",
    ]
    for kind, part in degraded.groupby("kind", sort=False):
        n_flagged = int((part["status"] != "ok").sum())
        lines.append(
            f"| {kind} | {n_flagged} of {len(part)} | {part['score'].min():.2f} to {part['score'].max():.2f} | "
            f"{part['agreement'].min():.2f} to {part['agreement'].max():.2f} |"
        )
    return [*lines, ""]
