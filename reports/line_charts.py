"""A line over steps or severities, with labelled axes and intervals where there are some."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from plausibrain.reports.figure import Drawn
from plausibrain.reports.formatting import bound
from plausibrain.reports.svg import GENERATED, INK_3, NARROW_PX, PIXELS_PER_INCH, drawing, thousands, to_svg

HEIGHT_PX = 210.0
#: So many points or fewer have a mark each.
MARKED = 25


@dataclass(frozen=True)
class Line:
    """A quantity over something.

    Attributes
    ----------
    title : str
        Above the panel.
    x, y : sequence of float
    low, high : sequence of float
        Ends of the intervals of `y`; empty where there are none.
    level : float or None
        A value of `y` to compare with.
    """

    title: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    level: float | None = None


def line_charts(
    name: str,
    label: str,
    lines: Sequence[Line],
    *,
    x_label: str | Sequence[str],
    y_label: str,
    caption: str = "",
    y_limits: tuple[float, float] | None = None,
) -> Drawn:
    """Plot each line in a panel of its own.

    Parameters
    ----------
    name : str
        Of the figure: prefix of its ids and files.
    label : str
    lines : sequence of Line
    x_label : str, or one for each line
    y_label : str
    caption : str
    y_limits : tuple of float, optional

    Returns
    -------
    Drawn
    """
    labels = [x_label] * len(lines) if isinstance(x_label, str) else list(x_label)
    panels = []
    for place, (line, below) in enumerate(zip(lines, labels, strict=True)):
        with drawing(key := f"{name}-{place}"):
            canvas = _plotted(line, below, y_label, y_limits)
            panels.append(to_svg(canvas, name=key, title=_description(line, below)))
    return Drawn(name, label, caption, "", tuple(panels))


def _plotted(line: Line, x_label: str, y_label: str, y_limits: tuple[float, float] | None) -> Figure:
    canvas = Figure((NARROW_PX / PIXELS_PER_INCH, HEIGHT_PX / PIXELS_PER_INCH), layout="constrained")
    FigureCanvasSVG(canvas)
    ax = canvas.add_subplot()
    ax.plot(line.x, line.y, color=GENERATED, marker="o" if len(line.x) <= MARKED else "", markersize=4)
    if len(line.low):
        ax.vlines(line.x, line.low, line.high, color=GENERATED, linewidth=1.2)
    if line.level is not None:
        ax.axhline(line.level, color=INK_3, linewidth=1, linestyle="--")
    if y_limits is not None:
        ax.set_ylim(*y_limits)
    ax.set_title(line.title)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    thousands(ax.xaxis, max(line.x, default=0.0))
    return canvas


def _description(line: Line, x_label: str) -> str:
    if not len(line.x):
        return f"{line.title}: no values"
    ends = f"{bound(line.y[0])} at {x_label} {bound(line.x[0])}"
    if len(line.x) > 1:
        ends += f", {bound(line.y[-1])} at {bound(line.x[-1])}"
    return f"{line.title}: {ends}"
