"""An evaluation for the terminal; fits 80 columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from newsletter_bandit.off_policy.checks import SAMPLE_SIZE
from newsletter_bandit.off_policy.logged_table.figures import PartFigures, Value
from newsletter_bandit.off_policy.logged_table.overlap import ActionFigures
from newsletter_bandit.off_policy.logged_table.result import Evaluation
from newsletter_bandit.off_policy.logged_table.users import ESTIMATED_FROM, USERS

MAX_ACTIONS = 15
_WORDS = {
    "ips": "IPS",
    "snips": "SNIPS",
    "dm": "DM",
    "dr": "DR",
    "sndr": "SNDR",
    "switch_dr": "Switch-DR",
    "dros": "DRos",
}


def show(out: Console, found: Evaluation) -> None:
    """Prints values, weights, overlap, slices, loggers, warnings, and the verdict last."""
    for part in _parts(found):
        out.print(part)


def _parts(found: Evaluation) -> list[RenderableType]:
    parts: list[RenderableType] = [_values(found), _weights(found)]
    if found.actions:
        parts.append(_actions(found.actions))
    main = _main_estimator(found.overall)
    least = next((check.bound or 0.0 for check in found.checks if check.name == SAMPLE_SIZE), 0.0)
    for column, values in found.slices.items():
        parts.append(_groups(f"By {column}", column, values, main, least))
    if found.policy_versions:
        parts.append(_groups("By who logged", "logged by", found.policy_versions, main, least))
    parts += [_marked("[dim]·[/]", Text(note, style="dim")) for note in found.notes]
    parts += [_marked("[bold yellow]![/]", Text(warning)) for warning in found.warnings]
    return [*parts, _verdict(found)]


def _values(found: Evaluation) -> Group:
    table = _table("", "value", "from", "to", "std. error")
    table.add_row("policies that logged", *_value(found.overall.logged), style="dim")
    for name, value in found.overall.estimates.items():
        table.add_row(label(name), *_value(value))
    said = [
        f"{found.overall.weights.rows:,} {found.unit}s",
        f"{found.confidence * 100:g}% interval ({found.interval})",
    ]
    if found.weight_clip is not None:
        said.append(f"weights clipped at {found.weight_clip:g}")
    if found.reward_range is None:
        said.append("reward range unknown")
    else:
        low, high = found.reward_range
        said.append(f"rewards {low:g} to {high:g}")
    if found.reward_model != "none":
        said.append(f"{found.reward_model} reward model")
    if found.click_model is not None:
        said.append(f"{found.click_model} click model")
    line = ", ".join(said)
    if found.propensities == "estimated":
        line += ", [bold yellow]propensities ESTIMATED[/]"
    return _titled(f"Reward per {found.unit} of the evaluation policy", table, line)


def _weights(found: Evaluation) -> Group:
    table = _table("support", "found", "needed", "", left=(3,))
    for check in found.checks:
        estimated = check.name == USERS and (check.figure or 0.0) >= ESTIMATED_FROM
        about = "about " if estimated else ""
        table.add_row(
            escape(check.name),
            about + _plain(check.figure),
            f"{check.relation} {_plain(check.bound)}",
            "[green]pass[/]" if check.passed else "[red]fail[/]",
        )
    weights = found.overall.weights
    table.add_row("mean weight", f"{_plain(weights.mean_weight)}", "near 1", "")
    if math.isfinite(weights.top_share):
        table.add_row("weight in the top 1%", f"{weights.top_share:.1%}", "", "")
    if found.weight_clip is not None:
        table.add_row("clipped", f"{weights.clipped_share:.2%}", "", "")
    return _titled("Does the log support the evaluation policy?", table)


def _actions(actions: tuple[ActionFigures, ...]) -> Group:
    table = _table("action", "rows", "logged", "evaluated", "ESS")
    for each in actions[:MAX_ACTIONS]:
        style = "red" if not each.rows and each.evaluation_share > 0 else ""
        table.add_row(
            escape(each.action),
            f"{each.rows:,}",
            f"{each.logged_share:.2%}",
            f"{each.evaluation_share:.2%}",
            _plain(each.effective_sample_size),
            style=style,
        )
    more = f" (the {MAX_ACTIONS} it takes most of {len(actions):,})" if len(actions) > MAX_ACTIONS else ""
    return _titled(f"Overlap per action: how often the log and the evaluation policy take it{more}", table)


def _groups(title: str, column: str, groups: Mapping[str, PartFigures], main: str, least: float) -> Group:
    table = _table(escape(column), "rows", "logged", label(main), "from", "to", "ESS", "mean w")
    some_weak = False
    for name, found in groups.items():
        value = found.estimates[main]
        weak = found.weights.effective_sample_size < least
        some_weak = some_weak or weak
        table.add_row(
            escape(name),
            f"{found.weights.rows:,}",
            _figure(found.logged.value),
            _figure(value.value),
            _figure(value.low),
            _figure(value.high),
            _plain(found.weights.effective_sample_size),
            _plain(found.weights.mean_weight),
            style="dim" if weak else "",
        )
    return _titled(escape(title), table, "[dim]dim: too small a sample to tell[/]" if some_weak else None)


def _verdict(found: Evaluation) -> RenderableType:
    if not found.supported:
        line = Text.from_markup(
            "[bold red]Cannot tell[/]: do not use these figures; the log does not support the evaluation "
            "policy."
        )
        return Group(line, *(_marked("-", Text(reason)) for reason in found.reasons))
    given = ", if the estimated propensities are right" if found.propensities == "estimated" else ""
    return Text.from_markup(
        f"[bold green]Supported[/]{given}: the log can tell what the evaluation policy is worth."
    )


def label(name: str) -> str:
    """An estimator's name as the literature writes it."""
    return _WORDS.get(name, name.replace("_", " ").upper())


def _main_estimator(found: PartFigures) -> str:
    return next(
        (name for name in ("dr", "snips", "sniips", "snrips", "snsips") if name in found.estimates),
        next(iter(found.estimates)),
    )


def _marked(mark: str, text: Text) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(mark, text)
    return grid


def _table(*columns: str, left: tuple[int, ...] = ()) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        justify: Literal["left", "right"] = "left" if index == 0 or index in left else "right"
        table.add_column(
            column, justify=justify, overflow="fold" if index == 0 else "ellipsis", no_wrap=index > 0
        )
    return table


def _titled(title: str, table: Table, line: str | None = None) -> Group:
    # A title of rich's own would wrap at the table's width.
    above = [Text.from_markup(f"[bold]{title}[/]")]
    return Group(*above, *([] if line is None else [Text.from_markup(line)]), table)


def _value(value: Value) -> tuple[str, str, str, str]:
    return (_figure(value.value), _figure(value.low), _figure(value.high), _figure(value.standard_error))


def _figure(value: float) -> str:
    return f"{value:.5g}" if math.isfinite(value) else "unknown"


def _plain(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
