"""What may stand at a place of the settings, in words."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, get_args, get_origin

import annotated_types
from pydantic import BaseModel

from newsletter_bandit.settings.base import Matching
from newsletter_bandit.settings.places import discriminator, is_union, literals, stripped, tags

_PLAIN: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dt.date: "a date such as 2026-01-31",
    type(None): "null",
}
# A bound's class -> its attribute and its words.
_BOUNDS: dict[type, tuple[str, str]] = {
    annotated_types.Gt: ("gt", "more than"),
    annotated_types.Ge: ("ge", "at least"),
    annotated_types.Lt: ("lt", "less than"),
    annotated_types.Le: ("le", "at most"),
}


def allowed(kind: Any, metadata: Sequence[Any] = ()) -> str:
    """What a value of the type may be; "" where anything may stand."""
    kind, metadata = stripped(kind, tuple(metadata))
    for each in metadata:
        if isinstance(each, Matching):
            return each.words
    if is_union(kind):
        key = discriminator(metadata)
        if key is not None:
            return f"a mapping whose key {key} is {listed(tags(kind, key))}"
        return listed(dict.fromkeys(filter(None, (shape(member) for member in get_args(kind)))))
    values = literals(kind)
    if values is not None:
        return listed(map(str, values))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"a mapping with the keys {', '.join(kind.model_fields)}"
    if get_origin(kind) is dict:
        return _of_items("a mapping, each of whose values is", get_args(kind)[1])
    if get_origin(kind) in (tuple, list):
        return _of_items("a list, such as [a, b], each of whose items is", get_args(kind)[0])
    return ", ".join([*filter(None, [_PLAIN.get(kind)]), *_bounds(metadata)])


def would_fit(text: str, metadata: Sequence[Any]) -> bool:
    """Whether a text has the form that the place asks for."""
    forms = [each for each in metadata if isinstance(each, Matching)]
    return all(re.fullmatch(form.pattern, text) for form in forms)


def shape(member: Any) -> str:
    """What one member of a union may be; of a mapping, the keys that it needs."""
    kind, metadata = stripped(member)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        needed = {name: field for name, field in kind.model_fields.items() if field.is_required()}
        return "{" + ", ".join(f"{name}: ..." for name in needed) + "}"
    return allowed(kind, metadata)


def listed(words: Any) -> str:
    """The words with commas, and "or" before the last."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else str(last)


def _of_items(whole: str, item: Any) -> str:
    words = allowed(item)
    return f"{whole} {words}" if words else whole.partition(",")[0]


def _bounds(metadata: Sequence[Any]) -> list[str]:
    found = [
        f"{words} {getattr(each, name):.12g}"
        for each in metadata
        for bound, (name, words) in _BOUNDS.items()
        if isinstance(each, bound)
    ]
    return [" and ".join(found)] if found else []
