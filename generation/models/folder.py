"""Images made elsewhere, with the table of conditions they were made from.

They become a cohort like those that are drawn here: one image per subject on one grid, finite, in BIDS
layout. Nothing is resampled, rescaled or reoriented. Who is who follows from the file names; what a table
inconclusive is whether an image was really made from its row, which question 6 of the report may show.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from plausibrain.generation.registry import model

if TYPE_CHECKING:
    from plausibrain.generation.model import Model


@model(label="Folder of images made elsewhere")
def folder(
    checkpoint: Path, *, pattern: str = "", files: str = "", assume_orientation: bool = False
) -> "Model":
    """Return a model whose images lie in a folder.

    Parameters
    ----------
    checkpoint : Path
        Folder of NIfTI or MGH images: flat, or in BIDS layout. A file belongs to the row whose
        ``participant_id`` its name begins with: ``sub-07_T1w.nii.gz``, ``07.nii``.
    pattern : str
        Which files below the folder, for example ``**/*_sample.nii.gz``, where the usual places do not fit.
    files : str
        Column of the table that names each row's file (its name, or its path below the folder), where names
        do not begin with ids.
    assume_orientation : bool
        Accept headers that state no orientation; left and right are then a guess.

    Returns
    -------
    Model

    Raises
    ------
    DataError
        When there is no such folder, or no image in it.
    """
    from plausibrain.generation.image_folder import ImageFolder

    return ImageFolder.read(
        Path(checkpoint), pattern=pattern, files=files, assume_orientation=assume_orientation
    )
