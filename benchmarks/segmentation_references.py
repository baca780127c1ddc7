"""The real scans that the segmenter is measured on, with their subjects and reference labels."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from plausibrain.cohorts.structures import NEUROMORPHOMETRICS
from plausibrain.cohorts.volumes import LabelMap, read_label_map

VERMIS = (71, 72, 73)


def manual_images(data: Path) -> dict[str, tuple[Path, Path]]:
    """Return image and manual labels of the 19 scans by name."""
    images = sorted((data / "t1w" / "malf").glob("*_SS.nii.gz"))
    return {path.name[:4]: (path, path.with_name(f"{path.name[:4]}_glm.nii.gz")) for path in images}


def manual_subjects(data: Path) -> pd.DataFrame:
    """Return ``person``, ``age`` and ``sex`` of the 19 scans, in the order of `manual_images`."""
    table = pd.read_csv(data / "t1w" / "malf" / "participants.tsv", sep="\t", dtype={"scan_id": str})
    return table.set_index("scan_id").loc[list(manual_images(data))]


def cohort_images(data: Path) -> tuple[dict[str, Path], pd.DataFrame]:
    """Return the images of ds002748 by name, and ``age`` and ``sex`` (M or F) in the same order."""
    folder = data / "t1w" / "ds002748"
    images = {path.name.split("_")[0]: path for path in sorted(folder.glob("sub-*_T1w.nii.gz"))}
    subjects = (
        pd.read_csv(folder / "participants.tsv", sep="\t").set_index("participant_id").loc[list(images)]
    )
    return images, subjects.assign(sex=subjects["gender"].str.upper())[["age", "sex"]]


def manual_labels(path: Path) -> LabelMap:
    """Return manual labels as FreeSurfer ids; vermis joins the nearer cerebellar cortex."""
    raw = read_label_map(path)
    ids = np.zeros(int(raw.data.max()) + 1, np.int32)
    for label, index in NEUROMORPHOMETRICS.items():
        if label < len(ids):
            ids[label] = index
    for label in range(100, len(ids)):
        ids[label] = 42 if label % 2 == 0 else 3
    labels = ids[raw.data]
    return LabelMap(np.where(np.isin(raw.data, VERMIS), _nearer_cerebellum(raw, labels), labels), raw.affine)


def _nearer_cerebellum(raw: LabelMap, labels: np.ndarray) -> np.ndarray:
    """Return 8 left and 47 right of the plane between the cerebellar hemispheres."""
    axis = int(np.argmax(np.abs(raw.affine[0, :3])))
    place = np.arange(labels.shape[axis])
    means = [
        place @ (labels == i).sum(tuple(k for k in range(3) if k != axis)) / (labels == i).sum()
        for i in (8, 47)
    ]
    shape = [1, 1, 1]
    shape[axis] = -1
    nearer_left = np.abs(place - means[0]) < np.abs(place - means[1])
    return np.broadcast_to(np.where(nearer_left, 8, 47).reshape(shape), labels.shape)


def freesurfer_labels(path: Path) -> LabelMap:
    """Return aparc+aseg with parcels joined to the cortex, and what SynthSeg counts elsewhere moved there."""
    raw = read_label_map(path)
    labels = raw.data.copy()
    labels[(labels >= 1000) & (labels < 2000)] = 3
    labels[labels >= 2000] = 42
    for index, to in {77: 2, 251: 2, 252: 2, 253: 41, 254: 41, 255: 41, 31: 4, 63: 43}.items():
        labels[labels == index] = to
    return LabelMap(labels, raw.affine)


def dlmuse_labels(path: Path) -> LabelMap:
    """Return DLMUSE's labels as FreeSurfer ids; they follow the manual protocol, white matter by lobes."""
    raw = read_label_map(path)
    labels = manual_labels(path).data.copy()
    lobes = (raw.data >= 81) & (raw.data <= 94)
    labels[lobes] = np.where(raw.data[lobes] % 2 == 1, 41, 2)
    callosum = raw.data == 95
    nearest = ndimage.distance_transform_edt(
        ~np.isin(labels, (2, 41)), return_distances=False, return_indices=True
    )
    labels[callosum] = labels[tuple(axis[callosum] for axis in nearest)]
    return LabelMap(labels, raw.affine)
