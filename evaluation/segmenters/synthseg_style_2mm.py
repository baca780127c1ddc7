"""The same network as `synthseg_style`, answering in voxels of 2 mm: about three times as fast.

For images of 2 mm and for a first look. Thin structures and the cortex lose detail; volumes stay sums of
posteriors, so they are not rounded to voxels. Compare cohorts within one of the two only: biases differ.
"""

from plausibrain.cohorts.volumes import Volume
from plausibrain.evaluation.segmentation import SEGMENTERS, Segmentation
from plausibrain.evaluation.segmenters import synthseg_style
from plausibrain.evaluation.segmenters.synthseg_style import segment_at

NAME = "synthseg_style_2mm"


@SEGMENTERS.register(
    label="plausibrain's network, answering at 2 mm",
    source=("Billot2023",),
    methods="Regional volumes come from the built-in segmentation network, which was trained by domain "
    "randomisation as proposed for SynthSeg [@Billot2023], in voxels of 2 mm.",
)
def synthseg_style_2mm(image: Volume, *, device: str = "cpu", parcels: bool = False) -> Segmentation:
    """Segment an image into 32 structures with the shipped network, in voxels of 2 mm.

    Parameters
    ----------
    image : Volume, (I, J, K)
        Any orientation, voxel size and intensity scale; with or without skull.
    device : str
        Where the network runs.
    parcels : bool
        Also the volumes of the 68 Desikan-Killiany parcels of the cortex.

    Returns
    -------
    Segmentation
        Labels on the grid of ``image``; soft volumes; predicted Dice per group; topology.
    """
    return segment_at(image, 2, name=NAME, device=device, parcels=parcels)


def version(*, parcels: bool = False) -> str:
    """Return the first digits of the SHA-256 of weights and calibrations; in the key of what is stored."""
    return synthseg_style.version(2, parcels=parcels)
