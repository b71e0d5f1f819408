"""Sign-off: who approved or rejected the version, when and why; or that it waits for an answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.reports.commands import complete
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.judgement import own, standing


@dataclass(frozen=True)
class Answer:
    """One person's answer; ``overrode`` is what spoke against it, "" for nothing."""

    answer: str
    by: str
    at: str
    note: str
    overrode: str


@dataclass(frozen=True)
class Command:
    """A command without the program's name, and what it does."""

    text: str
    command: str


@dataclass(frozen=True)
class Section:
    """What is known of the sign-off.

    Attributes:
      sentence: where it stands.
      answers: oldest first.
      steps: what can be answered now.
    """

    sentence: str
    answers: tuple[Answer, ...]
    steps: tuple[Command, ...]


def section(
    evidence: Evidence, versions: Sequence[VersionInfo], now: dt.datetime | None = None
) -> Section | None:
    """The sign-off of the run's version; None where the gate refused it.

    Args:
      evidence: of the run.
      versions: every published version.
      now: when the page is made; None leaves out for how long it has waited.
    """
    if evidence.version is None:
        return None
    info, where = own(evidence, versions), standing(evidence, versions)
    answers = () if info is None else info.sign_offs.answers
    steps = []
    if where == "waiting" or (where == "live" and not answers):
        does = ": it goes into production" if where == "waiting" else ""
        approve = complete(f"models approve {evidence.version} --note TEXT", evidence)
        steps.append(Command(f"To approve it{does}:", approve))
    if where == "waiting":
        reject = complete(f"models reject {evidence.version} --note TEXT", evidence)
        steps.append(Command("To reject it, so that it stays out:", reject))
    return Section(
        _sentence(evidence, info, where, now),
        tuple(
            Answer(one.answer, one.by, f"{one.at:%-d %b %Y, %H:%M} UTC", one.note, one.overrode)
            for one in answers
        ),
        tuple(steps),
    )


def _sentence(evidence: Evidence, info: VersionInfo | None, where: str, now: dt.datetime | None) -> str:
    last = None if info is None else info.sign_offs.last
    if where == "waiting" and last is not None:
        return f"It was {last.words}, but is not in production yet: the same command again puts it there."
    if where == "waiting":
        if info is None or now is None:
            return "It waits for its sign-off."
        return f"It has waited for its sign-off for {_days(now - info.created)}."
    if last is not None:
        return f"It was {last.words}."
    if evidence.use_case.publication.wait_for_sign_off:
        return "Nobody signed it off."
    return "Nobody has signed it off. The settings do not ask for it (publication.wait_for_sign_off)."


def _days(age: dt.timedelta) -> str:
    days = max(0, age.days)
    return "less than a day" if days == 0 else f"{days} day{'' if days == 1 else 's'}"
