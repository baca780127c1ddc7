"""What 4-G-R-SSIM needs of one image: gradient magnitude with its local moments, and local brightness."""

from dataclasses import dataclass

import torch
from torch import Tensor

from plausibrain.evaluation.diversity.slabs import over_slabs
from plausibrain.evaluation.diversity.windows import gaussian_window, local_mean, local_moments

WINDOW_SIZE = 11
WINDOW_SIGMA = 1.5


@dataclass(frozen=True)
class GradientField:
    """Gradient magnitude of an image and its local moments.

    Attributes
    ----------
    magnitude : Tensor, (I, J, K)
        Per voxel.
    mean, variance : Tensor, (I - w + 1, J - w + 1, K - w + 1)
        Of the magnitude under the window.
    brightness : Tensor, (I - w + 1, J - w + 1, K - w + 1)
        Mean of the image itself under the window.
    largest : float
        Largest magnitude of the image.
    """

    magnitude: Tensor
    mean: Tensor
    variance: Tensor
    brightness: Tensor
    largest: float

    @property
    def inside(self) -> Tensor:
        """Magnitude at the voxels that have a local mean."""
        half = (self.magnitude.shape[0] - self.mean.shape[0]) // 2
        return self.magnitude[tuple(slice(half, n - half) for n in self.magnitude.shape)]


def gradient_field(image: Tensor) -> GradientField:
    """Return the Sobel gradient magnitude of an image and its local moments.

    Parameters
    ----------
    image : Tensor, (I, J, K)

    Returns
    -------
    GradientField
        Two voxels shorter than the image along each axis, since nothing is made up beyond its border.
    """
    source = image.to(torch.float32)
    parts = over_slabs(len(source) - 2, lambda start, stop: sobel_magnitude(source[start : stop + 2]))
    magnitude = torch.cat(parts)
    window = gaussian_window(WINDOW_SIZE, WINDOW_SIGMA)
    mean, square = local_moments(magnitude, window)
    variance = square.addcmul_(mean, mean, value=-1).clamp_(min=0)
    inner, reach = source[1:-1, 1:-1, 1:-1], WINDOW_SIZE - 1
    bright = over_slabs(len(mean), lambda start, stop: local_mean(inner[start : stop + reach], window))
    return GradientField(magnitude, mean, variance, torch.cat(bright), float(magnitude.max()))


def sobel_magnitude(image: Tensor) -> Tensor:
    """Return the Sobel gradient magnitude, per voxel, (I - 2, J - 2, K - 2).

    The sum of the absolute components, as in G-SSIM, not their length. Along each axis the central
    difference, averaged with weights 1 2 1 over the other two.
    """
    total = None
    for along in range(3):
        part = image
        for axis in range(3):
            n = part.shape[axis] - 2
            low, middle, high = (part.narrow(axis, k, n) for k in range(3))
            part = (high - low) / 2 if axis == along else (low + 2 * middle + high) / 4
        total = part.abs_() if total is None else total.add_(part.abs_())
    return image.new_zeros(()) if total is None else total
