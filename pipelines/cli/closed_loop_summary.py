"""The closed loop's figures as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from newsletter_bandit.settings.words import NEWSLETTER, Words
from newsletter_bandit.simulation.loop_report import LearnerFigures, Report, Spread

_REFERENCES = {
    "uniform": "uniform",
    "logging": "logging policy",
    "best_single": "best single",
    "oracle": "oracle",
}
_SHORT = {"blessed": "blessed", "not_blessed": "not", "cannot_tell": "cannot tell"}


def tables(made: Report, words: Words = NEWSLETTER) -> Iterator[RenderableType]:
    """Last week, gap closed by week, the gate, and time."""
    yield _last_week(made, words)
    yield _weeks(made)
    if any(figures.gate is not None for figures in made.learners):
        yield _gate(made)
    yield _seconds(made)


def _last_week(made: Report, words: Words) -> RenderableType:
    table = _table(
        "last week",
        "expected\nreward",
        "gap\nclosed %",
        "without\nexploring",
        "observed\nreward",
        "click\nrate",
        "unsub-\nscribes",
        "regret",
        "sub-\noptimal",
    )
    uniform, oracle = (made.references[name][-1] for name in ("uniform", "oracle"))
    rows: list[tuple[float, list[str]]] = []
    for figures in made.learners:
        last = figures.weeks[-1]
        greedy = last.get("expected_reward_greedy")
        unexplored = "" if greedy is None else f"{100 * (greedy.mean - uniform) / (oracle - uniform):.1f}"
        rows.append(
            (
                last["expected_reward"].mean,
                [
                    f"[bold]{escape(figures.learner)}[/]",
                    f"{last['expected_reward'].mean:+.4f}",
                    _share(last["gap_closed"]),
                    unexplored,
                    f"{last['reward'].mean:+.4f}",
                    f"{last['click_rate'].mean:.2%}",
                    f"{last['unsubscribe_rate'].mean:.2%}",
                    f"{last['regret'].mean:.4f}",
                    f"{last['suboptimal_share'].mean:.0%}",
                ],
            )
        )
    for name, label in _REFERENCES.items():
        value = made.references[name][-1]
        text = f"{label}: {made.best_single}" if name == "best_single" else label
        share = f"{100 * (value - uniform) / (oracle - uniform):.1f}"
        rows.append((value, [f"[dim]{escape(text)}[/]", f"{value:+.4f}", share]))
    for _, cells in sorted(rows, key=lambda row: -row[0]):
        table.add_row(*cells)
    return Group(
        f"[bold]Expected reward per {words.unit} by the simulator's truth, mean over seeds[/]", table
    )


def _weeks(made: Report) -> RenderableType:
    count = len(made.references["oracle"])
    table = _table("week", *(str(week) for week in range(1, count + 1)))
    for figures in made.learners:
        table.add_row(escape(figures.learner), *(_share(week["gap_closed"]) for week in figures.weeks))
    for name in ("best_single", "logging"):
        values = zip(
            made.references[name], made.references["uniform"], made.references["oracle"], strict=True
        )
        shares = (f"{100 * (value - low) / (high - low):.1f}" for value, low, high in values)
        table.add_row(f"[dim]{escape(_REFERENCES[name])}[/]", *shares)
    return Group("[bold]Percent of the gap between uniform and oracle that is closed, by week[/]", table)


def _gate(made: Report) -> RenderableType:
    table = _table("gate", "candidates", *_SHORT.values(), "intervals", "contain the truth")
    for figures in made.learners:
        gate = figures.gate
        if gate is not None:
            share = f"{gate.covered / gate.intervals:.1%}" if gate.intervals else ""
            table.add_row(
                escape(figures.learner),
                str(sum(gate.verdicts.values())),
                *(str(gate.verdicts.get(name, 0)) for name in _SHORT),
                str(gate.intervals),
                share,
            )
    return Group(
        "[bold]Verdicts of the gate, and how often its interval contained the true difference[/]", table
    )


def _seconds(made: Report) -> RenderableType:
    parts = list(dict.fromkeys(part for figures in made.learners for part in figures.seconds))
    table = _table("seconds per week", *parts, "all")
    for figures in made.learners:
        values = (f"{figures.seconds[part]:.1f}" if part in figures.seconds else "" for part in parts)
        table.add_row(escape(figures.learner), *values, f"{_total(figures):.1f}")
    return Group("[bold]Time[/]", table)


def _total(figures: LearnerFigures) -> float:
    return sum(figures.seconds.values())


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=True)
    return table


def _share(value: Spread) -> str:
    scaled = Spread(100 * value.mean, None if value.deviation is None else 100 * value.deviation)
    return f"{scaled.mean:.1f}{_plus_minus(scaled, '.1f')}"


def _plus_minus(value: Spread, form: str) -> str:
    return "" if value.deviation is None else f" ±{value.deviation:{form}}"
