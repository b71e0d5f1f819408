"""Facts of one column: what kind of values it holds, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["flag", "number", "time", "day", "text", "empty"]
KIND_WORDS: dict[Kind, str] = {
    "flag": "yes or no",
    "number": "number",
    "time": "time",
    "day": "day",
    "text": "text",
    "empty": "nothing",
}


@dataclass(frozen=True)
class Odd:
    """A text that is not what nearly all of its column is.

    Attributes:
      value: the text.
      rows: rows that hold it.
      row: the first of them, from 1, over all files in their order.
    """

    value: str
    rows: int
    row: int


@dataclass(frozen=True)
class Facts:
    """What one column of the files holds; empty cells, and texts that stand for them, do not count.

    Attributes:
      name: the column, as the files call it.
      kind: a flag has only words for yes and no; a time has an hour, a day has none.
      filled: rows with a value.
      different: different values.
      values: the commonest values with their rows, the commonest first; all of them where `complete`.
      nulls: texts that stand for an empty cell in this column alone.
      formats: strptime formats of its dates; none where they are written 2026-01-31.
      epoch: unit of its times, `seconds` or `milliseconds`, where they are numbers since 1970; "" elsewhere.
      zoned: whether each time names its zone.
      low, median, high: of a number; 0 elsewhere.
      whole: whether each number is whole.
      mostly: of a text, what most of its values are or look like: times, numbers, or "" for neither.
      odd: the commonest values that the column's kind, or what it is `mostly`, cannot read.
      odd_rows: rows of all such values.
    """

    name: str
    kind: Kind
    filled: int
    different: int
    values: tuple[tuple[str, int], ...]
    nulls: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    epoch: str = ""
    zoned: bool = False
    low: float = 0.0
    median: float = 0.0
    high: float = 0.0
    whole: bool = False
    mostly: Literal["", "time", "number"] = ""
    odd: tuple[Odd, ...] = ()
    odd_rows: int = 0

    @property
    def complete(self) -> bool:
        """`values` holds every different value."""
        return len(self.values) == self.different

    @property
    def dated(self) -> bool:
        """A time or a day."""
        return self.kind in ("time", "day")

    @property
    def example(self) -> str:
        """The commonest value."""
        return self.values[0][0] if self.values else ""
