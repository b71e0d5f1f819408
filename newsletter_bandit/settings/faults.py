"""What is wrong with settings, in words: the one translation of pydantic's `ValidationError`.

None of pydantic's own words or patterns reaches a person: whatever the kind of the error, the words are those
of the place where it lies (`allowed.py`).
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.allowed import allowed, listed, shape, would_fit
from newsletter_bandit.settings.base import found
from newsletter_bandit.settings.places import Choice, Place, discriminator, place_of, tags

# Errors of checks that are written here, which say themselves what they found.
_OWN = ("value_error", "assertion_error")


class Fault(NamedTuple):
    """One fault.

    Attributes:
      key: path of the setting, such as `gate.min_rows`; "" where the fault is in the whole.
      words: what is wrong, with what was found or what is allowed.
    """

    key: str
    words: str


def faults(error: ValidationError, model: type[BaseModel]) -> list[Fault]:
    """The faults that ``model`` found, in the order of its fields."""
    return _told([_Detail(detail, place_of(detail["loc"], model)) for detail in error.errors()], 0)


def refusal(
    where: str | Path, error: ValidationError, model: type[BaseModel], advice: str = ""
) -> SettingsError:
    """An error of one line per fault, each naming the place, the key, what was found and what is allowed.

    Args:
      where: file or variable that was read.
      error: what ``model`` raised.
      model: what the content should have been.
      advice: ends each line.
    """
    end = f"; {advice}" if advice else ""
    return SettingsError(
        "\n".join(f"{where}: {key}{': ' if key else ''}{words}{end}" for key, words in faults(error, model))
    )


class _Detail(NamedTuple):
    of: ErrorDetails
    place: Place


def _told(details: Sequence[_Detail], depth: int) -> list[Fault]:
    """The faults of the details, whose paths share their first ``depth`` choices."""
    made: dict[Fault, None] = {}
    for detail in details:
        choices = detail.place.choices[depth : depth + 1]
        if not choices:
            made[_fault(detail)] = None
        for choice in choices:
            # Each member of the union has said why the value is none of it.
            same = [
                each
                for each in details
                if [other.key for other in each.place.choices[depth : depth + 1]] == [choice.key]
            ]
            made |= dict.fromkeys(_of_choice(choice, same, depth))
    return list(made)


def _of_choice(choice: Choice, details: Sequence[_Detail], depth: int) -> list[Fault]:
    whole = [each for each in details if each.place.key == choice.key]
    lacking = {each.place.choices[depth].member for each in details if each.of["type"] == "missing"}
    meant = [each for each in details if each.place.choices[depth].member not in lacking]
    if meant and not whole:  # a mapping with the keys that one member needs is meant to be that one
        return _told(meant, depth + 1)
    value = (whole or details)[0].of["input"]
    shapes = listed(dict.fromkeys(filter(None, map(shape, choice.members))))
    return [Fault(choice.key, f"found {found(value)}; allowed: {shapes}")]


def _fault(detail: _Detail) -> Fault:
    place, kind, value = detail.place, detail.of["type"], detail.of["input"]
    if kind in _OWN:
        return Fault(place.key, detail.of["msg"].partition(", ")[2])
    if kind == "json_invalid":
        return Fault(place.key, f"not JSON: {detail.of['ctx']['error']}; found {found(value)}")
    if kind == "extra_forbidden" and place.within is not None:
        keys = sorted(place.within.model_fields)
        meant = difflib.get_close_matches(place.key.rpartition(".")[2], keys, 1)
        hint = f"; did you mean {meant[0]}" if meant else ""
        return Fault(place.key, f"unknown key{hint}; allowed: {', '.join(keys)}")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        name = discriminator(place.metadata) or ""
        key = f"{place.key}.{name}".removeprefix(".")
        what = f"found {found(value[name])}" if kind == "union_tag_invalid" else "missing"
        return Fault(key, f"{what}; allowed: {listed(tags(place.kind, name))}")
    what = "missing" if kind == "missing" else f"found {found(value)}"
    words = allowed(place.kind, place.metadata)
    text = f"{what}; allowed: {words}" if words else what
    if kind == "string_type" and isinstance(value, (bool, int, float, dt.date)):
        written = found(value).strip('"')
        if would_fit(written, place.metadata):
            text += f'; quote it, as in "{written}"'
    return Fault(place.key, text)
