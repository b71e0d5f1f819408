"""Values as YAML writes them, quoted where YAML would read them as something else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-zÀ-ž][A-Za-zÀ-ž0-9_./-]*( [A-Za-zÀ-ž0-9_./-]+)*")
# What YAML reads as something else than text, in lower case.
_WORDS = frozenset(["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"])
_WIDTH = 118


def plain(value: Any) -> Any:
    """Values of settings as YAML's own: tuples as lists, dates as they are."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return list(value) if isinstance(value, tuple) else value


def block(key: str, items: Sequence[str]) -> list[str]:
    """A list of texts: on one line where it fits, else one line each."""
    line = f"{key}: {flow(list(items))}"
    return [line] if len(line) <= _WIDTH else [f"{key}:", *(f"  - {scalar(item)}" for item in items)]


def flow(value: Any) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A single value; a text is quoted where YAML would read it as something else."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) is not None and value.lower() not in _WORDS
        return value if plain or re.fullmatch(r"\d+(\.\d+)?%", value) else _quoted(value)
    # Without an exponent, which YAML 1.1 takes for a text.
    return f"{value:.10f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def one_line(text: str) -> str:
    """The text as a comment can hold it."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _quoted(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '\\"':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
