"""The questions of `init` in a terminal: each with a proposal, asked again if the answer cannot be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.first_use.answers import Answers
from newsletter_bandit.first_use.arms import arms_of
from newsletter_bandit.first_use.features import choose_features
from newsletter_bandit.first_use.flags import Flag, needs_meaning
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.first_use.named_roles import NEEDED, ROLE_WORDS, Role
from newsletter_bandit.first_use.proposal import name_of, outcome
from newsletter_bandit.first_use.roles import NO_COLUMN, propose_roles, require_roles
from newsletter_bandit.first_use.words import OUTCOMES
from newsletter_bandit.settings.mapping import FileFormat
from newsletter_bandit.warehouse.staging import use_time_zone
from pipelines.cli import init_report
from pipelines.cli.init_asking import ask
from pipelines.cli.init_choice import ask_choice

_ASKED: tuple[Role, ...] = ("user", "time", "recommender", "clicked", "unsubscribed")
_NONE: dict[Role, str] = {
    "user": f" ({NO_COLUMN} if each row is another user)",
    "time": f" ({NO_COLUMN} if all were sent on one day)",
    "recommender": "",
    "clicked": "",
}


def complete(out: Console, log: Log, answers: Answers, folder: Path | None) -> Answers:
    """Shows the log, asks what the options left open, and returns all answers.

    Args:
      out: terminal.
      log: the files.
      answers: what was given as options.
      folder: of the use cases that are there; None where they may be replaced.

    Raises:
      UnknownChoiceError: nobody knows how the recommender was chosen.
      SettingsError: as `propose`, for what was given as an option; or the input ends.
    """
    init_report.show_log(out, log, propose_roles(log, answers.roles))
    out.print(
        "Press Enter to take what stands in brackets; Ctrl-C ends, and nothing is written.\n", markup=False
    )
    for role in _ASKED:
        answers = _meaning(out, log, _role(out, log, answers, role), role)
    if answers.roles.get("time") == NO_COLUMN and answers.sent_on is None:
        answers = replace(
            answers, sent_on=ask(out, "Day on which all were sent, such as 2026-11-18", "", _day)
        )
    roles = propose_roles(log, answers.roles)
    require_roles(log, roles, answers.roles)
    clicked = outcome(log, roles, answers, "clicked")
    if not answers.names:
        out.print()
        init_report.show_arms(out, arms_of(log, roles["recommender"], clicked, {}))
        names = ask(
            out,
            "Rename some? OLD=NEW, more with semicolons between, or Enter for none",
            "",
            lambda text: _names(log, roles["recommender"], clicked, text),
        )
        answers = replace(answers, names=names)
    arms = arms_of(log, roles["recommender"], clicked, answers.names)
    if answers.names:
        init_report.show_arms(out, arms)
    said = answers.split is not None or answers.rule_column is not None or answers.estimate_by
    if not said and "propensity" not in answers.roles:
        answers = ask_choice(out, log, answers, arms)
    out.print()
    if answers.time_zone is None and "time" in roles and not log.columns[roles["time"]].zoned:
        out.print(f"Times without a zone are taken as UTC. {init_report.ZONE_HINT}.", markup=False)
        zone = ask(out, "Time zone of the times, such as Europe/Zurich", "UTC", lambda text: _zone(log, text))
        answers = replace(answers, time_zone=zone)
    if not answers.without:
        answers = replace(answers, without=_without(out, log, answers))
    if answers.name is None:
        name = name_of(log.files[0].name.split(".")[0])
        question = "Name of the use case, of small letters, digits and hyphens"
        answers = replace(answers, name=ask(out, question, name, _free_name(folder)))
    return answers


def _free_name(folder: Path | None) -> Callable[[str], str]:
    def take(text: str) -> str:
        path = None if folder is None else folder / f"{name_of(text)}.yaml"
        if path is not None and path.exists():
            raise SettingsError(f"{path} is there already; give another name")
        return text

    return take


def month_first(out: Console, log: Log) -> bool:
    """Asks how the dates begin that could begin with the day or the month."""
    column = log.in_doubt[0]

    def take(text: str) -> bool:
        if text.lower() not in ("d", "day", "m", "month"):
            raise SettingsError(f"found {text!r}; allowed: day or month")
        return text.lower().startswith("m")

    example = log.columns[column].example
    return ask(out, f"Does a date such as {example} ({column}) begin with the day or the month", "", take)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"found {text!r}; allowed: a day such as 2026-11-18") from None


def _role(out: Console, log: Log, answers: Answers, role: Role) -> Answers:
    if role in answers.roles:
        return answers
    proposed = propose_roles(log, answers.roles).get(role, "" if role in NEEDED else NO_COLUMN)
    none = _NONE.get(role, f" ({NO_COLUMN} for none)")

    def take(text: str) -> Answers:
        if not text or (text == NO_COLUMN and not _NONE.get(role, NO_COLUMN)):
            raise SettingsError(f"a column is needed; allowed: {', '.join(log.columns)}")
        given = replace(answers, roles={**answers.roles, role: text})
        propose_roles(log, given.roles)
        return given

    return ask(out, f"Column of {ROLE_WORDS[role]}{none}", proposed, take)


def _meaning(out: Console, log: Log, answers: Answers, role: Role) -> Answers:
    """Asks which words of an outcome's column mean yes, where it holds several."""
    column = answers.roles.get(role, NO_COLUMN)
    if role not in OUTCOMES or column == NO_COLUMN or role in answers.meanings:
        return answers
    facts = log.columns[column]
    if not needs_meaning(facts):
        return answers

    def take(text: str) -> Answers:
        words = tuple(filter(None, (each.strip() for each in text.split(";"))))
        given = replace(answers, meanings={**answers.meanings, role: words})
        outcome(log, given.roles, given, role)
        return given

    words = ", ".join(word for word, _ in facts.values)
    return ask(out, f"Which of its values mean yes, semicolons between: {words}", "", take)


def _names(log: Log, column: str, clicked: Flag, text: str) -> dict[str, str]:
    names = {}
    for part in filter(None, (each.strip() for each in text.split(";"))):
        old, sign, new = part.rpartition("=")
        if not sign or not new.strip():
            raise SettingsError(f"found {part!r}; allowed: OLD=NEW, such as 1=deals")
        names[old.strip()] = new.strip()
    arms_of(log, column, clicked, names)
    return names


def _zone(log: Log, text: str) -> str:
    use_time_zone(log.connection, FileFormat(time_zone=text))
    log.connection.execute("SET TimeZone = 'UTC'")
    return text


def _without(out: Console, log: Log, answers: Answers) -> tuple[str, ...]:
    roles = propose_roles(log, answers.roles)
    clicked = outcome(log, roles, answers, "clicked")
    features, left_out = choose_features(log, roles, answers.sent_on, clicked, ())
    if not features:  # the proposal says why
        return ()
    out.print()
    init_report.show_features(out, features, left_out)

    def take(text: str) -> tuple[str, ...]:
        columns = tuple(filter(None, (each.strip() for each in text.split(";"))))
        unknown = [column for column in columns if column not in log.columns]
        if unknown:
            raise SettingsError(f"no column {', '.join(unknown)}; allowed: {', '.join(log.columns)}")
        if all(each.column in columns for each in features):
            raise SettingsError("leaves no feature; allowed: to keep at least one")
        return columns

    return ask(out, "Leave some out? Columns, semicolons between, or Enter for none", "", take)
