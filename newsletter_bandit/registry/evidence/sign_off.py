"""`sign_offs.json`: who approved or rejected a published version, when and why.

It lies beside the version's evidence from the first answer on. It is not in the manifest, because it is
written after the version is complete.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal, get_args

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.records import Fields
from newsletter_bandit.registry.evidence.record import Record

Answer = Literal["approved", "rejected"]

MOST_NAME, MOST_NOTE = 100, 1000  # characters


@dataclass(frozen=True)
class SignOff:
    """One person's answer to the question whether a version may be in production.

    Attributes:
      answer: "approved" or "rejected".
      by: the person's name.
      at: when, an aware time.
      note: why, in the person's words.
      compared_with: version that the gate had compared with then; None if nothing was in production.
      overrode: what spoke against the approval, which was given all the same; "" for nothing.
    """

    answer: Answer
    by: str
    at: dt.datetime
    note: str
    compared_with: str | None
    overrode: str = ""

    @property
    def words(self) -> str:
        """Such as "approved by Ada on 24 Nov 2026"; the day is in UTC."""
        return f"{self.answer} by {self.by} on {self.day}"

    @property
    def day(self) -> str:
        """Such as "24 Nov 2026", in UTC."""
        return f"{self.at.astimezone(dt.UTC):%-d %b %Y}"

    def repeats(self, other: SignOff) -> bool:
        """The same person's same answer on the same comparison."""
        return (self.answer, self.by, self.compared_with) == (other.answer, other.by, other.compared_with)

    @classmethod
    def of(cls, fields: Fields) -> SignOff:
        """The answer that fields hold."""
        at = fields.text("at")
        try:
            moment = dt.datetime.fromisoformat(at)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise DataError(f"{fields.source}: at is {at!r}; allowed: a time with a zone, in ISO 8601")
        return cls(
            answer=fields.choice("answer", get_args(Answer)),
            by=fields.text("by"),
            at=moment,
            note=fields.text("note"),
            compared_with=fields.optional("compared_with", fields.text),
            overrode=fields.text("overrode"),
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {
            "answer": self.answer,
            "by": self.by,
            "at": self.at.isoformat(timespec="seconds"),
            "note": self.note,
            "compared_with": self.compared_with,
            "overrode": self.overrode,
        }


@dataclass(frozen=True)
class SignOffs(Record):
    """All answers on a version, oldest first."""

    FILE = "sign_offs.json"

    answers: tuple[SignOff, ...] = ()

    @property
    def last(self) -> SignOff | None:
        """The answer that counts; None if nobody gave one."""
        return self.answers[-1] if self.answers else None

    @property
    def rejection(self) -> SignOff | None:
        """The answer that counts, if it is a rejection."""
        return self.last if self.last is not None and self.last.answer == "rejected" else None

    def given(self, answer: SignOff) -> SignOff | None:
        """The earlier answer that ``answer`` would only repeat; None if somebody answered otherwise since."""
        if self.last is None or self.last.answer != answer.answer:
            return None
        return next((one for one in reversed(self.answers) if answer.repeats(one)), None)

    def plus(self, answer: SignOff) -> SignOffs:
        """These answers, and one more."""
        return SignOffs((*self.answers, answer))

    @classmethod
    def of(cls, fields: Fields) -> SignOffs:
        """The answers that a file's fields hold."""
        return cls(tuple(SignOff.of(one) for one in fields.objects("answers")))

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {"answers": [one.body() for one in self.answers]}


def check_words(by: str, note: str) -> tuple[str, str]:
    """Name and note as they are kept, without blanks around them.

    Raises:
      SettingsError: one of them is empty, too long, or holds something that cannot be printed.
    """
    by, note = by.strip(), note.strip()
    for name, text, most in (("by", by, MOST_NAME), ("note", note, MOST_NOTE)):
        if not text or len(text) > most or not text.isprintable():
            found = f"{len(text)} characters" if len(text) > most else repr(text)
            raise SettingsError(
                f"`{name}`: found {found}; allowed: 1 to {most} printable characters, one line"
            )
    return by, note
