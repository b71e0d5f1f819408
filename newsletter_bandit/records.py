"""JSON files that hold one object, read field by field and written one way.

A fault is named by file, field, what was found and what is allowed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from newsletter_bandit.errors import DataError
from newsletter_bandit.files import read_bytes

_Value = TypeVar("_Value", bound=str)
_Taken = TypeVar("_Taken")
_SHOWN = 80  # characters of a wrong value


class Fields:
    """One JSON object, whose fields are taken by name and type.

    Args:
      content: the object.
      source: name of the file, for messages.
      path: of the object in the file, with a trailing dot; empty for the whole file.
    """

    def __init__(self, content: Mapping[str, Any], source: str, path: str = "") -> None:
        self.content = content
        self.source = source
        self._path = path

    def __contains__(self, name: str) -> bool:
        """There is such a field."""
        return name in self.content

    def text(self, name: str) -> str:
        """A string."""
        return str(self._take(name, "a text", lambda value: isinstance(value, str)))

    def choice(self, name: str, allowed: tuple[_Value, ...]) -> _Value:
        """One of a few strings."""
        found: _Value = self._take(name, ", ".join(allowed), lambda value: value in allowed)
        return found

    def flag(self, name: str) -> bool:
        """True or false."""
        return bool(self._take(name, "true or false", lambda value: isinstance(value, bool)))

    def whole(self, name: str) -> int:
        """A whole number."""
        return int(self._take(name, "a whole number", _is_whole))

    def number(self, name: str) -> float:
        """A finite number."""
        return float(self._take(name, "a finite number", _is_number))

    def figure(self, name: str) -> float | None:
        """A finite number; None where it is unknown."""
        found = self._take(name, "a finite number or null", lambda value: value is None or _is_number(value))
        return None if found is None else float(found)

    def later(self, name: str) -> float | None:
        """A figure that older files of the format do not have; None there."""
        return self.figure(name) if name in self else None

    def optional(self, name: str, take: Callable[[str], _Taken]) -> _Taken | None:
        """None where the field is null, else what ``take``, another of these methods, makes of it."""
        self._take(name, "null or a value", lambda _: True)
        return None if self.content[name] is None else take(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(self._take(name, "a list of texts", _is_texts))

    def wholes(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        return tuple(
            self._take(
                name,
                "a list of whole numbers",
                lambda value: isinstance(value, list) and all(map(_is_whole, value)),
            )
        )

    def object(self, name: str) -> Fields:
        """An object inside this one."""
        found = self._take(name, "an object", lambda value: isinstance(value, dict))
        return Fields(found, self.source, f"{self._path}{name}.")

    def objects(self, name: str) -> list[Fields]:
        """A list of objects."""
        found = self._take(name, "a list of objects", _is_objects)
        return [Fields(one, self.source, f"{self._path}{name}[{i}].") for i, one in enumerate(found)]

    def rows(self, name: str, *kinds: type[str] | type[float]) -> list[list[Any]]:
        """A list of rows, each a list of one value of each kind: a text, or a finite number."""
        words = " and ".join("a text" if kind is str else "a finite number" for kind in kinds)

        def is_row(row: object) -> bool:
            return (
                isinstance(row, list)
                and len(row) == len(kinds)
                and all(
                    isinstance(value, str) if kind is str else _is_number(value)
                    for value, kind in zip(row, kinds, strict=True)
                )
            )

        found: list[list[Any]] = self._take(
            name,
            f"a list of lists of {words}",
            lambda value: isinstance(value, list) and all(map(is_row, value)),
        )
        return found

    def below(self, group: str) -> Fields:
        """The fields whose names begin with ``group`` and a slash, without it."""
        prefix = f"{group}/"
        inside = {
            name.removeprefix(prefix): value
            for name, value in self.content.items()
            if name.startswith(prefix)
        }
        return Fields(inside, self.source, self._path + prefix)

    def _take(self, name: str, allowed: str, is_allowed: Callable[[Any], bool]) -> Any:
        if name not in self.content:
            raise DataError(f"{self.source}: no field {self._path}{name}; allowed: {allowed}")
        value = self.content[name]
        if not is_allowed(value):
            found = repr(value)[:_SHOWN]
            raise DataError(f"{self.source}: {self._path}{name} is {found}; allowed: {allowed}")
        return value


def parse(text: str | bytes, source: str) -> Fields:
    """The object that a JSON text holds.

    Args:
      text: UTF-8 where it is bytes.
      source: name of the file, for messages.

    Raises:
      DataError: the text is not JSON, or not an object.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DataError(f"{source}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{source}: found {type(content).__name__}; allowed: a JSON object")
    return Fields(content, source)


def read(path: str) -> Fields:
    """The object that a JSON file, on this machine or in a bucket, holds.

    Raises:
      DataError: the file cannot be read, is not JSON, or holds no object.
    """
    try:
        text = read_bytes(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    return parse(text, path)


def to_json(content: Mapping[str, Any]) -> str:
    """Indented JSON that ends with a line break.

    Raises:
      ValueError: a number is not finite.
    """
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
