"""The Python interface: read, segment, generate, evaluate, compare and check, with results as tables.

import plausibrain as pb

reference = pb.read_cohort("ixi_synthseg.csv", sex_coding="1=M,0=F")
generated = pb.read_cohort(frame, name="my model")  # a DataFrame works as well
result = pb.evaluate(reference, generated)
result.verdict, result.headlines, result.structures
result.save("runs/my_model")
"""

import os
import tempfile
import time
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.cohort import read_cohort as _read_files
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.frames import cohort_from_frame, cohort_from_images
from plausibrain.cohorts.participant_columns import is_text_column
from plausibrain.cohorts.raw_tables import read_raw_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from plausibrain.reports.check.check import CheckResult
    from plausibrain.reports.run_folder import Run

PathLike = str | os.PathLike[str]


def read_cohort(
    source: "PathLike | pd.DataFrame | Sequence[PathLike]",
    *,
    participants: "PathLike | pd.DataFrame | None" = None,
    name: str | None = None,
    **options: Any,
) -> Cohort:
    """Read a cohort from files, from a table in memory, or from a list of images.

    Parameters
    ----------
    source : path-like, DataFrame, or sequence of path-like
        A BIDS folder, a folder of images with a table, a table of volumes; the same table as a DataFrame; or
        NIfTI files.
    participants : path-like or DataFrame, optional
        Ages and sexes where they lie elsewhere; for a list of images a DataFrame.
    name : str, optional
        What the report calls the cohort.
    **options
        As in `plausibrain.cohorts.cohort.read_cohort`: ``sex_coding``, ``age_unit``, ``volume_unit``,
        ``repeats``, ``segmenter``; for files also ``images``, ``volumes``, ``qc``, ``encoding``.

    Returns
    -------
    Cohort

    Raises
    ------
    DataError
        Whenever something is missing, broken or ambiguous; says where, what came and what to do.

    Examples
    --------
    >>> frame = pd.DataFrame({"id": ["a", "b"], "age": [60, 70], "sex": ["F", "M"], "Brain-Stem": [2e4, 2e4]})
    >>> read_cohort(frame, name="two").structures
    ('Brain-Stem',)
    """
    if isinstance(source, pd.DataFrame):
        return cohort_from_frame(source, name=name or "cohort", **options)
    if isinstance(source, str | os.PathLike):
        if isinstance(participants, pd.DataFrame):
            raise DataError("give participants as a file when the cohort is one, or all images as a list")
        return _read_files(source, participants=participants, name=name, **options)
    if isinstance(participants, str | os.PathLike):
        participants = read_raw_table(participants, is_text=is_text_column).frame
    return cohort_from_images(source, participants, name=name or "cohort", **options)


def segment(
    cohort: Cohort,
    out: PathLike | None = None,
    *,
    segmenter: str = "synthseg_style",
    n_processes: int = 1,
    **options: Any,
) -> Cohort:
    """Return the cohort with the volumes of its images, mm3.

    Parameters
    ----------
    cohort : Cohort
        With images.
    out : path-like, optional
        Folder for label maps and volumes, where a later call finds them; a temporary one if not given.
    segmenter : str
        As `plausibrain metrics` lists them.
    n_processes : int
    **options
        Of the segmenter.

    Raises
    ------
    DataError
        When the cohort has no images or the segmenter does not exist.
    """
    from plausibrain.imaging import segment as segment_images

    if cohort.images is None:
        raise DataError(f"{cohort.name}: has no images to segment; read it from a folder or a list of images")
    folder = Path(out) if out is not None else Path(tempfile.mkdtemp(prefix="plausibrain-"))
    return segment_images(cohort, folder, segmenter=segmenter, n_processes=n_processes, options=options)


