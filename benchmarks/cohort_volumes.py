"""The volumes of a cohort that a benchmark cannot do without."""

import pandas as pd

from plausibrain.cohorts.cohort import Cohort


def volumes_of(cohort: Cohort) -> pd.DataFrame:
    """Return the volumes of a cohort, mm3; end the program where it has none."""
    if cohort.volumes is None:
        raise SystemExit(f"{cohort.name}: expected a cohort with volumes, but {cohort.source} has none")
    return cohort.volumes
