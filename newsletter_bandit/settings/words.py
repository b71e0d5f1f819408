"""The words in which texts tell of a use case: what is decided, for whom, and what is done with it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import model_validator

from newsletter_bandit.settings.base import Matching, Settings

Word = Annotated[
    str,
    Matching(
        r"[^\W\d_][^\W_]*([ -][^\W_]+)*",
        "one word or a few, of letters and digits, with blanks or hyphens between them",
    ),
]
_PLURALS = {"units": "unit", "subjects": "subject", "senders": "sender"}


class Words(Settings):
    """What pages, messages and the terminal call things. A word says its thing in the singular.

    Attributes:
      unit: what is decided, such as a newsletter or a visit.
      units: more than one of them; by default the singular with the ending of a regular plural.
      subject: for whom, such as a user or a session.
      subjects: likewise.
      people: subjects are persons, so that a sentence says "who" of them; false says "that".
      send: what is done with a unit, such as to send or to serve it.
      sent: what was done with it.
      sender: who or what does it, by taking the first recommender of a ranking.
      senders: likewise.
    """

    unit: Word = "newsletter"
    units: Word = "newsletters"
    subject: Word = "user"
    subjects: Word = "users"
    people: bool = True
    send: Word = "send"
    sent: Word = "sent"
    sender: Word = "sender"
    senders: Word = "senders"

    @model_validator(mode="before")
    @classmethod
    def _regular_plurals(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        made = {
            plural: _plural(value[singular])
            for plural, singular in _PLURALS.items()
            if plural not in value and isinstance(value.get(singular), str)
        }
        return {**value, **made}

    @property
    def a_unit(self) -> str:
        """Such as "a newsletter" or "an order"."""
        return _with_article(self.unit)

    @property
    def a_subject(self) -> str:
        """Such as "a user" or "an account"."""
        return _with_article(self.subject)

    @property
    def reader(self) -> str:
        """A subject who may have had enough: a reader, where subjects are users of a newsletter."""
        return "reader" if self.subject == "user" else self.subject

    @property
    def readers(self) -> str:
        """More than one `reader`."""
        return "readers" if self.subject == "user" else self.subjects

    @property
    def who(self) -> str:
        """The pronoun for subjects: who, or that."""
        return "who" if self.people else "that"

    @property
    def whom(self) -> str:
        """The same after a preposition: whom, or which."""
        return "whom" if self.people else "which"

    @property
    def sending(self) -> str:
        """Doing it, such as sending or serving."""
        return f"{self.send.removesuffix('e')}ing"

    @property
    def sends(self) -> str:
        """Doing it in the third person, such as sends or pushes; a regular verb ends as a plural does."""
        return _plural(self.send)

    @property
    def left_out(self) -> str:
        """Name of the gate's check of the units without a value of a term of the reward."""
        return f"{self.units} left out"

    def counted_units(self, number: int) -> str:
        """Such as "1 newsletter" or "2,000 newsletters"."""
        return counted(number, self.unit, self.units)

    def counted_subjects(self, number: int) -> str:
        """Such as "1 user" or "2,000 users"."""
        return counted(number, self.subject, self.subjects)


NEWSLETTER = Words()


def counted(number: int, singular: str, plural: str) -> str:
    """A number with its noun, such as "1 newsletter" or "2,000 newsletters"."""
    return f"{number:,} {singular if number == 1 else plural}"


def capital(text: str) -> str:
    """A text as the beginning of a sentence; nothing but its first letter changes."""
    return text[:1].upper() + text[1:]


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeio' else 'a'} {noun}"


def _plural(noun: str) -> str:
    if noun.lower().endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"
