"""Picture of the closed loop: reward by week, and each learner's share of the gap to the oracle."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsletter_bandit.files import filled
from newsletter_bandit.simulation.loop_report import LearnerFigures, Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE = "closed_loop.png"
# Okabe and Ito's colours, which the colour-blind can tell apart, without the yellow that white paper
# swallows.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#332288", "#882255")
_PEER_COLOURS = ("#666666", "#8C6D31", "#7B8F6A", "#A0785A", "#6B7A99", "#9A6A7C")
_REFERENCES = {
    "oracle": ("oracle", "#000000", (0, (1, 1.5))),
    "best_single": ("best single", "#444444", (0, (6, 2))),
    "logging": ("logging policy", "#777777", (0, (4, 2, 1, 2))),
    "uniform": ("uniform", "#999999", (0, (2, 2))),
}
_INK, _FAINT = "#222222", "#DDDDDD"


def draw(made: Report, path: Path, title: str, peers: Collection[str] = ()) -> None:
    """Writes a PNG, whole or not at all.

    Args:
      made: at least one learner.
      path: replaced.
      title: first line above the picture.
      peers: learners that are drawn dashed, in quieter colours.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    colours = _colours(made.learners, peers)
    height = max(4.8, 2.6 + 0.3 * (len(made.learners) + len(made.references)))
    figure = Figure(
        figsize=(13, height), dpi=130, layout=ConstrainedLayoutEngine(wspace=0.06), facecolor="white"
    )
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1.9, 1.0))
    _by_week(left, made, colours, peers)
    _last_week(right, made, colours)
    figure.suptitle(title, x=0.012, ha="left", fontsize=13, fontweight="bold", color=_INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    with filled(path) as temporary:
        figure.savefig(temporary, format="png")


def _colours(learners: Sequence[LearnerFigures], peers: Collection[str]) -> dict[str, str]:
    """Colours by name, not by rank, so that a learner keeps its colour when others overtake it."""
    names = sorted(figures.learner for figures in learners)
    ours = [name for name in names if name not in peers]
    theirs = [name for name in names if name in peers]
    return {
        **{name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(ours)},
        **{name: _PEER_COLOURS[i % len(_PEER_COLOURS)] for i, name in enumerate(theirs)},
    }


def _by_week(axes: Axes, made: Report, colours: dict[str, str], peers: Collection[str]) -> None:
    count = len(made.references["oracle"])
    weeks = list(range(1, count + 1))
    labels: list[tuple[float, str, str]] = []
    for name, values in made.references.items():
        label, colour, dashes = _REFERENCES[name]
        axes.plot(weeks, values, color=colour, linestyle=dashes, linewidth=1.4, zorder=2)
        labels.append((values[-1], label, colour))
    for figures in made.learners:
        colour = colours[figures.learner]
        rewards = [week["expected_reward"] for week in figures.weeks]
        mean = [reward.mean for reward in rewards]
        peer = figures.learner in peers
        axes.plot(
            weeks,
            mean,
            color=colour,
            linewidth=1.8 if peer else 2.2,
            linestyle=(0, (5, 1.5)) if peer else "-",
            marker="o",
            markersize=3.5,
            zorder=4,
        )
        # Of the distance to the oracle: what worlds are worth differs more between seeds than learners do.
        spread = [week["regret"].deviation or 0.0 for week in figures.weeks]
        low, high = ([m + sign * s for m, s in zip(mean, spread, strict=True)] for sign in (-1, 1))
        axes.fill_between(weeks, low, high, color=colour, alpha=0.13, linewidth=0, zorder=3)
        labels.append((mean[-1], figures.learner, colour))
    axes.set_xticks(weeks)
    axes.set_xlim(weeks[0] - 0.15, weeks[-1] + 0.15)
    axes.set_xlabel("week after the warm-up", color=_INK)
    axes.set_title(
        "True expected reward per newsletter: mean over seeds ± 1 standard deviation of the regret",
        fontsize=10,
        loc="left",
        color=_INK,
    )
    _clean(axes, "y")
    _label_ends(axes, labels)


def _label_ends(axes: Axes, labels: list[tuple[float, str, str]]) -> None:
    """Names each line at its end; names that would overlap are moved apart, with a thin line to where they
    belong.
    """
    low, high = axes.get_ylim()
    gap = (high - low) / 27.0
    ordered = sorted(labels)
    places = [value for value, _, _ in ordered]
    for _ in range(500):
        places = [min(max(place, low), high) for place in places]
        for lower in range(len(places) - 1):
            overlap = gap - (places[lower + 1] - places[lower])
            if overlap > 0:
                places[lower] -= overlap / 2
                places[lower + 1] += overlap / 2
    for (value, text, colour), place in zip(ordered, places, strict=True):
        axes.annotate(
            text,
            xy=(1.005, value),
            xytext=(1.06, place),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            fontsize=9,
            color=colour,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.7,
                "shrinkA": 2,
                "shrinkB": 1,
                "relpos": (0.0, 0.5),
            },
            annotation_clip=False,
        )


def _last_week(axes: Axes, made: Report, colours: dict[str, str]) -> None:
    uniform, oracle = (made.references[name][-1] for name in ("uniform", "oracle"))
    bars: list[tuple[str, float, float, str]] = [
        (
            figures.learner,
            figures.weeks[-1]["gap_closed"].mean,
            figures.weeks[-1]["gap_closed"].deviation or 0.0,
            colours[figures.learner],
        )
        for figures in made.learners
    ]
    for name in ("best_single", "logging"):
        share = (made.references[name][-1] - uniform) / (oracle - uniform)
        bars.append((_REFERENCES[name][0], share, 0.0, "#BBBBBB"))
    bars.sort(key=lambda bar: bar[1])
    places = range(len(bars))
    axes.barh(places, [bar[1] for bar in bars], color=[bar[3] for bar in bars], height=0.68, alpha=0.9)
    spread = [(place, bar) for place, bar in zip(places, bars, strict=True) if bar[2] > 0.0]
    axes.errorbar(
        [bar[1] for _, bar in spread],
        [place for place, _ in spread],
        xerr=[bar[2] for _, bar in spread],
        fmt="none",
        ecolor=_INK,
        elinewidth=1.0,
        capsize=2.5,
    )
    for place, (_, share, deviation, _) in zip(places, bars, strict=True):
        axes.text(
            max(share, 0.0) + deviation + 0.015, place, f"{share:.0%}", va="center", fontsize=9, color=_INK
        )
    axes.set_yticks(list(places), [bar[0] for bar in bars], fontsize=9)
    axes.set_xlim(min(0.0, min(bar[1] - bar[2] for bar in bars) - 0.02), 1.09)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["uniform", "25%", "50%", "75%", "oracle"])
    axes.set_title("Share of the gap closed in the last week", fontsize=10, loc="left", color=_INK)
    _clean(axes, "x")


def _clean(axes: Any, grid: str) -> None:
    axes.grid(axis=grid, color=_FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#AAAAAA")
    axes.tick_params(colors=_INK, length=3, labelsize=9)
