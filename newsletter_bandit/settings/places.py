"""Where in the settings a fault of pydantic's lies: its key as the file has it, and what may stand there.

Pydantic's path also names the members of a union, which no file holds: the tag of a discriminated one, such
as `number` in `features.age.number.treatment`, and the class or type of another.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Choice:
    """A union without tags: each of its members says why a value is none of it.

    Attributes:
      key: path of the union.
      members: its types.
      member: the one that a path goes through, as pydantic calls it.
    """

    key: str
    members: tuple[Any, ...]
    member: str


@dataclass(frozen=True)
class Place:
    """A place in the settings.

    Attributes:
      key: its path, such as `features.age.treatment`; "" for the whole.
      kind: type of what may stand there; None where nothing may, or where that is not known.
      metadata: what the type is annotated with: bounds, forms, a discriminator.
      within: the class of settings that knows no such key, where ``kind`` is None.
      choices: the unions without tags that the path goes through, outermost first.
    """

    key: str
    kind: Any
    metadata: tuple[Any, ...] = ()
    within: type[BaseModel] | None = None
    choices: tuple[Choice, ...] = ()


def place_of(path: Sequence[int | str], model: type[BaseModel]) -> Place:
    """The place of pydantic's path in a file of ``model``."""
    keys: list[str] = []
    choices: list[Choice] = []
    within: type[BaseModel] | None = None
    kind: Any = model
    keyed: Any = None
    metadata: tuple[Any, ...] = ()
    for part in path:
        kind, metadata = stripped(kind, metadata)
        if part == "[key]":  # the key of a mapping is at fault, and stands in the path already
            kind, metadata = keyed, ()
        elif is_union(kind):
            if discriminator(metadata) is None:
                choices.append(Choice(".".join(keys), get_args(kind), str(part)))
            kind, metadata = _member(kind, metadata, part), ()
        else:
            keys.append(str(part))
            keyed = None
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                field = kind.model_fields.get(str(part))
                within = kind
                kind, metadata = (None, ()) if field is None else (field.annotation, _of_field(field))
            elif get_origin(kind) is dict:
                keyed, kind = get_args(kind)
                metadata = ()
            else:
                kind, metadata = next(iter(get_args(kind)), None), ()
    kind, metadata = stripped(kind, metadata)
    return Place(".".join(keys), kind, metadata, within, tuple(choices))


def stripped(kind: Any, metadata: tuple[Any, ...] = ()) -> tuple[Any, tuple[Any, ...]]:
    """The type without annotations and without None, and all that it is annotated with."""
    while True:
        if get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            for each in more:
                metadata += _of_field(each) if isinstance(each, FieldInfo) else (each,)
        elif is_union(kind) and type(None) in get_args(kind) and len(get_args(kind)) == 2:
            (kind,) = (each for each in get_args(kind) if each is not type(None))
        else:
            return kind, metadata


def is_union(kind: Any) -> bool:
    """Whether values of several types may stand there."""
    return get_origin(kind) in (Union, types.UnionType)


def discriminator(metadata: Sequence[Any]) -> str | None:
    """The key that says which member of a union a mapping is; None without one."""
    return next((each.key for each in metadata if isinstance(each, _Discriminator)), None)


def tags(kind: Any, key: str) -> list[str]:
    """The values that the key of a discriminated union may have."""
    return [tag for member in get_args(kind) for tag in get_args(member.model_fields[key].annotation)]


@dataclass(frozen=True)
class _Discriminator:
    key: str


def _of_field(field: FieldInfo) -> tuple[Any, ...]:
    named = field.discriminator
    return (*field.metadata, *((_Discriminator(named),) if isinstance(named, str) else ()))


def _member(union: Any, metadata: Sequence[Any], part: int | str) -> Any:
    key = discriminator(metadata)
    for member in get_args(union):
        plain, _ = stripped(member)
        if key is None:
            if getattr(plain, "__name__", None) == part:
                return member
        elif part in get_args(plain.model_fields[key].annotation):
            return member
    return None


def literals(kind: Any) -> tuple[Any, ...] | None:
    """The values of a Literal; None for another type."""
    return get_args(kind) if get_origin(kind) is Literal else None
