"""The figures of the page. Marks differ in shape as well as in colour."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from newsletter_bandit.reports.amounts import Amount, plain, share, whole
from newsletter_bandit.reports.svg import ACCENT, INK, LINE, QUIET, SIZE, WIDE, both, cut, picture, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW, _AXIS = 34, 44  # CSS pixels
_ABOVE = 14  # more for a row whose label stands above it
_CELL = 30  # height of a cell of a map
_FAR = 5.0  # parts of a bound; a longer bar is cut


@dataclass(frozen=True)
class Row:
    """One row of a figure: a label, and an interval around a value; ``own`` is drawn in the accent colour."""

    label: str
    amount: Amount
    own: bool = False


@dataclass(frozen=True)
class Pair:
    """One row of a figure: a label, and shares in [0, 1] before and after."""

    label: str
    before: float | None
    after: float | None


class Heat(NamedTuple):
    """One cell of a map: a share in [0, 1], None where it is next to none; and whether it lacks evidence."""

    share: float | None
    untested: bool


def intervals(rows: Sequence[Row], title: str, unit: str, zero: bool = False, may_cut: bool = True) -> str:
    """Values with their intervals, one below the other; a row without them stays empty.

    Args:
      rows: from top to bottom, at least one.
      title: read aloud in the place of the figure.
      unit: of the axis.
      zero: draws a line at 0, where differences change their sign; an interval that is much wider than the
        others is then cut, with an arrow at its end.
      may_cut: False shows every interval whole, with such a line too.
    """

    cut_off = zero and may_cut
    low, high = _limits([row.amount for row in rows]) if cut_off else (-math.inf, math.inf)

    def draw(axes: Axes) -> None:
        if zero:
            axes.axvline(0.0, color=QUIET, linewidth=1.2, zorder=1)
        for place, row in enumerate(rows):
            found = row.amount
            if found.value is None or found.low is None or found.high is None:
                continue
            colour = ACCENT if row.own else INK
            ends = [max(found.low, low), min(found.high, high)]
            axes.plot(ends, [place, place], color=colour, linewidth=3, zorder=2)
            for end, is_cut, mark in ((ends[0], found.low < low, "<"), (ends[1], found.high > high, ">")):
                if is_cut:
                    axes.plot([end], [place], mark, color=colour, markersize=7, zorder=2, clip_on=False)
            if low < found.value < high:
                axes.plot(
                    [found.value], [place], "D" if row.own else "o", color=colour, markersize=9, zorder=3
                )
        if math.isfinite(low):
            axes.set_xlim(low, high)

    return _rows([row.label for row in rows], title, unit, draw, whole)


def pairs(rows: Sequence[Pair], title: str, unit: str) -> str:
    """Shares before (a ring) and after (a diamond), one below the other; otherwise as `intervals`."""

    def draw(axes: Axes) -> None:
        for place, row in enumerate(rows):
            if row.before is not None and row.after is not None:
                axes.plot([row.before, row.after], [place, place], color=LINE, linewidth=3, zorder=1)
            if row.before is not None:
                axes.plot(
                    [row.before],
                    [place],
                    "o",
                    color=INK,
                    markerfacecolor="none",
                    markeredgewidth=2,
                    markersize=11,
                )
            if row.after is not None:
                axes.plot([row.after], [place], "D", color=ACCENT, markersize=6, zorder=3)
        largest = max(
            (found for row in rows for found in (row.before, row.after) if found is not None), default=0.0
        )
        axes.set_xlim(0.0, 1.08 * max(largest, 0.01))

    return _rows([row.label for row in rows], title, unit, draw, lambda x: share(x, 0))


def bars(rows: Sequence[tuple[str, int]], title: str, unit: str) -> str:
    """Counts, one below the other; otherwise as `intervals`."""
    return _bars(rows, title, unit, 1.0, whole)


def shares(rows: Sequence[tuple[str, float]], title: str, unit: str) -> str:
    """Shares in [0, 1] as bars, one below the other; otherwise as `intervals`."""
    return _bars(rows, title, unit, 0.01, lambda x: share(x, 0))


def parts(rows: Sequence[tuple[str, float]], title: str, unit: str) -> str:
    """Figures in parts of their bounds, each with a mark at 1; a bar beyond it has the accent colour, and one
    that is far beyond is cut, with an arrow at its end. Otherwise as `intervals`.
    """
    end = min(max(*(reach for _, reach in rows), 1.0) * 1.08, _FAR)

    def draw(axes: Axes) -> None:
        for place, (_, reach) in enumerate(rows):
            colour = ACCENT if reach > 1.0 else QUIET
            axes.barh(place, min(reach, end), height=0.32, color=colour, zorder=2)
            if reach > end:
                axes.plot([end], [place], ">", color=colour, markersize=9, zorder=3, clip_on=False)
            # No line through all rows, which would strike the labels that stand above them on a phone.
            axes.plot([1.0, 1.0], [place - 0.16, place + 0.22], color=INK, linewidth=2, zorder=4)
        axes.set_xlim(0.0, end)

    return _rows([label for label, _ in rows], title, unit, draw, plain)


def heat(rows: Sequence[tuple[str, Sequence[Heat]]], columns: Sequence[str], title: str) -> str:
    """Shares as a map: the larger, the deeper the colour; a cell without evidence is crossed out.

    Args:
      rows: from top to bottom, at least one: a label, and a cell per column.
      columns: labels.
      title: read aloud in the place of the figure.
    """
    return both(lambda width: _heat(rows, columns, title, width))


def _bars(
    rows: Sequence[tuple[str, float]],
    title: str,
    unit: str,
    least: float,
    shown: Callable[[float], str],
) -> str:
    """Bars on an axis that reaches at least to ``least``."""

    def draw(axes: Axes) -> None:
        lengths = [length for _, length in rows]
        axes.barh(range(len(rows)), lengths, height=0.32, color=ACCENT, zorder=2)
        axes.set_xlim(0.0, 1.08 * max(*lengths, least))

    return _rows([label for label, _ in rows], title, unit, draw, shown)


def _limits(amounts: Sequence[Amount]) -> tuple[float, float]:
    """Ends of an axis around 0 that one interval of a few rows does not stretch out of shape; infinite where
    no interval is known.
    """
    reaches = sorted(
        max(abs(one.low), abs(one.high)) for one in amounts if one.low is not None and one.high is not None
    )
    if not reaches:
        return -math.inf, math.inf
    # An axis of less than a unit would show nothing but zeros.
    reach = max(1.1 * min(reaches[-1], 2.5 * reaches[len(reaches) // 2]), 1.0)
    return -reach, reach


def _rows(
    labels: Sequence[str],
    title: str,
    unit: str,
    draw: Callable[[Axes], None],
    shown: Callable[[float], str],
) -> str:
    """A figure of rows with a common axis below them.

    Args:
      labels: of the rows, from top to bottom.
      title: read aloud in the place of the figure.
      unit: of the axis.
      draw: draws the rows, each at the height of its number.
      shown: text of a place on the axis.
    """
    return both(lambda width: _rows_at(labels, title, unit, draw, shown, width))


def _rows_at(
    labels: Sequence[str],
    title: str,
    unit: str,
    draw: Callable[[Axes], None],
    shown: Callable[[float], str],
    width: int,
) -> str:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    # Labels stand beside the rows where there is room, else above them.
    beside = width == WIDE
    left = _left(labels) if beside else 8.0

    def drawn(axes: Axes) -> None:
        draw(axes)
        axes.set_ylim(len(labels) - 0.5, -0.5 if beside else -0.75)
        axes.xaxis.set_major_locator(MaxNLocator(6 if beside else 4))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: shown(x)))
        axes.grid(axis="x", color=LINE, linewidth=0.8, zorder=0)
        axes.set_axisbelow(True)
        axes.tick_params(axis="x", colors=QUIET, length=0)
        axes.set_xlabel(cut(unit, width - 30), color=QUIET)
        axes.set_yticks([])
        for place, label in enumerate(labels):
            if beside:
                write(axes, cut(label, left - 10), (0, place), (-10, 0), ha="right", va="center")
            else:
                write(axes, cut(label, width - 20), (0, place), (0, 10), ha="left", va="bottom")

    height = len(labels) * (_ROW if beside else _ROW + _ABOVE) + _AXIS
    return picture(title, (width, height), (left, _AXIS), drawn)


def _left(labels: Sequence[str]) -> float:
    """Room for labels beside the axes; the page's font may be wider than the one that is measured here."""
    return min(max(map(len, labels)) * SIZE * 0.62 + 16, WIDE * 0.45)


