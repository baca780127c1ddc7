"""What other programs call the columns that describe a subject. Letter case and punctuation do not matter."""

import re
from collections.abc import Iterable

SYNONYMS: dict[str, tuple[str, ...]] = {
    "participant_id": (
        "participant_id", "participantid", "scan_id", "image_id", "bids_id", "subject_id", "subjectid",
        "sub_id", "subid", "subject", "subj_id", "subj", "sub", "src_subject_id", "eid", "ptid", "id",
        "participant", "person", "person_id", "measure_volume", "lh_aparc_volume", "rh_aparc_volume",
        "subjects", "filename", "file", "name",
    ),
    "subject": ("subject", "person", "person_id", "participant", "individual"),
    "age": (
        "age", "age_years", "age_in_years", "age_yrs", "age_y", "age_at_scan", "age_at_visit", "age_at_mri",
        "scan_age",
    ),
    "age_months": ("age_months", "age_in_months", "age_mo"),
    "sex": ("sex", "gender", "sex_at_birth", "biological_sex"),
    "site": ("site", "site_id", "scanner", "scanner_id", "center", "centre", "acquisition_site"),
    "diagnosis": ("diagnosis", "dx", "group", "diagnostic_group", "dx_group", "clinical_group"),
    "session": (
        "session", "session_id", "visit", "visit_id", "timepoint", "time_point", "wave", "run", "run_id",
        "ses",
    ),
    "seed": ("seed", "noise_seed", "random_seed", "sample_seed"),
    "requested_age": ("requested_age", "prompt_age", "age_requested"),
    "requested_sex": ("requested_sex", "prompt_sex", "prompt_gender", "sex_requested"),
    "requested_ventricle_mm3": (
        "requested_ventricle_mm3", "prompt_ventricular_volume", "requested_ventricular_volume",
    ),
    "requested_brain_mm3": ("requested_brain_mm3", "requested_brain_volume"),
    # prompt_…: published samples, whose requests are field 25009 of the UK Biobank
    "requested_brain_normalised_mm3": (
        "requested_brain_normalised_mm3", "prompt_brain_volume",
    ),
    "status": ("status",),
    "reason": ("reason",),
}  # fmt: skip
"""Column of `Cohort.subjects` -> its names in use, the preferred one first."""

UNNAMED = ("", "unnamed_0", "index")
"""Names of a first column that pandas and R leave behind: it holds the ids when nothing else does."""


def plain(name: str) -> str:
    """Bring a header to lower case with single underscores.

    Parameters
    ----------
    name : str
        Any header.

    Returns
    -------
    str

    Examples
    --------
    >>> plain("Age (years)")
    'age_years'
    """
    return re.sub(r"[^0-9a-z]+", "_", str(name).casefold()).strip("_")


def find_columns(header: Iterable[str]) -> dict[str, str]:
    """Find which column of a table holds what.

    Parameters
    ----------
    header : iterable of str
        Names of all columns, in order.

    Returns
    -------
    dict of str to str
        Column of `Cohort.subjects` -> header. A column serves one purpose only: ``participant`` is the
        subject where another column names the scan, and the id where none does.
    """
    names = [str(name) for name in header]
    by_plain: dict[str, str] = {}
    for name in names:
        if name.strip() != "SES":  # socioeconomic status, as OASIS and ADNI call it
            by_plain.setdefault(plain(name), name)
    columns: dict[str, str] = {}
    for purpose, synonyms in SYNONYMS.items():
        free = (by_plain[s] for s in synonyms if s in by_plain and by_plain[s] not in columns.values())
        match = next(free, None)
        if match is not None:
            columns[purpose] = match
    if "participant_id" not in columns and names and plain(names[0]) in UNNAMED:
        columns["participant_id"] = names[0]
    return columns


def is_text_column(name: str) -> bool:
    """Whether a column describes subjects, so that its text must be kept as it stands (``007`` is an id).

    Parameters
    ----------
    name : str
        A header.

    Returns
    -------
    bool
    """
    return plain(name) in _ALL


_ALL = frozenset(name for names in SYNONYMS.values() for name in names) | frozenset(UNNAMED)
