"""The shipped atlas of parcels against volumes that FreeSurfer measured in other subjects.

Golden numbers: means over the 226 subjects of AOMIC-PIOP2 (OpenNeuro ds002790, CC0) and both hemispheres of
``lh.aparc.volume`` and ``rh.aparc.volume`` as FreeSurfer's aparcstats2table wrote them, rounded to mm3.
"""

import numpy as np

from plausibrain.cohorts.structures import structure
from plausibrain.evaluation.cortical_parcels import PARCELS, load_parcellation

MEAN_MM3 = {
    "bankssts": 2360, "caudalanteriorcingulate": 1994, "caudalmiddlefrontal": 6248, "cuneus": 3239,
    "entorhinal": 2242, "fusiform": 9441, "inferiorparietal": 13647, "inferiortemporal": 10447,
    "isthmuscingulate": 2668, "lateraloccipital": 12213, "lateralorbitofrontal": 7985, "lingual": 7027,
    "medialorbitofrontal": 5948, "middletemporal": 11396, "parahippocampal": 2136, "paracentral": 3820,
    "parsopercularis": 4425, "parsorbitalis": 2723, "parstriangularis": 4088, "pericalcarine": 2145,
    "postcentral": 9126, "posteriorcingulate": 3400, "precentral": 13444, "precuneus": 10243,
    "rostralanteriorcingulate": 2473, "rostralmiddlefrontal": 15762, "superiorfrontal": 23477,
    "superiorparietal": 12970, "superiortemporal": 12180, "supramarginal": 10948, "frontalpole": 1129,
    "temporalpole": 2430, "transversetemporal": 1135, "insula": 7587,
}  # fmt: skip


def test_shares_of_the_cortex_are_those_of_freesurfer() -> None:
    """A wrong order of columns or a turned template would not keep r above .97 over 34 parcels."""
    shipped = load_parcellation()
    cortex = shipped.template[0]
    ours = (shipped.network.atlas * cortex).sum((1, 2, 3)).numpy()
    names = [structure(label).region for label in PARCELS["left"]]
    theirs = np.array([MEAN_MM3[name] for name in names], float)
    ours, theirs = ours / ours.sum(), theirs / theirs.sum()
    assert np.corrcoef(ours, theirs)[0, 1] > 0.97
    assert np.median(np.abs(np.log(ours / theirs))) < 0.15
