"""The tables of the command `arms`, legible at 80 columns."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from newsletter_bandit.settings.words import NEWSLETTER, Words

if TYPE_CHECKING:
    from pipelines.arms.found import Arm, ArmsFound, ArmVerdict, Range

_VERDICTS: dict[ArmVerdict, str] = {
    "keep": "[bold green]keep[/]",
    "retire": "[bold yellow]retire[/]",
    "cannot_tell": "cannot tell",
    "retired": "[dim]retired[/]",
}

_NAME = 22  # columns


def arms(found: ArmsFound, words: Words = NEWSLETTER) -> Group:
    """What the log says of each recommender, the verdict on each, and how to read both."""
    first, after = found.window
    last = after - dt.timedelta(days=1)
    title = f"What the log says: {words.counted_units(found.rows)}, {first} to {last}"
    parts: list[RenderableType] = [f"[bold]{escape(title)}[/]", _log(found), *_notes_on_log(found)]
    if found.version is not None:
        title = f"What the policy in production would gain: {found.version}"
        parts += [f"\n[bold]{escape(title)}[/]", _verdicts(found), *_notes_on_verdicts(found, words)]
    else:
        parts.append(
            "\nNothing is in production, so nothing can be compared: `newsletter-bandit train` first."
        )
    return Group(*parts)


def _log(found: ArmsFound) -> Table:
    table = _table("recommender", "rows", "mean\nreward", "value alone", "logged", "served", "trend")
    for arm in found.arms:
        logged = arm.logged
        table.add_row(
            escape(logged.recommender),
            f"{logged.rows:,}",
            _number(logged.mean_reward),
            _with_reach(logged.value),
            f"{logged.share:.1%}",
            "" if arm.served_share is None else f"{arm.served_share:.1%}",
            "" if logged.trend == "not sure" else logged.trend,
        )
    return table


def _verdicts(found: ArmsFound) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("recommender", overflow="fold", max_width=_NAME)
    table.add_column("gain without it", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("why", overflow="fold")
    for arm in found.arms:
        table.add_row(
            escape(arm.logged.recommender),
            _gain(arm),
            _VERDICTS[arm.judged.verdict],
            escape(arm.judged.reason),
        )
    return table


def _notes_on_log(found: ArmsFound) -> list[str]:
    served = (
        "what production's policy would show"
        if found.stored is None
        else f"first places of the rankings stored for {found.stored}"
    )
    unknown = found.stored is None and found.version is None
    return [
        f"value alone: mean reward if it were always shown where it is eligible, with its "
        f"{found.value_confidence:.0%} interval.",
        *([] if unknown else [escape(f"served: {served}.")]),
        "trend: of that value, from week to week; empty where nothing is sure.",
    ]


def _notes_on_verdicts(found: ArmsFound, words: Words) -> list[str]:
    notes = [
        f"Compared on {words.counted_units(found.judged_rows)} of held-out {words.subjects}, with "
        f"intervals of {found.confidence:.2%}, so that all verdicts hold together."
    ]
    if math.isfinite(found.allowed_loss):
        notes.append(
            f"retire: it surely costs no more than gate.allowed_margin, {found.allowed_loss:.2g} per "
            f"{words.unit}, and by the estimate no more than an equal part of that. Retire one, train, and "
            "look again: what two can do for each other is in no single figure."
        )
    return notes


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(columns[0], overflow="fold", max_width=_NAME)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _gain(arm: Arm) -> str:
    gain = arm.judged.gain
    if not math.isfinite(gain.low) or not math.isfinite(gain.high):
        return ""
    return f"{gain.value:+.4f}\n{gain.low:+.4f} to {gain.high:+.4f}"


def _with_reach(found: Range) -> str:
    if not math.isfinite(found.value):
        return ""
    if not math.isfinite(found.high):
        return f"{found.value:.4f} ±?"
    return f"{found.value:.4f} ±{(found.high - found.low) / 2.0:.4f}"


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else ""