def generate(
    model: str,
    conditions: "pd.DataFrame | Cohort | PathLike",
    out: PathLike,
    *,
    seed: int = 0,
    checkpoint: PathLike | None = None,
    **options: Any,
) -> Cohort:
    """Generate one image per row of conditions with a trained model, into a BIDS folder.

    Parameters
    ----------
    model : str
        As `plausibrain metrics` lists them, such as ``"ldm"``.
    conditions : DataFrame, Cohort or path-like
        Age in years, sex (``M``/``F``) and the model's volumes in mm3, one row per image; or a cohort whose
        subjects are requested.
    out : path-like
        Folder; images that lie there are kept.
    seed : int
        Image i depends on the checkpoint, row i and its seed alone.
    checkpoint : path-like, optional
        Folder; the checkpoint that comes with the package if not given.
    **options
        Of the model, such as ``steps=50``.
    """
    from plausibrain.generation.conditions import brain_column, conditions_resampled, reference_conditions
    from plausibrain.generation.sample_cohort import sample_cohort
    from plausibrain.models import load_model, read_conditions

    network = load_model(
        model, None if checkpoint is None else Path(checkpoint), {k: str(v) for k, v in options.items()}
    )
    if isinstance(conditions, Cohort):
        subjects = reference_conditions(conditions, brain=brain_column(network.conditions))
        rows = conditions_resampled(subjects, n=len(subjects), seed=seed)
    elif isinstance(conditions, pd.DataFrame):
        rows = conditions
    else:
        rows = read_conditions(Path(conditions), network.conditions, texts=getattr(network, "columns", ()))
    return sample_cohort(network, rows, out, seed=seed)


@dataclass(frozen=True, eq=False)
class Result:
    """What one evaluation says, as tables; pages and figures on request.

    Attributes
    ----------
    record : mapping
        Protocol with its fingerprint, versions, and what identifies the cohorts.
    scorecard : mapping
        Verdicts of the ten questions, as in ``scorecard.json``.
    tables : mapping of str to DataFrame
        Every table of the run, as `docs/architecture.md` describes them.
    folder : Path or None
        Where it was saved or read.
    """

    record: Mapping[str, Any]
    scorecard: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    folder: Path | None = field(default=None)

    @property
    def verdict(self) -> str:
        """The overall verdict, such as pass, fail or inconclusive."""
        return str(self.scorecard["verdict"])

    @property
    def headlines(self) -> pd.DataFrame:
        """One row per headline metric: question, name, estimate, interval, split-half reference, verdict."""
        rows = []
        for question in self.scorecard["questions"]:
            for entry in question["headlines"]:
                null = entry.get("null") or {}
                rows.append(
                    {
                        "question": question["number"],
                        **{key: entry.get(key) for key in _HEADLINE_COLUMNS},
                        "split_half": null.get("median"),
                        "verdict": entry["verdict"],
                        "reason": entry.get("reason", ""),
                    }
                )
        return pd.DataFrame(rows)

    @property
    def questions(self) -> pd.DataFrame:
        """One row per question: number, name, verdict and the sentence that explains it."""
        columns = ("number", "name", "verdict", "sentence", "reason")
        return pd.DataFrame([{key: q.get(key, "") for key in columns} for q in self.scorecard["questions"]])

    @property
    def structures(self) -> pd.DataFrame:
        """Estimates per structure: the rows of the results table that name one."""
        results = self.tables["results"]
        return results[results["structure"].fillna("") != ""].reset_index(drop=True)

    @property
    def subjects(self) -> pd.DataFrame:
        """Subjects of both cohorts with status and reason of exclusion."""
        return self.tables["subjects"]

    def plot(self, name: str) -> "list[Figure]":
        """Return the panels of a figure of the report, for example ``"size_forest"``.

        Raises
        ------
        DataError
            When there is no figure of that name; the message lists them.
        """
        from plausibrain.reports.figure import FIGURES, panel_figures

        plugin = FIGURES.discover("plausibrain.reports.figures")[name]
        return [canvas for _, canvas in panel_figures(plugin, self._run())]

    def methods(self) -> str:
        """Return the methods section of a paper: what was done, with version, protocol and n."""
        from plausibrain.reports.methods import methods

        return "\n\n".join(paragraph.text for paragraph in methods(self._run()))

    def save(self, folder: PathLike) -> Path:
        """Write the run folder with its tables and report; return the report.

        `load_run`, `compare` and the command line read the folder.
        """
        from plausibrain.pipeline import write_tables
        from plausibrain.reports.report import write_report

        target = Path(folder)
        write_tables(target, dict(self.tables), dict(self.scorecard), dict(self.record))
        return write_report(target)

    def open_in_browser(self) -> Path:
        """Show the report in a browser; it is saved into a temporary folder where it has none."""
        page = self.folder / "report.html" if self.folder is not None else None
        if page is None or not page.is_file():
            page = self.save(tempfile.mkdtemp(prefix="plausibrain-"))
        webbrowser.open(page.resolve().as_uri())
        return page

    def _run(self) -> "Run":
        from plausibrain.reports.run_folder import Run

        return Run(self.folder or Path(), self.record, self.scorecard, dict(self.tables))

    def _repr_html_(self) -> str:
        from html import escape

        table = self.questions[["number", "name", "verdict"]].to_html(index=False, escape=True)
        return f"<p><strong>{escape(str(self.scorecard['sentence']))}</strong></p>{table}"


