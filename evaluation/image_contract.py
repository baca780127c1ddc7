"""What an image must be before it is worth segmenting. Both cohorts are held to the same."""

import numpy as np

from plausibrain.cohorts.volumes import Volume, to_canonical

#: Voxel sizes, mm, that can show a human brain.
VOXEL_SIZE_MM = (0.3, 6.5)
#: Extent of what is not background along right, anterior and superior, mm: below a human brain after the
#: first birthday, above a head with shoulders. A macaque's brain is about 60 x 80 x 60 mm.
SMALLEST_MM = (95.0, 110.0, 75.0)
LARGEST_MM = 420.0
#: An image of fewer different values than this is a label map or a mask.
_FEW_VALUES = 40
_MANY_LABELS = 300


def check_image(image: Volume) -> tuple[str, ...]:
    """Return every reason why the image cannot be segmented; none for an image that can.

    Parameters
    ----------
    image : Volume, (I, J, K)
    """
    problems = _check_grid(image)
    finite = np.isfinite(image.data)
    if not finite.all():
        share = 100 * (1 - finite.mean())
        return (*problems, f"{share:.2g} % of the voxels are not finite; expected a number everywhere")
    if image.data.min() == image.data.max():
        return (*problems, f"the image is constant ({image.data.flat[0]:g}); expected anatomy")
    return (*problems, *_check_values(image.data), *_check_extent(image))


def _check_grid(image: Volume) -> tuple[str, ...]:
    sizes = image.voxel_size_mm
    if min(sizes) < VOXEL_SIZE_MM[0] or max(sizes) > VOXEL_SIZE_MM[1]:
        size = " x ".join(f"{s:.3g}" for s in sizes)
        low, high = VOXEL_SIZE_MM
        return (f"voxels of {size} mm; expected {low} to {high} mm: check the header's unit",)
    return ()


def _check_values(data: np.ndarray) -> tuple[str, ...]:
    """Find label maps: few values, or whole numbers whose neighbours are mostly equal."""
    centre = data[tuple(slice(n // 6, n - n // 6) for n in data.shape)]
    values = np.unique(centre)
    if values.size < _FEW_VALUES:
        return (f"only {values.size} different values; this looks like a mask or a label map",)
    if values.size < _MANY_LABELS and np.array_equal(values, np.round(values)):
        inside = centre[:-1] != 0
        same = float((centre[1:] == centre[:-1])[inside].mean()) if inside.any() else 0.0
        if same > 0.6:
            return (
                f"{100 * same:.0f} % of neighbouring voxels hold the same whole number; this looks like a "
                "label map",
            )
    return ()


def _check_extent(image: Volume) -> tuple[str, ...]:
    canonical = to_canonical(image)
    data = np.abs(canonical.data)
    foreground = data > 0.1 * np.percentile(data[::2, ::2, ::2], 99.5)
    extent = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        slices = np.flatnonzero(foreground.mean(others) > 0.001)
        length = (slices[-1] - slices[0] + 1) if slices.size else 0
        extent.append(float(length) * canonical.voxel_size_mm[axis])
    size = " x ".join(f"{e:.0f}" for e in extent)
    if any(e < s for e, s in zip(extent, SMALLEST_MM, strict=True)):
        least = " x ".join(f"{s:.0f}" for s in SMALLEST_MM)
        return (
            f"what is not background measures {size} mm (right, anterior, superior); "
            f"a human brain needs {least}",
        )
    if max(extent) > LARGEST_MM:
        return (f"what is not background measures {size} mm; no head is longer than {LARGEST_MM:.0f} mm",)
    return ()
