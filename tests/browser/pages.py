"""Every kind of page the project writes, made once for the tests of this folder."""

from pathlib import Path

import numpy as np

from plausibrain.analysis.settings import Settings
from plausibrain.config import RunConfig
from plausibrain.pipeline import run_cohorts
from plausibrain.reports.audit import write_audit_page
from plausibrain.reports.check.check import check_run
from plausibrain.reports.compare.compare import compare_runs
from plausibrain.reports.training import write_training_page
from tests.unit.analysis.factory import normal_cohort, with_volume
from tests.unit.reports.documents import audit_folder, training_folder

SETTINGS = {"n_resamples": 200, "n_splits": 40, "wasabi_repeats": 10}
N = 80


def write_pages(folder: Path) -> dict[str, Path]:
    """Return the reports of a sound and of a defective model, their comparison, and the others, by name."""
    reference, sound = normal_cohort(N, 1, name="reference"), normal_cohort(N, 2, name="sound")
    hippocampus = "Left-Hippocampus"
    smaller = 0.85 * sound.volumes[hippocampus].to_numpy()  # type: ignore[index]
    defective = with_volume(sound, hippocampus, np.asarray(smaller))
    pages = {}
    for name, generated in (("sound", sound), ("defective", defective)):
        source = {"path": folder / name}
        config = RunConfig.model_validate(
            {"reference": source, "generated": source, "out": folder / name, "name": name,
             "settings": Settings(**SETTINGS).model_dump()}
        )  # fmt: skip
        pages[name] = run_cohorts(reference, generated, config)
    pages["comparison"] = compare_runs([folder / "sound", folder / "defective"], folder / "comparison")
    check_run(folder / "defective", baseline=folder / "sound", out=folder / "check")
    pages["check"] = next((folder / "check").glob("*.html"))
    pages["training"] = write_training_page(training_folder(folder / "training"))
    pages["audit"] = write_audit_page(audit_folder(folder / "audit"))
    return pages
