"""SVG that takes its colours and its font from the page, so that it fits light, dark and print.

Each figure is drawn twice, for a wide page and for a phone: a picture that is only made smaller has text that
nobody can read.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours that stand for those of the page; no figure is ever seen with them.
_COLOURS = {
    "#010101": "var(--ink)",
    "#020202": "var(--quiet)",
    "#030303": "var(--line)",
    "#040404": "var(--accent)",
}
INK, QUIET, LINE, ACCENT = _COLOURS
WIDE, NARROW = 860, 350  # CSS pixels
SIZE = 14  # of text
_DPI = 72  # one point is one pixel
_METADATA = ("Creator", "Date", "Format", "Type")


def both(draw: Callable[[int], str]) -> str:
    """The figures that ``draw`` makes for the two widths, of which the page shows one."""
    return "".join(
        f'<div class="{name}">{draw(width)}</div>' for name, width in (("wide", WIDE), ("narrow", NARROW))
    )


def picture(
    title: str, size: tuple[float, float], margins: tuple[float, float], draw: Callable[[Axes], Any]
) -> str:
    """A figure as SVG.

    Args:
      title: read aloud in the place of the figure.
      size: width and height in CSS pixels.
      margins: left of the axes, and below them.
      draw: draws into the axes, which reach to 24 pixels from the right edge and to the top.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    (width, height), (left, below) = size, margins
    # A salt of its own keeps identifiers apart that stand on one page.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": f"{title}{width}", "font.size": SIZE}):
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        FigureCanvasSVG(figure)
        figure.patch.set_visible(False)
        axes = figure.add_axes(
            (left / width, below / height, 1.0 - (left + 24) / width, 1.0 - below / height)
        )
        axes.patch.set_visible(False)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(LINE)
        draw(axes)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata=dict.fromkeys(_METADATA))
    return _for_page(out.getvalue(), title)


def write(axes: Axes, text: str, place: tuple[float, float], shift: tuple[float, float], **how: Any) -> None:
    """Writes a text at a height in data and a width in shares of the axes, shifted by pixels."""
    axes.annotate(
        text,
        place,
        xycoords=("axes fraction", "data"),
        xytext=shift,
        textcoords="offset points",
        color=INK,
        parse_math=False,
        annotation_clip=False,
        **how,
    )


def cut(text: str, width: float) -> str:
    """The text, cut to so many pixels."""
    most = max(4, int(width / (SIZE * 0.55)))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _for_page(svg: str, title: str) -> str:
    """The picture alone, in the page's colours and font: no XML heading, no metadata, no style for the whole
    page.
    """
    from markupsafe import escape

    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ?([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    svg = re.sub(r"font-family: ?[^;\"]*;?", "", svg)
    # Each picture names its parts alike, and nothing refers to them.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    for stand_in, colour in _COLOURS.items():
        svg = svg.replace(stand_in, colour)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)
    return re.sub(r"\s*\n\s*", "\n", svg)
