"""What a page calls the measures of image quality: labels and units from the run's own catalogue."""

import pandas as pd

from plausibrain.reports.run_folder import Run

#: Rows of these quantities are in the unit of the measure itself.
OWN_UNIT = ("quality_mean",)


def with_measure_labels(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose structure is a measure under the label of that measure; others as they are.

    Parameters
    ----------
    run : Run
    rows : DataFrame
        Columns of ``results.tsv``.
    """
    names = run.table("measure_names")
    if names.empty or rows.empty:
        return rows
    catalogue = names.set_index("name")
    is_measure = rows.structure.isin(catalogue.index)
    labels = rows.structure.map(catalogue.label).where(is_measure, rows.structure)
    own = is_measure & rows.quantity.isin(OWN_UNIT)
    units = rows.structure.map(catalogue.unit).fillna("")
    with_unit = labels + (" (" + units + ")").where(units != "", "")
    return rows.assign(structure=labels.mask(own, with_unit), unit=rows.unit.mask(own, ""))


def measure_label(run: Run, name: str) -> str:
    """Return the label of a measure, or empty text for what is none."""
    names = run.table("measure_names")
    labels = names.loc[names.name == name, "label"]
    return "" if labels.empty else str(labels.iloc[0])
