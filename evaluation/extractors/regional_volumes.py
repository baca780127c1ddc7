"""Volumes of structures as a vector: the space in which WASABI measures."""

import numpy as np
import pandas as pd

from plausibrain.cohorts.structures import TIV
from plausibrain.evaluation.extraction import extractor


@extractor(label="Regional volumes", source=("Jafrasteh2025",))
def regional_volumes(volumes: pd.DataFrame) -> np.ndarray:
    """Return volumes over head size, where it is known, in mm³ otherwise, (n, s).

    Parameters
    ----------
    volumes : DataFrame, n rows
        Structures, and ``TIV`` where it is known, mm³.
    """
    regions = volumes.drop(columns=[TIV], errors="ignore").to_numpy(dtype=float)
    return regions / volumes[[TIV]].to_numpy(dtype=float) if TIV in volumes else regions
