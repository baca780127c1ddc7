"""How folded every cortical parcel typically is: means that come with the package.

Measured by `plausibrain.evaluation.cortical_geometry` on the label maps of the SynthSeg repository
(Billot et al. 2023, key Billot2023; Apache 2.0) after `plausibrain.evaluation.parcel_labels` had divided
their cortex; `makers/typical_geometry.py` makes the table. It stands in where a reference has volumes of
parcels but no label maps: which parcels are more folded than others is a property of the species more than
of a cohort.
"""

from functools import cache
from importlib.resources import as_file, files

import pandas as pd

from plausibrain.cohorts.schemas import GEOMETRY
from plausibrain.cohorts.tables import read_table

TABLE = "typical_geometry.tsv"


@cache
def _table() -> pd.DataFrame:
    with as_file(files("plausibrain.cohorts") / TABLE) as path:
        return read_table(path, GEOMETRY)


def typical_geometry() -> pd.DataFrame:
    """Return the typical geometry of the 68 parcels, columns of `plausibrain.cohorts.schemas.GEOMETRY`."""
    return _table().copy()
