"""The proposal: everything that the files of a use case will say, from a log and a person's answers."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.first_use.answers import Answers
from newsletter_bandit.first_use.arms import Arm, arms_of
from newsletter_bandit.first_use.choosing import Chosen, how_chosen
from newsletter_bandit.first_use.defaults import Plan, max_unsubscribe_ratio, plan
from newsletter_bandit.first_use.features import Feature, LeftOut, choose_features, sliced
from newsletter_bandit.first_use.file_format import format_of
from newsletter_bandit.first_use.flags import Flag, flag_of
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.first_use.named_roles import Role
from newsletter_bandit.first_use.roles import NO_COLUMN, Roles, propose_roles, require_roles
from newsletter_bandit.first_use.words import words_of
from newsletter_bandit.settings.mapping import FileFormat
from newsletter_bandit.warehouse.staging import use_time_zone

# Users of a log that names none: row-1, row-2, ...
ROW_PREFIX = "row-"


@dataclass(frozen=True)
class Proposal:
    """A use case to be, and where each part of it comes from.

    Attributes:
      name: of the use case.
      named_after: what a person, or the first file, gave for it.
      roles: role -> column of the files.
      arms: the recommenders, those with most rows first.
      clicked, unsubscribed: how the outcomes are read; no unsubscribe where no column holds it.
      unsubscribes: how many there are, and how many of them with a click.
      chosen: how the recommender was chosen.
      features, left_out: the other columns.
      slices: features by which values are reported too.
      written: how the files are written.
      zone_matters: whether times name no zone.
      plan: settings by the log's size.
      days: first and last day of the log, UTC.
      rows: of the log.
      user: a user of the log, to ask the endpoint for.
      sent_on: day on which all were sent, where no column holds the time.
    """

    name: str
    roles: Roles
    arms: tuple[Arm, ...]
    clicked: Flag
    unsubscribed: Flag | None
    unsubscribes: tuple[int, int]
    chosen: Chosen
    features: tuple[Feature, ...]
    left_out: tuple[LeftOut, ...]
    slices: tuple[str, ...]
    written: FileFormat
    zone_matters: bool
    plan: Plan
    days: tuple[dt.date, dt.date]
    rows: int
    user: str
    sent_on: dt.date | None = None
    named_after: str = ""

    @property
    def judged_unsubscribes(self) -> float:
        """Unsubscribes on which the gate will judge, about."""
        return self.unsubscribes[0] * self.plan.judged / self.rows

    @property
    def max_unsubscribe_ratio(self) -> float | None:
        """The gate's bound that suits so many."""
        return max_unsubscribe_ratio(self.judged_unsubscribes)


def propose(log: Log, answers: Answers, today: dt.date) -> Proposal:
    """The proposal.

    Args:
      log: the files.
      answers: what a person said.
      today: UTC.

    Raises:
      SettingsError: something is missing that nothing but a person can know, or an answer cannot be.
      DataError: no time of sending can be read.
    """
    roles = propose_roles(log, answers.roles)
    require_roles(log, roles, answers.roles)
    _check_replaced(log, roles, answers)
    clicked = outcome(log, roles, answers, "clicked")
    arms = arms_of(log, roles["recommender"], clicked, answers.names)
    chosen = how_chosen(log, roles, arms, answers)
    unsubscribed = outcome(log, roles, answers, "unsubscribed") if "unsubscribed" in roles else None
    unknown = [column for column in answers.without if column not in log.columns]
    if unknown:
        raise SettingsError(f"`without`: no column {', '.join(unknown)}; allowed: {', '.join(log.columns)}")
    features, left_out = choose_features(log, roles, answers.sent_on, clicked, answers.without)
    if not features:
        reasons = "".join(f"\n  {each.column}: {each.why}" for each in left_out)
        raise DataError(
            f"{log.files[0]}: no column is left that says something about the users, so there is nothing to "
            f"choose by; join such columns to the file{reasons}"
        )
    given_name = answers.name or log.files[0].name.split(".")[0]
    written = format_of(log, [*roles.values(), *(each.column for each in features)], answers.time_zone)
    sends = _sends(log, roles["time"], written) if answers.sent_on is None else {answers.sent_on: log.rows}
    return Proposal(
        name=name_of(given_name),
        roles=roles,
        arms=arms,
        clicked=clicked,
        unsubscribed=unsubscribed,
        unsubscribes=(0, 0) if unsubscribed is None else _unsubscribes(log, clicked, unsubscribed),
        chosen=chosen,
        features=features,
        left_out=left_out,
        slices=sliced(log, features),
        written=written,
        zone_matters="time" in roles and not log.columns[roles["time"]].zoned,
        plan=plan(sends, today),
        days=(min(sends), max(sends)),
        rows=log.rows,
        user=_user(log, roles),
        sent_on=answers.sent_on,
        named_after=given_name,
    )


def _check_replaced(log: Log, roles: Roles, answers: Answers) -> None:
    """Makes sure that what a column would say is known where there is none."""
    if "time" not in roles and answers.sent_on is None:
        raise SettingsError(
            f"`sent_on`: missing, as `time` is {NO_COLUMN}; use the day on which all were sent"
        )
    if "time" in roles and answers.sent_on is not None:
        raise SettingsError(f"`sent_on`: {roles['time']} holds the time; use `time` {NO_COLUMN} with it")
    if "user" not in roles and len(log.files) > 1:
        raise SettingsError(f"`user`: {NO_COLUMN} numbers the rows of one file, found {len(log.files)} files")


def _user(log: Log, roles: Roles) -> str:
    if "user" not in roles:
        return f"{ROW_PREFIX}1"
    ((user,),) = log.connection.execute(f"SELECT min({log.value(roles['user'])}) FROM log").fetchall()
    return str(user)


def outcome(log: Log, roles: Roles, answers: Answers, role: Role) -> Flag:
    """How the column of a click or an unsubscribe is read; raises as `flag_of` does."""
    return flag_of(log, role, roles[role], answers.meanings.get(role, ()))


def _sends(log: Log, time: str, written: FileFormat) -> dict[dt.date, int]:
    use_time_zone(log.connection, written)
    try:
        rows = log.connection.execute(
            f"SELECT CAST(timezone('UTC', {log.time(time)}) AS DATE) AS day, count(*) FROM log "
            "WHERE day IS NOT NULL GROUP BY 1"
        ).fetchall()
    finally:
        log.connection.execute("SET TimeZone = 'UTC'")
    if not rows:
        raise DataError(f"{log.files[0]}: column {time}: no time can be read; allowed: 2026-01-31 08:00:00")
    return {day: int(count) for day, count in rows}


def _unsubscribes(log: Log, clicked: Flag, unsubscribed: Flag) -> tuple[int, int]:
    ((every, after),) = log.connection.execute(
        f"SELECT count_if({unsubscribed.sql}), count_if(({unsubscribed.sql}) AND ({clicked.sql})) FROM log"
    ).fetchall()
    return int(every), int(after)


def name_of(given: str) -> str:
    """The name of a use case that a text gives: small letters, digits and hyphens."""
    name = "-".join(words_of(given))[:40].strip("-")
    return name if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name) else "newsletter-log"
