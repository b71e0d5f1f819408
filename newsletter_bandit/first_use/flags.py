"""How a column becomes true or false: words, counts, marks, or the time at which it happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.first_use import patterns
from newsletter_bandit.first_use.facts import Facts
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.first_use.named_roles import Role
from newsletter_bandit.first_use.sniffing import listed
from newsletter_bandit.table_files.cells import number
from newsletter_bandit.table_files.faults import names_listed

# What `ingest` takes for true or false without being told.
_KNOWN = frozenset(["1", "1.0", "0", "0.0", "true", "false", "t", "f", "yes", "no", "y", "n"])


@dataclass(frozen=True)
class Flag:
    """A column read as true or false.

    Attributes:
      column: of the files.
      how: `words`, `count` (true from 1 on) or `filled` (true where the cell holds something).
      names: words of the file that need a meaning.
      unknown: rows of which nothing is known, because the cell is empty.
      words: how the column is read, for people.
      sql: DuckDB expression over table `log`; NULL where nothing is known.
    """

    column: str
    how: Literal["words", "count", "filled"]
    unknown: int
    words: str
    sql: str
    names: dict[str, bool] = field(default_factory=dict)


def flag_of(log: Log, role: Role, column: str, meaning_yes: Sequence[str] = ()) -> Flag:
    """How to read a column that `unfit` lets be a click or an unsubscribe.

    Args:
      log: the files.
      role: `clicked` or `unsubscribed`, for messages.
      column: the column.
      meaning_yes: texts that mean yes, where a person said it; every other text means no.

    Raises:
      SettingsError: the column holds several words, and nobody said which mean yes.
    """
    facts = log.columns[column]
    gaps, value = log.rows - facts.filled, log.value(column)
    words = [word for word, _ in facts.values]
    if meaning_yes or needs_meaning(facts):
        return _by_meaning(facts, value, gaps, role, meaning_yes)
    yes = [word for word in words if word.lower() in patterns.TRUE]
    no = [word for word in words if word.lower() in patterns.FALSE]
    if facts.dated:
        return Flag(column, "filled", 0, "a time where it happened, else empty", f"{value} IS NOT NULL")
    if facts.kind == "text" or (facts.kind == "flag" and not no):
        said = f"{facts.example!r} where it happened, else empty"
        return Flag(column, "filled", 0, said, f"{value} IS NOT NULL")
    if facts.kind == "number" and facts.low >= 1.0 and gaps:
        return Flag(column, "filled", 0, "a count, else empty", f"{value} IS NOT NULL")
    if facts.kind == "number":
        counted = number(value, log.numbers)
        return Flag(column, "count", gaps, "a count: yes from 1 on", f"{counted} >= 1")
    names = {word: word in yes for word in words if _unknown_word(word, log)}
    said = f"{yes[0]} is yes, {no[0]} is no" if yes else f"{no[0]} in each row: it never happened"
    return Flag(column, "words", gaps, said, f"{value} IN ({listed(yes or ['1'])})", names)


def needs_meaning(facts: Facts) -> bool:
    """The column holds several words of which a person must say which mean yes."""
    return facts.kind == "text" and facts.different > 1


def _by_meaning(facts: Facts, value: str, gaps: int, role: Role, meaning_yes: Sequence[str]) -> Flag:
    words = [word for word, _ in facts.values]
    unknown = [word for word in meaning_yes if word not in words]
    if unknown or not meaning_yes:
        problem = f"found {', '.join(unknown)}" if unknown else "missing"
        raise SettingsError(
            f"`{role}_when`: {problem}; allowed: those of the values of {facts.name} that mean yes: "
            f"{names_listed(words)}"
        )
    names = {word: word in meaning_yes for word in words}
    said = f"{', '.join(meaning_yes)} is yes, the rest is no"
    return Flag(facts.name, "words", gaps, said, f"{value} IN ({listed(meaning_yes)})", names)


def flag_names(log: Log, facts: Facts) -> dict[str, bool]:
    """The words of a column of yes and no that need a meaning."""
    return {word: word.lower() in patterns.TRUE for word, _ in facts.values if _unknown_word(word, log)}


def _unknown_word(word: str, log: Log) -> bool:
    known = word.lower().replace(",", ".") if log.numbers.decimal == "," else word.lower()
    return known not in _KNOWN
