"""What was assumed when the images of a cohort were imported, as notes of the cohort."""

from pathlib import Path

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.text_files import read_json

#: What `plausibrain import` writes beside the cohort.
RECORD = "import.json"


def import_notes(folder: Path) -> tuple[Note, ...]:
    """Return one note for each thing that was assumed; none for a folder that was not imported.

    Parameters
    ----------
    folder : Path
        Folder or table of a cohort.
    """
    try:
        content = read_json(folder / RECORD)
    except (FileNotFoundError, DataError):
        return ()
    remarks = content.get("remarks") if isinstance(content, dict) else None
    if not isinstance(remarks, list):
        return ()
    return tuple(Note("warning", "", None, "", f"assumed at import: {remark}") for remark in remarks)
