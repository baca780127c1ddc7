"""The background of an image: found, so that no convention about it decides a volume.

Generators write brains from 0 to 1, from -1 to 1, with -1000 outside the brain, or as z-scores within a mask
with 0 outside. Left as they are, the distance between background and brain counts as contrast, and what
resampling puts outside the image (zero) is brighter than the background.
"""

import numpy as np

from plausibrain.cohorts.volumes import Volume

#: Share of the voxels of the six faces that makes their commonest value a background.
_PADDING_SHARE = 0.9
#: Share of the other voxels below the background from which it lies among the values of the brain.
_BELOW_SHARE = 0.005
#: Distance from the background to the darkest brain, in ranges of the brain, from which it is padding.
_GAP_SHARE = 0.5
#: Where padding is moved to, in ranges of the brain below the darkest brain: stripped scans of four sources,
#: which keep the zero of the scanner, have .02, .16, .18 and .18 there.
_USUAL_GAP = 0.15


def on_zero_background(image: Volume) -> Volume:
    """Return the image with its background at zero, below all else: what resampling puts outside it.

    Parameters
    ----------
    image : Volume, (I, J, K)
        Finite.

    Returns
    -------
    Volume
        The image itself where its background is zero already.

    Notes
    -----
    A background is the one value that nearly all voxels of the six faces share. Where it lies far below all
    else, or among the values of the brain, it is moved to just below the brain; other images are shifted by
    their 0.5th percentile. Nothing is scaled.
    """
    data = image.data
    padding = _padding(data)
    if padding is not None:
        level = _new_level(data, padding)
        data = data if level is None else np.where(data == padding, np.float32(level), data)
    lowest = np.float32(np.percentile(data[::2, ::2, ::2], 0.5))
    return image if lowest == 0 and data is image.data else Volume(data - lowest, image.affine, image.remarks)


def _padding(data: np.ndarray) -> np.float32 | None:
    faces = np.concatenate([data.take(end, axis).ravel() for axis in range(3) for end in (0, -1)])
    values, counts = np.unique(faces, return_counts=True)
    return values[counts.argmax()] if counts.max() >= _PADDING_SHARE * faces.size else None


def _new_level(data: np.ndarray, padding: np.float32) -> float | None:
    """Where the padding belongs, or None where it is."""
    some = data[::2, ::2, ::2]
    rest = some[some != padding]
    if not rest.size:
        return None
    low, high = np.percentile(rest, (0.1, 99.9))
    is_far = low - padding > _GAP_SHARE * (high - low)
    is_among = float((rest < padding).mean()) > _BELOW_SHARE
    return float(low - _USUAL_GAP * (high - low)) if is_far or is_among else None