_HEADLINE_COLUMNS = ("name", "label", "estimate", "ci_low", "ci_high", "unit", "n_reference", "n_generated")


def evaluate(
    reference: Cohort,
    generated: Cohort,
    settings: Settings | None = None,
    *,
    training: Cohort | None = None,
    independent: Cohort | None = None,
    name: str | None = None,
) -> Result:
    """Compare the volumes of a generated cohort with those of a reference, in memory.

    Image quality, distances of image features and copies need images and files: they are part of
    `plausibrain run`, whose folder `load_run` reads.

    Parameters
    ----------
    reference, generated : Cohort
        With volumes; `segment` measures images.
    settings : Settings, optional
    training : Cohort, optional
        Subjects that the generator was trained on.
    independent : Cohort, optional
        Patients and controls (column `diagnosis`), for accelerated ageing.
    name : str, optional
        Title of the report; the name of the generated cohort if not given.

    Returns
    -------
    Result

    Raises
    ------
    DataError
        When a cohort has no volumes, or the two cannot be compared.
    """
    from plausibrain.analysis.analyse import analyse
    from plausibrain.pipeline import record_of

    for role, cohort in (("reference", reference), ("generated", generated)):
        if cohort.volumes is None:
            raise DataError(f"the {role} cohort {cohort.name!r} has no volumes; call segment(cohort) first")
    start = time.monotonic()
    analysis = analyse(reference, generated, settings, training=training, independent=independent)
    record = record_of(
        analysis,
        reference,
        generated,
        name=name or generated.name,
        seconds=time.monotonic() - start,
        config={},
    )
    names = {key: record[key] for key in ("name", "fingerprint", "reference", "generated")}
    return Result(record, {**names, **analysis.scorecard}, analysis.tables)


def load_run(folder: PathLike) -> Result:
    """Read a run folder that `Result.save` or ``plausibrain run`` wrote.

    Raises
    ------
    DataError
        When the folder is none, or was written by another version.
    """
    from plausibrain.cohorts.schemas import SCHEMAS
    from plausibrain.reports.run_folder import read_run

    run = read_run(Path(folder))
    names = {path.stem for path in (run.path / "tables").iterdir() if path.suffix in (".tsv", ".parquet")}
    tables = {name: run.table(name) for name in SCHEMAS if name in names}
    return Result(run.record, run.scorecard, tables, run.path)


def compare(runs: Sequence[Result | PathLike], out: PathLike | None = None) -> dict[str, pd.DataFrame]:
    """Compare two or more runs of one protocol; differences are against the first.

    Parameters
    ----------
    runs : sequence of Result or path-like
    out : path-like, optional
        Folder for the page ``compare.html`` and the tables; a temporary one if not given.

    Returns
    -------
    dict of str to DataFrame
        ``compare`` (every headline of every pair), ``ranks`` and ``moved`` (structures).
    """
    from plausibrain.reports.compare.compare import compare_runs

    target = Path(out) if out is not None else Path(tempfile.mkdtemp(prefix="plausibrain-"))
    compare_runs([_folder_of(run) for run in runs], target)
    return {path.stem: pd.read_csv(path, sep="\t") for path in sorted(target.glob("*.tsv"))}


def check(run: Result | PathLike, baseline: Result | PathLike) -> "CheckResult":
    """Check a run against a baseline with the rules that are shipped.

    Returns
    -------
    CheckResult
        With ``status``, ``exit_code`` (0 pass, 1 fail, 3 inconclusive or missing), ``rows`` and ``text``.
    """
    from plausibrain.reports.check.check import check_run

    return check_run(_folder_of(run), baseline=_folder_of(baseline))


def _folder_of(run: Result | PathLike) -> Path:
    if not isinstance(run, Result):
        return Path(run)
    if run.folder is None:
        folder = Path(tempfile.mkdtemp(prefix="plausibrain-"))
        run.save(folder)
        return folder
    return run.folder
