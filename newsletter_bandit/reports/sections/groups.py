"""Names of groups of users, as a reader takes them."""

from __future__ import annotations


def group(name: str) -> str:
    """A slice's name in words: "country=CH" is "country: CH"."""
    return name.replace("=", ": ", 1)
