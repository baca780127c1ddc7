"""Text to take away: methods and results in Markdown and LaTeX, and the papers they cite as BibTeX."""

import re
from importlib.metadata import version
from pathlib import Path

from plausibrain.cohorts.store import write_text_atomic
from plausibrain.reports.findings import Finding, answer, biases, faults, unjudged
from plausibrain.reports.formatting import as_sentence
from plausibrain.reports.methods import Paragraph, methods
from plausibrain.reports.references import CITATION, Bibliography, bibtex
from plausibrain.reports.run_folder import Run

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
    "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": "$-$", "±": r"$\pm$",
    "×": r"$\times$", "²": "$^2$", "³": "$^3$", "⁻": "$^{-}$", "⁴": "$^4$", "\u00a0": "~", "\u202f": r"\,",
    "“": "``", "”": "''", "’": "'", "–": "--", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


def write_texts(run: Run, folder: Path) -> list[Path]:
    """Write ``methods.md``, ``methods.tex`` and ``references.bib``.

    Parameters
    ----------
    run : Run
    folder : Path

    Returns
    -------
    list of Path
        The files. The two methods files cite the same keys, and the bibliography holds exactly those.
    """
    paragraphs = [*methods(run), software(run), Paragraph("Results", results_paragraph(run))]
    bibliography = Bibliography()
    for paragraph in paragraphs:
        bibliography.pieces(paragraph.text)
    texts = {
        "methods.md": markdown(paragraphs),
        "methods.tex": latex(paragraphs),
        "references.bib": bibtex(reference.key for reference in bibliography.cited),
    }
    return [write_text_atomic(folder / name, text) for name, text in texts.items()]


def software(run: Run) -> Paragraph:
    """Name the version and the protocol of a run."""
    fingerprint = str(run.scorecard.get("fingerprint") or "")
    protocol = f" with protocol fingerprint {fingerprint[:12]}" if fingerprint else ""
    return Paragraph(
        "Software", f"The analysis was made with plausibrain {version('plausibrain')}{protocol}."
    )


def results_paragraph(run: Run) -> str:
    """Write the results of a run as one paragraph, with the numbers of the first screen."""
    name = str(run.scorecard.get("name") or "The generated cohort")
    parts = [f"{name}: {_lower(answer(run.scorecard))}."]
    structures, rest = biases(run), faults(run)
    if structures:
        parts.append(as_sentence(f"Largest differences by structure: {_phrases(structures)}"))
    if rest:
        parts.append(as_sentence(f"Headline metrics: {_phrases(rest)}"))
    parts += [as_sentence(f"{u.names}: {u.state} ({u.reason})") for u in unjudged(run)]
    return " ".join(parts)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _phrases(findings: list[Finding]) -> str:
    return "; ".join(f"{f.name}, {f.text}{f' [{f.verdict}]' if f.verdict else ''}" for f in findings)


def markdown(paragraphs: list[Paragraph]) -> str:
    """Write paragraphs as Markdown with Pandoc citations."""
    return "\n\n".join(f"## {p.title}\n\n{p.text}" for p in paragraphs) + "\n"


def latex(paragraphs: list[Paragraph]) -> str:
    r"""Write paragraphs as LaTeX with ``\cite`` commands, to be included in a document.

    Examples
    --------
    >>> print(latex([Paragraph("Estimates", "Hedges’ g [@Hedges1981] at 5 %.")]), end="")
    \paragraph{Estimates} Hedges' g~\cite{Hedges1981} at 5 \%.
    """
    return "\n\n".join(rf"\paragraph{{{_escaped(p.title)}}} {_latex_text(p.text)}" for p in paragraphs) + "\n"


def _latex_text(text: str) -> str:
    pieces = CITATION.split(text)
    return "".join(_escaped(piece) if i % 2 == 0 else _cite(piece) for i, piece in enumerate(pieces))


def _cite(keys: str) -> str:
    names = ",".join(re.findall(r"@(\w+)", keys))
    return rf"~\cite{{{names}}}"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
