"""A day as an option takes it."""

from __future__ import annotations

import datetime as dt
import re

import typer

_SHAPE = re.compile(r"\d{4}-\d{2}-\d{2}")


def day(text: str) -> dt.datetime:
    """The day of a text YYYY-MM-DD, at midnight; one that is none is refused with what is wrong."""
    if _SHAPE.fullmatch(text.strip()):
        try:
            return dt.datetime.fromisoformat(text.strip())
        except ValueError:
            raise typer.BadParameter(
                f"found {text!r}, a day that does not exist; allowed: YYYY-MM-DD"
            ) from None
    raise typer.BadParameter(f"found {text!r}; allowed: a day YYYY-MM-DD, such as 2026-11-18")
