"""What a figure is: a function of a table and an axes, a selection of rows, and a description in words.

A figure file in `plausibrain.reports.figures` registers itself with `figure`. Each panel becomes its own
SVG, so that the page arranges panels as its width allows.
"""

from collections.abc import Callable, Hashable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from plausibrain.cohorts.registry import Plugin, Registry
from plausibrain.reports.run_folder import Run
from plausibrain.reports.svg import PIXELS_PER_INCH, drawing, to_svg

Draw = Callable[..., Axes]
Select = Callable[[Run], pd.DataFrame]
Describe = Callable[[pd.DataFrame], str]
Size = Callable[[pd.DataFrame], tuple[float, float]]
#: Panels that were plotted for the page, by the name of their file, until they are saved as files too.
Plots = MutableMapping[str, Figure]


@dataclass(frozen=True, kw_only=True)
class FigurePlugin(Plugin):
    """A figure.

    Parameters
    ----------
    label : str
        Title above the figure.
    question : int
        Number of the question whose section shows it; 0 for the section on what was done.
    order : int
        Place among the figures of its question.
    select : callable
        Picks from a run the rows to plot; an empty table means that there is nothing to show.
    describe : callable
        Says what one panel shows, with numbers: the text for readers who do not see it.
    size : callable
        Width and height of a panel, CSS pixels.
    caption : str
        How to read the figure.
    panel : str
        Column with one value per panel; empty for a single panel.
    key : {"", "cohorts", "verdicts"}
        Which key of colours and shapes stands above the panels.
    layout : {"constrained", "compressed"} or None
        None when the function places its axes itself.
    """

    question: int
    order: int
    select: Select
    describe: Describe
    size: Size
    caption: str
    panel: str = ""
    key: str = ""
    layout: Literal["constrained", "compressed"] | None = "constrained"


FIGURES = Registry("figures", FigurePlugin)
figure = FIGURES.register


@dataclass(frozen=True)
class Drawn:
    """A figure ready for the page."""

    name: str
    label: str
    caption: str
    key: str
    panels: tuple[Markup, ...]


def figures_of(run: Run, question: int, plots: Plots | None = None) -> list[Drawn]:
    """Draw the figures of one question that the run has numbers for, in order.

    Parameters
    ----------
    run : Run
    question : int
        0 for the section on what was done.
    plots : mapping, optional
        Where the panels are left for `panel_figures`, which then need not be plotted twice.
    """
    plugins = FIGURES.discover("plausibrain.reports.figures")
    candidates = [plugin for plugin in plugins if plugin.question == question]
    figures = (_drawn(plugin, run, plots) for plugin in sorted(candidates, key=lambda p: (p.order, p.name)))
    return [figure for figure in figures if figure.panels]


def _drawn(plugin: FigurePlugin, run: Run, plots: Plots | None) -> Drawn:
    tables = list(_split(plugin.select(run), plugin.panel))
    panels = []
    for place, table in enumerate(tables):
        with drawing(name := f"{plugin.name}-{place}"):
            canvas = _plotted(plugin, table)
            panels.append(to_svg(canvas, name=name, title=plugin.describe(table)))
        if plots is not None:
            plots[panel_file(plugin.name, place, len(tables))] = canvas
    return Drawn(plugin.name, plugin.label, plugin.caption, plugin.key, tuple(panels))


def _split(table: pd.DataFrame, column: str) -> Iterator[pd.DataFrame]:
    """Rows of each panel, in the order in which the panels first occur."""
    if table.empty:
        return
    if not column:
        yield table
        return
    groups: dict[Hashable, pd.DataFrame] = dict(iter(table.groupby(column, sort=False)))
    yield from groups.values()


def _plotted(plugin: FigurePlugin, table: pd.DataFrame) -> Figure:
    width, height = plugin.size(table)
    canvas = Figure((width / PIXELS_PER_INCH, height / PIXELS_PER_INCH), layout=plugin.layout)
    FigureCanvasSVG(canvas)
    plugin.function(table, ax=canvas.add_subplot())
    return canvas


def panel_figures(plugin: FigurePlugin, run: Run, plots: Plots | None = None) -> Iterator[tuple[str, Figure]]:
    """Yield every panel of a figure under the name of its file; the caller saves it before the next one.

    Parameters
    ----------
    plugin : FigurePlugin
    run : Run
    plots : mapping, optional
        Panels that `figures_of` left; each is taken out.
    """
    tables = list(_split(plugin.select(run), plugin.panel))
    for place, table in enumerate(tables):
        name = panel_file(plugin.name, place, len(tables))
        with drawing(name):
            canvas = plots.pop(name) if plots and name in plots else _plotted(plugin, table)
            for artist in canvas.findobj():
                artist.set_gid(None)  # a tooltip, which only the page reads
            yield name, canvas


def panel_file(name: str, place: int, n_panels: int) -> str:
    """Name of the file of a panel, without its ending."""
    return name if n_panels == 1 else f"{name}-{place + 1}"