def _heat(rows: Sequence[tuple[str, Sequence[Heat]]], columns: Sequence[str], title: str, width: int) -> str:
    wide = width == WIDE
    labels = [label for label, _ in rows]
    left = _left(labels) if wide else min(_left(labels), 110.0)
    below = min(max(map(len, columns)) * SIZE * 0.62 + 16, 170.0)
    deepest = max((cell.share or 0.0 for _, cells in rows for cell in cells), default=0.0) or 1.0

    def drawn(axes: Axes) -> None:
        for place, (label, cells) in enumerate(rows):
            for column, cell in enumerate(cells):
                if cell.share is not None:
                    axes.barh(
                        place,
                        0.94,
                        0.9,
                        column - 0.47,
                        color=ACCENT,
                        alpha=0.06 + 0.44 * cell.share / deepest,
                    )
                if cell.untested:
                    axes.plot(
                        [column - 0.42, column + 0.42], [place + 0.4, place - 0.4], color=INK, linewidth=1
                    )
                if wide and cell.share is not None and not cell.untested:
                    text = share(cell.share, 0)
                    axes.text(column, place, text, ha="center", va="center", color=INK, size=SIZE - 2)
            write(axes, cut(label, left - 10), (0, place), (-10, 0), ha="right", va="center")
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.spines["bottom"].set_visible(False)
        axes.set_yticks([])
        axes.set_xticks(range(len(columns)), [""] * len(columns))
        axes.tick_params(axis="x", length=0)
        for column, name in enumerate(columns):
            axes.annotate(
                cut(name, below - 10),
                (column, len(rows) - 0.5),
                xytext=(0, -8),
                textcoords="offset points",
                rotation=90,
                ha="center",
                va="top",
                color=INK,
                parse_math=False,
                annotation_clip=False,
            )

    return picture(title, (width, len(rows) * _CELL + below), (left, below), drawn)
