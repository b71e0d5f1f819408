"""Which column of a log is what: proposed by its name and its values."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.first_use.facts import Facts
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.first_use.named_roles import NEEDED, REPLACEABLE, ROLE_WORDS, ROLES, Role
from newsletter_bandit.first_use.sniffing import NEARLY_ALL
from newsletter_bandit.first_use.words import fit
from newsletter_bandit.table_files.faults import names_listed

# A proposal by name alone needs this fit, of 10.
LEAST_FIT = 3.5
NO_COLUMN = "-"
_MOST_RECOMMENDERS = 100
# Words of a column of which some may mean a click.
MOST_WORDS = 20
Roles = Mapping[Role, str]


def propose_roles(log: Log, given: Mapping[Role, str]) -> dict[Role, str]:
    """Role -> column of the files, for each role that was given or that a column fits.

    Args:
      log: the files.
      given: columns that a person named; `NO_COLUMN` says that there is none.

    Raises:
      SettingsError: a given column is not in the files, or cannot have the role.
    """
    found: dict[Role, str] = {}
    for role, name in given.items():
        if name != NO_COLUMN:
            _check(log, role, name)
            found[role] = name
    fits = sorted(
        (
            (-fit(role, name), ROLES.index(role), position, role, name)
            for role in ROLES
            for position, (name, facts) in enumerate(log.columns.items())
            if role not in given and fit(role, name) >= LEAST_FIT and not unfit(role, facts, log)
        )
    )
    for _, _, _, role, name in fits:
        if role not in found and name not in found.values():
            found[role] = name
    _by_elimination(log, found, given)
    return found


def require_roles(log: Log, roles: Roles, given: Mapping[Role, str]) -> None:
    """Makes sure that each needed role has a column; a `SettingsError` names those that have none."""
    without = [role for role in REPLACEABLE if given.get(role) == NO_COLUMN]
    missing = [role for role in NEEDED if role not in roles and role not in without]
    if missing:
        words = " and ".join(f"{ROLE_WORDS[role]} (`{role}`)" for role in missing)
        hints = {"user": "each row is another user", "time": "all were sent on one day"}
        hint = "".join(f"; `{role}` {NO_COLUMN} says that {hints[role]}" for role in missing if role in hints)
        spoilt = [f"; {facts.name} is none, as {_mostly(log, facts)}" for facts in _spoilt(log, missing)]
        raise SettingsError(
            f"{log.files[0]}: no column was found for {words}; name it{hint}; the columns are "
            f"{names_listed(log.columns)}{''.join(spoilt)}"
        )


def unfit(role: Role, facts: Facts, log: Log) -> str:
    """Why a column cannot have a role; "" where it can."""
    kind = facts.kind
    if kind == "empty":
        return "it is empty"
    if role == "user" and (facts.dated or facts.different < 2):
        return f"it holds {_held(facts)}"
    if role == "time" and not facts.dated:
        return _mostly(log, facts, "time") or f"it holds {_held(facts)}, not times"
    if role == "recommender" and (facts.dated or not 2 <= facts.different <= _MOST_RECOMMENDERS):
        return f"it holds {_held(facts)}; allowed: 2 to {_MOST_RECOMMENDERS} names"
    if role in ("clicked", "unsubscribed"):
        counts = kind == "number" and facts.low >= 0.0 and facts.whole
        marks = kind == "text" and facts.different <= MOST_WORDS
        if not (kind == "flag" or counts or facts.dated or marks):
            allowed = "yes and no, 1 and 0, counts, a few words, or a time where it happened"
            return _mostly(log, facts) or f"it holds {_held(facts)}; allowed: {allowed}"
    numeric = kind in ("number", "flag")
    if role == "propensity" and (not numeric or facts.low <= 0.0 or facts.high > 1.0):
        allowed = "numbers above 0, at most 1"
        return _mostly(log, facts, "number") or f"it holds {_held(facts)}; allowed: {allowed}"
    if role == "campaign" and facts.dated:
        return "it holds dates"
    if role == "campaign" and facts.different > max(1000, log.rows // 20):
        return f"it holds {facts.different:,} different values"
    return ""


def _mostly(log: Log, facts: Facts, kind: str | None = None) -> str:
    """A sentence on the values for which a column is a text; "" where it is not mostly that kind, or any."""
    if not facts.mostly or kind not in (None, facts.mostly):
        return ""
    return (
        f"{facts.odd_rows:,} of its {facts.filled:,} values are no {facts.mostly}s: {log.odd(facts.name)}; "
        f"allowed: at most {1.0 - NEARLY_ALL:.0%} of them; mend the others"
    )


def _held(facts: Facts) -> str:
    if facts.kind == "number":
        return f"numbers from {facts.low:g} to {facts.high:g}"
    values = "value" if facts.different == 1 else "different values"
    return f"{facts.different:,} {values} such as {facts.example!r}"


def _check(log: Log, role: Role, name: str) -> None:
    if name not in log.columns:
        raise SettingsError(
            f"`{role}`: {log.files[0]} has no column {name!r}; allowed: {names_listed(log.columns)}"
        )
    reason = unfit(role, log.columns[name], log)
    if reason:
        raise SettingsError(f"`{role}`: column {name!r} cannot be {ROLE_WORDS[role]}: {reason}")


def _spoilt(log: Log, roles: Collection[Role]) -> list[Facts]:
    """Columns that would be the time of sending, but that too many of their values are no times."""
    every = log.columns.values()
    spoilt = [facts for facts in every if facts.mostly == "time" and fit("time", facts.name) >= LEAST_FIT]
    return spoilt if "time" in roles else []


def _by_elimination(log: Log, found: dict[Role, str], given: Mapping[Role, str]) -> None:
    """Gives a needed role the only column that its values fit, where no name says more."""
    for role in ("time", "clicked"):
        if role in found or role in given or _spoilt(log, (role,)):
            continue
        fitting = [
            name
            for name, facts in log.columns.items()
            if name not in found.values() and (facts.dated if role == "time" else facts.kind == "flag")
        ]
        if len(fitting) == 1:
            found[role] = fitting[0]
