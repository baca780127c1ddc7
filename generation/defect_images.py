"""A defect injected in every image of a cohort, written as a cohort of its own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from plausibrain.cohorts.bids import image_path, label_path
from plausibrain.cohorts.cohort import Cohort, write_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.volumes import read_label_map, read_volume, write_label_map, write_volume
from plausibrain.generation.injection import find_defect, inject_in_image


def inject_in_images(
    name: str,
    cohort: Cohort,
    folder: Path,
    *,
    severity: float,
    seed: int,
    on_image: Callable[[int, int], None] | None = None,
) -> Cohort:
    """Write a copy of an image cohort with a defect in every image.

    Parameters
    ----------
    name : str
        A defect of level ``"image"``, for example ``"blur"``.
    cohort : Cohort
        With images and, beside each ``…_T1w.nii.gz``, its labels as ``…_dseg.nii.gz``, as the simulator
        writes them.
    folder : Path
        BIDS folder to write. Images that lie there are kept, so a killed run goes on where it stopped.
    severity : float
        In the unit the defect declares.
    seed : int
        Image i depends on (seed, i) alone.
    on_image : callable, optional
        Called with the number of images done and of all, after each.

    Returns
    -------
    Cohort
        Named ``<cohort> + <defect>``; with images, without volumes, which must be measured anew.

    Raises
    ------
    DataError
        If the defect is unknown or of another level, or an image or its labels are missing.
    """
    find_defect(name, "image")
    pairs = [image_and_labels(cohort, i) for i in range(len(cohort))]
    paths = tuple(image_path(folder, str(identity)) for identity in cohort.subjects["participant_id"])
    for i, (image, labels) in enumerate(pairs):
        if not (paths[i].exists() and label_path(paths[i]).exists()):
            image_now, labels_now = inject_in_image(
                name, read_volume(image), read_label_map(labels), severity=severity, seed=seed * 100_003 + i
            )
            paths[i].parent.mkdir(parents=True, exist_ok=True)
            write_label_map(labels_now, label_path(paths[i]))
            write_volume(image_now, paths[i])
        if on_image is not None:
            on_image(i + 1, len(cohort))
    defective = replace(
        cohort, name=f"{cohort.name} + {name}", volumes=None, qc=None, images=paths, segmenter="unknown",
        source=folder,
    )  # fmt: skip
    write_cohort(defective, folder, generated_by=[{"Name": f"defect {name}", "Severity": severity}])
    return defective


def image_and_labels(cohort: Cohort, row: int) -> tuple[Path, Path]:
    """Return the paths of an image and of its labels; `DataError` if one is missing."""
    image = cohort.images[row] if cohort.images is not None else None
    if image is None or not label_path(image).is_file():
        raise DataError(
            f"{cohort.name}, row {row}: expected an image with its labels beside it (…_T1w.nii.gz and "
            f"…_dseg.nii.gz), got {image}; draw the cohort with the simulator, or put label maps there"
        )
    return image, label_path(image)
