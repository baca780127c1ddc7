"""The page of a training: curves and validation samples, one self-contained HTML file."""

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from plausibrain.cohorts.store import write_text_atomic
from plausibrain.generation.training.state import Row

WIDTH, HEIGHT, LEFT, BOTTOM = 420, 180, 56, 22
Picture = tuple[str, np.ndarray]

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;color:#222}"
    "figure{display:inline-block;margin:0 1rem 1rem 0}figcaption{font-size:.85em;color:#555}"
    "svg text{font-size:11px;fill:#555}img{background:#000;image-rendering:pixelated}"
)


def write_page(
    path: Path,
    *,
    title: str,
    facts: Mapping[str, object],
    histories: Mapping[str, Sequence[Row]],
    pictures: Mapping[str, Sequence[Picture]],
) -> Path:
    """Write the page.

    Parameters
    ----------
    path : Path
    title : str
    facts : mapping
        What was trained on what; shown as a list.
    histories : mapping of str to sequence of dict
        Stage to rows of its curves.
    pictures : mapping of str to sequence of (str, ndarray)
        Stage to captions and volumes (I, J, K), shown as three middle slices.

    Returns
    -------
    Path
    """
    parts = [f"<h1>{html.escape(title)}</h1>", _list(facts)]
    for stage, rows in histories.items():
        parts.append(f"<h2>{html.escape(stage)}</h2>")
        parts += [_picture(caption, volume) for caption, volume in pictures.get(stage, ())]
        parts += [_curve(name, points) for name, points in curves(rows).items()]
    page = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return write_text_atomic(
        path, f'<!doctype html><html lang="en"><head>{head}</head><body>{page}</body></html>'
    )


def curves(rows: Sequence[Row]) -> dict[str, list[tuple[float, float]]]:
    """Return the points (step, value) of each quantity that rows hold."""
    series: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for name, value in row.items():
            if name != "step" and math.isfinite(value):
                series.setdefault(name, []).append((row["step"], value))
    return series


def _list(facts: Mapping[str, object]) -> str:
    items = (f"<li>{html.escape(str(k))}: {html.escape(str(v))}</li>" for k, v in facts.items())
    return f"<ul>{''.join(items)}</ul>"


def _curve(name: str, points: Sequence[tuple[float, float]]) -> str:
    x = np.array([point[0] for point in points])
    y = np.array([point[1] for point in points])
    low, high = float(y.min()), float(y.max())
    span, length = (high - low) or 1.0, float(x.max()) or 1.0
    across = LEFT + x / length * (WIDTH - LEFT - 8)
    down = 8 + (high - y) / span * (HEIGHT - BOTTOM - 8)
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))
    labels = (
        f'<text x="{LEFT - 4}" y="14" text-anchor="end">{high:.3g}</text>'
        f'<text x="{LEFT - 4}" y="{HEIGHT - BOTTOM}" text-anchor="end">{low:.3g}</text>'
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 6}" text-anchor="end">step {x.max():.0f}</text>'
    )
    return (
        f'<figure><svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{html.escape(name)}">'
        f'<polyline points="{line}" fill="none" stroke="#0b62a4" stroke-width="1.5"/>{labels}</svg>'
        f"<figcaption>{html.escape(name)}: {y[-1]:.4g}</figcaption></figure>"
    )


def _picture(caption: str, volume: np.ndarray) -> str:
    content = base64.b64encode(middle_slices(volume)).decode("ascii")
    return (
        f'<figure><img alt="{html.escape(caption)}" src="data:image/png;base64,{content}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def middle_slices(volume: np.ndarray) -> bytes:
    """Return a PNG of the three middle slices, 0 black and 1 white; superior and anterior are up."""
    from matplotlib.image import imsave

    size = max(volume.shape)
    planes = [np.take(volume, volume.shape[axis] // 2, axis=axis).T[::-1] for axis in range(3)]
    tiles = [np.pad(p, ((0, size - p.shape[0]), (0, size - p.shape[1]))) for p in planes]
    stream = io.BytesIO()
    image = np.clip(np.nan_to_num(np.concatenate(tiles, axis=1)), 0, 1)
    imsave(stream, image, cmap="gray", vmin=0, vmax=1, format="png")
    return stream.getvalue()
