"""Pictures of a training: the middle slices of held-out samples, as files for its page."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from plausibrain.cohorts.store import write_atomic

FOLDER = "samples"
Picture = tuple[str, np.ndarray]


def write_pictures(folder: Path, stage: str, pictures: Sequence[Picture]) -> list[dict[str, str]]:
    """Write the pictures of a stage over those of its last validation.

    Parameters
    ----------
    folder : Path
        Folder of the training.
    stage : str
    pictures : sequence of (str, ndarray)
        Captions and volumes (I, J, K).

    Returns
    -------
    list of dict
        ``file`` (below ``samples/``) and ``caption`` of each.
    """
    entries = []
    for place, (caption, volume) in enumerate(pictures):
        content = middle_slices(volume)
        name = f"{stage}-{place}.png"
        write_atomic(folder / FOLDER / name, lambda path, content=content: path.write_bytes(content))  # type: ignore[misc]
        entries.append({"file": name, "caption": caption})
    return entries


def middle_slices(volume: np.ndarray) -> bytes:
    """Return a PNG of the three middle slices, 0 black and 1 white; superior and anterior are up."""
    from matplotlib.image import imsave

    size = max(volume.shape)
    planes = [np.take(volume, volume.shape[axis] // 2, axis=axis).T[::-1] for axis in range(3)]
    tiles = [np.pad(p, ((0, size - p.shape[0]), (0, size - p.shape[1]))) for p in planes]
    stream = io.BytesIO()
    image = np.clip(np.nan_to_num(np.concatenate(tiles, axis=1)), 0, 1)
    imsave(stream, image, cmap="gray", vmin=0, vmax=1, format="png")
    return stream.getvalue()
