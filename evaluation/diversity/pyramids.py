"""What MS-SSIM needs of one image: local means and variances at every scale."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from plausibrain.cohorts.errors import MeasurementError
from plausibrain.evaluation.diversity.windows import gaussian_window, local_moments

#: Exponents of the five scales, finest first (Wang et al. 2003, section 3.2); with fewer scales the first
#: ones, rescaled to sum to one.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
#: Voxels of the window. 11 as in 2D would not fit the coarsest of five scales of a brain at 1 mm.
WINDOW_SIZE = 7
WINDOW_SIGMA = 1.5


@dataclass(frozen=True)
class Level:
    """One scale of an image.

    Attributes
    ----------
    image : Tensor, (I, J, K)
    mean, variance : Tensor, (I - w + 1, J - w + 1, K - w + 1)
        Under the window, where it lies inside the image.
    """

    image: Tensor
    mean: Tensor
    variance: Tensor


@dataclass(frozen=True)
class Pyramid:
    """An image at every scale, each half as fine as the one before.

    Attributes
    ----------
    levels : tuple of Level
    window : tuple of float
    weights : tuple of float
        Exponent of each scale.
    """

    levels: tuple[Level, ...]
    window: tuple[float, ...]
    weights: tuple[float, ...]


def n_scales(shape: tuple[int, ...], *, window_size: int = WINDOW_SIZE) -> int:
    """Return how many scales, at most five, have room for the window.

    Examples
    --------
    >>> n_scales((160, 224, 160)), n_scales((112, 112, 112)), n_scales((64, 64, 64))
    (5, 5, 4)
    """
    side = min(shape)
    return sum(side // 2**scale >= window_size for scale in range(len(WEIGHTS)))


def build_pyramid(
    image: Tensor,
    *,
    window_size: int = WINDOW_SIZE,
    sigma: float = WINDOW_SIGMA,
    weights: tuple[float, ...] = (),
) -> Pyramid:
    """Return an image with its local means and variances at every scale.

    Parameters
    ----------
    image : Tensor, (I, J, K)
        Every side at least 64 voxels.
    window_size : int
        Voxels, odd.
    sigma : float
        Of the window, voxels.
    weights : tuple of float
        Exponents of the scales; by default the published ones for as many scales as fit.

    Raises
    ------
    MeasurementError
        When the image is too small for the scales asked for.
    """
    shape = tuple(image.shape)
    fitting = n_scales(shape, window_size=window_size)
    if min(shape) < 64 or len(weights) > fitting:
        raise MeasurementError(
            f"an image of {' x '.join(map(str, shape))} voxels has room for {fitting} scales of a window of "
            f"{window_size}; expected sides of at least 64 voxels and {len(weights) or 'some'} scales: "
            "resample the images to smaller voxels"
        )
    if not weights:
        weights = tuple(w / sum(WEIGHTS[:fitting]) for w in WEIGHTS[:fitting])
    window = gaussian_window(window_size, sigma)
    levels = []
    for scale in range(len(weights)):
        image = image if scale == 0 else functional.avg_pool3d(image[None, None], 2)[0, 0]
        levels.append(_level(image, window))
    return Pyramid(tuple(levels), window, weights)


def _level(image: Tensor, window: tuple[float, ...]) -> Level:
    image = image.to(torch.float32)
    mean, square = local_moments(image, window)
    return Level(image, mean, square.addcmul_(mean, mean, value=-1))
