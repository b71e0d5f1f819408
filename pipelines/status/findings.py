"""Findings on the state of a use case: how bad each is, in words and in figures."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Severity(enum.IntEnum):
    """How bad a finding is, the worst last.

    A warning says that learning has stopped, or that something becomes critical soon. Critical is what keeps
    users from a ranking of their own: `predict` would be refused, or nothing is served.
    """

    OK = 0
    WARNING = 1
    CRITICAL = 2

    @property
    def word(self) -> str:
        """Its name in small letters."""
        return self.name.lower()


@dataclass(frozen=True)
class Limits:
    """Bounds beside those of the settings.

    Attributes:
      warning_share: share of a limit of the settings from which its line warns, in (0, 1].
      max_unpublished: so many trainings in a row that published nothing are a warning, from 1.
      max_windows: a model that is older than so many windows is a warning, and so are as many windows that
        no training has judged; from 1.
      max_sign_off_days: a version that has waited for its sign-off for longer is a warning, from 0.
    """

    warning_share: float = 0.9
    max_unpublished: int = 3
    max_windows: int = 3
    max_sign_off_days: int = 2


@dataclass(frozen=True)
class Finding:
    """One line of the status.

    Attributes:
      subject: what it is about, one word.
      severity: how bad it is.
      words: what was found, against which limit.
      advice: what to do, such as a command; "" if nothing needs to be done.
      figures: the same for a program, as JSON values.
    """

    subject: str
    severity: Severity
    words: str
    advice: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """The state of a use case at a time.

    Attributes:
      use_case, environment: their names.
      at: the time, UTC.
      findings: one per subject.
    """

    use_case: str
    environment: str
    at: dt.datetime
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity:
        """That of the worst finding."""
        return max((finding.severity for finding in self.findings), default=Severity.OK)

    @property
    def summary(self) -> str:
        """One line: the worst severity first, each with its subjects."""
        by_severity = {
            severity: [finding.subject for finding in self.findings if finding.severity is severity]
            for severity in sorted(Severity, reverse=True)
        }
        bad = [
            f"{severity.word}: {', '.join(subjects)}"
            for severity, subjects in by_severity.items()
            if subjects and severity is not Severity.OK
        ]
        return "; ".join(bad) or f"ok: {', '.join(by_severity[Severity.OK])}"

    def content(self) -> dict[str, Any]:
        """The status as JSON values."""
        return {
            "use_case": self.use_case,
            "environment": self.environment,
            "at": self.at.isoformat(),
            "status": self.severity.word,
            "summary": self.summary,
            "findings": [
                {
                    "subject": finding.subject,
                    "severity": finding.severity.word,
                    "words": finding.words,
                    "advice": finding.advice,
                    **finding.figures,
                }
                for finding in self.findings
            ],
        }


def days(number: int) -> str:
    """A number of days in words."""
    return f"{number} day{'' if number == 1 else 's'}"
