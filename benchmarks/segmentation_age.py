"""Does the bias of the segmenter change with age? On simulated subjects of 18 to 90, whose volumes are known."""

import numpy as np
import pandas as pd

from makers.measure_age_bias import BANDS, LIMIT_PERCENT, age_biases, bias_table, simulated_subjects
from plausibrain.cohorts.store import Store


def age_section(store: Store) -> list[str]:
    """Return the lines of the section: bias by age band, its change per decade, and what follows."""
    table = bias_table(simulated_subjects(), store)
    slopes = age_biases(table)
    lines = ["## Age", ""]
    for segmenter, part in table.groupby("segmenter", sort=False):
        counts = part.groupby("band", observed=False)["subject"].nunique()
        lines += [
            f"`{segmenter}`: {part['subject'].nunique()} simulated subjects "
            f"({', '.join(f'{n} aged {band}' for band, n in counts.items())}), whose labels are exact. Bias of volume in %, left and right summed; a structure whose bias changes by more than {LIMIT_PERCENT:.0f} % per decade, and by more than chance, is withheld from question 4.", "",
            "| structure | " + " | ".join(BANDS) + " | change per decade, % (95 % interval) | r | withheld |",
            "|---|" + "---|" * (len(BANDS) + 3),
        ]  # fmt: skip
        for row in slopes[slopes["segmenter"] == segmenter].itertuples():
            own = part[part["region"] == row.region]
            means = [100 * np.expm1(own.loc[own["band"] == band, "log_ratio"].mean()) for band in BANDS]
            cells = " | ".join("" if np.isnan(mean) else f"{mean:+.0f}" for mean in means)
            lines.append(
                f"| {row.region} | {cells} | {row.slope:+.1f} ({row.low:+.1f} to {row.high:+.1f}) | {row.r:.2f} | {'yes' if row.withheld else ''} |"
            )
        lines.append("")
    return [*lines, _limits(table), ""]


def _limits(table: pd.DataFrame) -> str:
    n = table.groupby("segmenter")["subject"].nunique().min()
    return (
        "Scans of old subjects with manual labels are not among the test data: these are simulated images, whose contrast changes with age as published, "
        f"without white-matter lesions. With {n} subjects a change of a few percent per decade can stay unseen in small structures."
    )
