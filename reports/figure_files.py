"""Every figure of a run as SVG, PNG and PDF files, with literal colours on white."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from plausibrain.cohorts.store import write_atomic
from plausibrain.reports.figure import FIGURES, Plots, panel_figures
from plausibrain.reports.run_folder import Run

FORMATS = ("svg", "png", "pdf")
PNG_DPI = 150
FOLDER = "figures"

Progress = Callable[[str, int, int], None]


def write_figures(
    run: Run,
    folder: Path,
    progress: Progress | None = None,
    *,
    formats: Sequence[str] = FORMATS,
    plots: Plots | None = None,
) -> list[Path]:
    """Write every panel of every figure that the run has numbers for.

    Parameters
    ----------
    run : Run
    folder : Path
        Created when absent. Files are named after the figure, numbered where it has several panels.
    progress : callable, optional
        Called as `progress(what, done, of)`.
    formats : sequence of str
        Endings, of `FORMATS`.
    plots : mapping, optional
        Panels that were plotted for the page; see `plausibrain.reports.figure.figures_of`.

    Returns
    -------
    list of Path
        The files, in the order of the page.
    """
    FIGURES.discover("plausibrain.reports.figures")
    paths = []
    plugins = sorted(FIGURES, key=lambda p: (p.question, p.order, p.name))
    for place, plugin in enumerate(plugins):
        if progress is not None:
            progress(f"figure: {plugin.label}", place, len(plugins))
        for name, figure in panel_figures(plugin, run, plots):
            paths += [_write(figure, folder / f"{name}.{form}") for form in formats]
    return paths


def _write(figure: Figure, path: Path) -> Path:
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[path.suffix[1:]]

    def save(target: Path) -> None:
        figure.savefig(
            target, format=path.suffix[1:], dpi=PNG_DPI, facecolor="white",
            metadata=metadata,
        )  # fmt: skip
        figure.set_layout_engine("none")  # the same places in every format

    return write_atomic(path, save)
