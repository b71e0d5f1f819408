"""What is wrong with settings, in words: the one translation of pydantic's `ValidationError`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from newsletter_bandit.errors import SettingsError

_MOST_SHOWN = 120  # characters of a value that was found


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
    return [
        Fault(".".join(str(part) for part in detail["loc"]), _words(detail, model))
        for detail in error.errors()
    ]


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
        "\n".join(f"{where}: {key or '(file)'}: {words}{end}" for key, words in faults(error, model))
    )


def _words(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        return "unknown key" + _allowed(detail, model)
    if detail["type"] == "missing":
        return "missing"
    words = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":  # the settings' own check, which says itself what it found
        return words
    return f"{words}; found {json.dumps(detail['input'], default=str)[:_MOST_SHOWN]}"


def _allowed(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """The keys allowed in place of an unknown one: those of the innermost settings class on its path."""
    current: Any = model
    for part in detail["loc"][:-1]:
        fields = getattr(current, "model_fields", {})
        if part in fields:
            annotation = fields[part].annotation
            current = annotation if isinstance(annotation, type) else None
        else:
            current = None
    fields = getattr(current, "model_fields", None)
    return f"; allowed: {', '.join(sorted(fields))}" if fields else ""
