"""Cohorts on disk as BIDS: where an image goes, and the files that describe the cohort."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.identity import safe_id
from plausibrain.cohorts.schemas import PARTICIPANTS, SUBJECT_QC, SUBJECT_VOLUMES
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.tables import write_table

BIDS_VERSION = "1.10.0"
_LABEL = re.compile(r"^sub-[A-Za-z0-9]+$")


def bids_id(participant_id: str) -> str:
    """Turn an id into a BIDS subject: ``sub-`` and letters and digits only.

    Parameters
    ----------
    participant_id : str
        Any safe id.

    Returns
    -------
    str

    Raises
    ------
    DataError
        When the id is unsafe or holds no letter or digit.

    Examples
    --------
    >>> bids_id("sub-01"), bids_id("ldm-0001_seed-3")
    ('sub-01', 'sub-ldm0001seed3')
    """
    identifier = safe_id(participant_id)
    if _LABEL.match(identifier):
        return identifier
    label = re.sub(r"[^A-Za-z0-9]", "", identifier.removeprefix("sub-"))
    if not label:
        raise DataError(f"participant id {identifier!r} holds no letter or digit; BIDS needs one, rename it")
    return f"sub-{label}"


def label_path(image: Path) -> Path:
    """Return where the labels of an image lie: ``…_dseg.nii.gz`` beside ``…_T1w.nii.gz``."""
    return image.with_name(image.name.replace("_T1w.", "_dseg."))


def image_path(folder: str | os.PathLike[str], participant_id: str) -> Path:
    """Say where BIDS keeps the T1-weighted image of a participant.

    Parameters
    ----------
    folder : path-like
        Folder of the cohort.
    participant_id : str
        Any safe id.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        When the id is unsafe.
    """
    subject = bids_id(participant_id)
    return Path(folder) / subject / "anat" / f"{subject}_T1w.nii.gz"


def write_bids(
    folder: str | os.PathLike[str],
    *,
    name: str,
    subjects: pd.DataFrame,
    volumes: pd.DataFrame | None = None,
    qc: pd.DataFrame | None = None,
    segmenter: str = "unknown",
    generated_by: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write everything of a cohort but its images.

    Parameters
    ----------
    folder : path-like
        Made when missing.
    name : str
        Name of the data set.
    subjects : DataFrame
        As in `plausibrain.cohorts.cohort.Cohort.subjects`.
    volumes, qc : DataFrame or None
        Aligned with `subjects`; they go to ``derivatives/<segmenter>``.
    segmenter : str
        Who measured the volumes.
    generated_by : sequence of mapping
        ``GeneratedBy`` of BIDS: what made the images, with its version and settings.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        When two ids become the same BIDS subject.
    """
    target = Path(folder)
    bids_ids = _bids_ids(subjects)
    write_table(subjects.assign(participant_id=bids_ids), target / "participants.tsv", PARTICIPANTS)
    derivatives = target / "derivatives" / safe_id(segmenter)
    scores = None if qc is None else qc.add_prefix("qc_")
    for table, schema in ((volumes, SUBJECT_VOLUMES), (scores, SUBJECT_QC)):
        if table is not None:
            rows = table.reset_index(drop=True)
            rows.insert(0, "participant_id", bids_ids)
            write_table(rows, derivatives / f"{schema.name}.tsv", schema)
    _write_description(target, name, generated_by)
    return target


def _bids_ids(subjects: pd.DataFrame) -> list[str]:
    bids_ids = pd.Series([bids_id(str(identifier)) for identifier in subjects["participant_id"]], dtype="str")
    twice = bids_ids.duplicated()
    if twice.any():
        clash = subjects["participant_id"][(bids_ids == bids_ids[twice].iloc[0]).to_numpy()].tolist()
        raise DataError(
            f"participants {', '.join(map(repr, clash))} would all become {bids_id(clash[0])!r} in BIDS; "
            "rename them"
        )
    return bids_ids.tolist()


def _write_description(folder: Path, name: str, generated_by: Sequence[Mapping[str, Any]]) -> None:
    description: dict[str, Any] = {"Name": name, "BIDSVersion": BIDS_VERSION, "DatasetType": "raw"}
    if generated_by:
        description |= {"DatasetType": "derivative", "GeneratedBy": [dict(entry) for entry in generated_by]}
    text = json.dumps(description, indent=2, ensure_ascii=False, default=str)
    write_text_atomic(folder / "dataset_description.json", text + "\n")
