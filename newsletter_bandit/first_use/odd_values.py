"""The few values that are not what nearly all of their column is, and what becomes of their rows."""

from __future__ import annotations

from collections.abc import Callable

from newsletter_bandit.first_use.choosing import ByColumn
from newsletter_bandit.first_use.facts import Facts
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.first_use.proposal import Proposal


def odd_sentences(log: Log, p: Proposal) -> list[str]:
    """A sentence on each column of the use case that holds such values, with values and rows."""
    found = []
    for column, effect in _effects(log, p).items():
        facts = log.columns[column]
        what = f"no {'time' if facts.dated else 'number'}"
        values = (
            f"{facts.odd_rows:,} of {facts.filled:,} values {'is' if facts.odd_rows == 1 else 'are'} {what}"
        )
        found.append(f"{column}: {values}: {log.odd(column)}; {effect(facts)}.")
    return found


def gaps_of(facts: Facts) -> tuple[str, ...]:
    """The odd values of a feature's column, which become empty cells."""
    return tuple(each.value for each in facts.odd) if facts.kind in ("time", "day", "number") else ()


def _effects(log: Log, p: Proposal) -> dict[str, Callable[[Facts], str]]:
    """Column with odd values -> what becomes of them."""
    effects = {p.roles["time"]: _refused} if "time" in p.roles else {}
    if isinstance(p.chosen, ByColumn):
        effects[p.chosen.column] = _refused
    for flag in (p.clicked, p.unsubscribed):
        if flag is not None and flag.how != "words":
            effects[flag.column] = _counted if flag.how == "filled" else _refused
    effects |= {feature.column: _emptied for feature in p.features}
    odd = {
        name for name, facts in log.columns.items() if facts.odd_rows and facts.kind not in ("text", "flag")
    }
    return {column: effect for column, effect in effects.items() if column in odd}


def _refused(facts: Facts) -> str:
    return "its row is left out" if facts.odd_rows == 1 else "their rows are left out"


def _counted(facts: Facts) -> str:
    return "it counts as yes" if facts.odd_rows == 1 else "they count as yes"


def _emptied(facts: Facts) -> str:
    more = facts.odd_rows - sum(each.rows for each in facts.odd)
    if more:
        return f"the {len(facts.odd)} commonest become empty cells, and the rows of the others are left out"
    return "it becomes an empty cell" if facts.odd_rows == 1 else "they become empty cells"
