"""The fields of a stored record, read off its dataclass: name, type, and whether a query asks for it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, get_type_hints

# Named as the warehouse names them.
ColumnType = Literal["STRING", "BOOL", "TIMESTAMP", "ARRAY<STRING>", "ARRAY<FLOAT64>"]

# Metadata of a dataclass field that a query asks for.
INDEXED: Final = MappingProxyType({"indexed": True})

_COLUMN_TYPE: dict[Any, ColumnType] = {
    str: "STRING",
    bool: "BOOL",
    dt.datetime: "TIMESTAMP",
    tuple[str, ...]: "ARRAY<STRING>",
    tuple[float, ...]: "ARRAY<FLOAT64>",
}


@dataclass(frozen=True)
class Field:
    """One field of a stored record.

    Attributes:
      name: in every store and in the answer's JSON.
      type: of its values.
      indexed: whether a query asks for it.
    """

    name: str
    type: ColumnType
    indexed: bool

    @property
    def is_list(self) -> bool:
        """Whether it holds one value per slot of the ranking."""
        return self.type.startswith("ARRAY")


def fields_of(record: type) -> tuple[Field, ...]:
    """The fields of a dataclass in their order.

    Raises:
      TypeError: a field's annotation has no column type.
    """
    annotations = get_type_hints(record)
    found = []
    for each in dataclasses.fields(record):
        annotation = annotations[each.name]
        if annotation not in _COLUMN_TYPE:
            allowed = ", ".join(str(getattr(kind, "__name__", kind)) for kind in _COLUMN_TYPE)
            raise TypeError(f"{record.__name__}.{each.name}: found {annotation}; allowed: {allowed}")
        found.append(Field(each.name, _COLUMN_TYPE[annotation], bool(each.metadata.get("indexed", False))))
    return tuple(found)
