"""Does the bias of the segmenter change with age? On simulated subjects of 18 to 90, whose volumes are known."""

import numpy as np
import pandas as pd

from makers.measure_age_bias import BANDS, LIMIT_PERCENT, age_biases, bias_table, simulated_subjects
from plausibrain.cohorts.store import Store


def age_section(store: Store) -> list[str]:
    """Return the lines of the section: bias by age band, its change per decade, and what follows."""
    table = bias_table(simulated_subjects(), store)
    lines = ["## Age", "", *_introduction(table), ""]
    for segmenter, part in table.groupby("segmenter", sort=False):
        counts = part.groupby("band", observed=False)["subject"].nunique()
        lines += [
            f"Bias of volume in %, `{segmenter}` ({', '.join(f'{n} aged {band}' for band, n in counts.items())}):", "",
            "| structure (left and right) | " + " | ".join(BANDS) + " |", "|---|" + "---|" * len(BANDS),
            *(f"| {region} | {' | '.join(_band_means(own))} |" for region, own in part.groupby("region", sort=False)), "",
        ]  # fmt: skip
    lines += [
        "| structure (left and right) | change of bias, % per decade (90 % interval) | r of measured and true volume | withheld |",
        "|---|---|---|---|",
    ]
    for row in age_biases(table).to_dict("records"):
        withheld = "yes" if row["withheld"] and row["region"] != "CSF" else ""
        lines.append(
            f"| {row['region']} | {row['slope']:+.1f} ({row['low']:+.1f} to {row['high']:+.1f}) | {row['r']:.2f} | {withheld} |"
        )
    return [*lines, ""]


def _introduction(table: pd.DataFrame) -> list[str]:
    n = table.groupby("segmenter")["subject"].nunique()
    return [
        f"Simulated subjects of 18 to 90 years, whose labels are exact ({', '.join(f'{count} at `{name}`' for name, count in n.items())}). Scans of old subjects with manual labels are not among the test data. These are simulated images, whose contrast changes with "
        f"age as published, without white-matter lesions. Both segmenters are one network and share the change per decade. A structure is withheld from question 4 unless its bias is shown to change by less than {LIMIT_PERCENT:.0f} % per decade; more subjects would resolve more of them.",
    ]


def _band_means(own: pd.DataFrame) -> list[str]:
    means = [100 * np.expm1(own.loc[own["band"] == band, "log_ratio"].mean()) for band in BANDS]
    return ["" if np.isnan(mean) else f"{mean:+.0f}" for mean in means]
