"""Compare a new run with a baseline and say whether anything got worse."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.reports.baseline import read_snapshot
from plausibrain.reports.check.junit import junit, junit_error
from plausibrain.reports.check.outcomes import CheckResult, judge
from plausibrain.reports.check.page import check_page
from plausibrain.reports.check.rules import read_rules
from plausibrain.reports.check.text import as_json, markdown, markdown_error, plain
from plausibrain.reports.compare.pairing import paired_correlations
from plausibrain.reports.compare.protocol import Pairing, pairing, require_same_protocol
from plausibrain.reports.run_folder import read_run

Writer = Callable[[CheckResult], str]
WRITERS: dict[str, Writer] = {
    "check.md": markdown,
    "check.xml": junit,
    "check.json": as_json,
    "check.txt": plain,
    "check.html": check_page,
}


def check_run(
    run: Path, *, baseline: Path, rules: Path | None = None, out: Path | None = None
) -> CheckResult:
    """Check a run against a baseline.

    Parameters
    ----------
    run : Path
        Run folder of the new checkpoint.
    baseline : Path
        Run folder, or a file that ``write_baseline`` wrote.
    rules : Path or None
        Rules file; None for the rules that are shipped.
    out : Path or None
        Folder for ``check.md``, ``check.xml`` (JUnit), ``check.html``, ``check.json`` and ``check.txt``; None
        writes nothing.

    Returns
    -------
    CheckResult
        With ``status``, ``exit_code`` (0 pass, 1 fail, 3 inconclusive or missing), ``rows``, ``text``.

    Raises
    ------
    DataError
        A file is missing or broken, a rule is wrong, or the protocols differ (the message lists the fields).
        With ``out``, ``check.md`` and ``check.xml`` then hold the message. The command line ends with 2.
    """
    try:
        result = _check(run, baseline, rules)
    except DataError as error:
        if out is not None:
            write_text_atomic(out / "check.md", markdown_error(str(error)))
            write_text_atomic(out / "check.xml", junit_error(run.name, str(error)))
            for name in ("check.json", "check.txt", "check.html"):
                (out / name).unlink(missing_ok=True)  # of an earlier check: it would contradict the others
        raise
    result = replace(result, text=plain(result), markdown=markdown(result))
    if out is None:
        return result
    files = tuple(write_text_atomic(out / name, writer(result)) for name, writer in WRITERS.items())
    return replace(result, files=files)


def _check(run: Path, baseline: Path, rules: Path | None) -> CheckResult:
    criteria = read_rules(rules)
    if not run.is_dir():
        raise DataError(f"expected a run folder to check, but got {run}")
    new, old = read_snapshot(run), read_snapshot(baseline)
    require_same_protocol(old, new)
    return judge(new, old, criteria, alike=_alike(run, baseline, pairing(old, new)))


def _alike(run: Path, baseline: Path, overlap: Pairing) -> dict[str, float]:
    """Correlation of the volumes of the same subjects in both runs; a baseline file has no volumes."""
    if not baseline.is_dir() or overlap.reference != "same" or overlap.generated != "same":
        return {}
    return paired_correlations(read_run(baseline), read_run(run))
