"""Measures of image quality as a vector: noise, contrast, sharpness and texture, and no anatomy.

What the Fréchet radiomics distance does with texture features, here with measures that mean something to
subjects who scan.
"""

import numpy as np
import pandas as pd

from plausibrain.evaluation.extraction import extractor


@extractor(label="Image quality measures")
def image_quality(measures: pd.DataFrame) -> np.ndarray:
    """Return the measures of every image, (n, k); the row of an image that lacks one is NaN.

    Parameters
    ----------
    measures : DataFrame, n rows
        One column per measure. A column that is missing in more than a tenth of the rows is left out: it
        has no meaning for these images.
    """
    columns = measures.loc[:, measures.isna().mean() <= 0.1]
    values = columns.to_numpy(dtype=float, copy=True)
    values[np.isnan(values).any(axis=1)] = np.nan
    return values
