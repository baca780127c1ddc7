"""Every figure of a run as SVG, PNG and PDF files, with literal colours on white."""

from pathlib import Path

from matplotlib.figure import Figure

from plausibrain.cohorts.store import write_atomic
from plausibrain.reports.figure import FIGURES, panel_figures
from plausibrain.reports.run_folder import Run

FORMATS = ("svg", "png", "pdf")
PNG_DPI = 150
FOLDER = "figures"


def write_figures(run: Run, folder: Path) -> list[Path]:
    """Write every panel of every figure that the run has numbers for.

    Parameters
    ----------
    run : Run
    folder : Path
        Created when absent. Files are named after the figure, numbered where it has several panels.

    Returns
    -------
    list of Path
        The files, in the order of the page.
    """
    FIGURES.discover("plausibrain.reports.figures")
    paths = []
    for plugin in sorted(FIGURES, key=lambda p: (p.question, p.order, p.name)):
        for name, figure in panel_figures(plugin, run):
            paths += [_write(figure, folder / f"{name}.{form}") for form in FORMATS]
    return paths


def _write(figure: Figure, path: Path) -> Path:
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[path.suffix[1:]]

    def save(target: Path) -> None:
        figure.savefig(
            target, format=path.suffix[1:], dpi=PNG_DPI, facecolor="white",
            metadata=metadata,
        )  # fmt: skip

    return write_atomic(path, save)
