"""`statistics.json`: how the features of a version's training rows are distributed, for the next run's drift.

    {"format": 1, "rows": 8000,
     "features": {"country": {"kind": "values", "missing": 12, "values": [["CH", 5120], ...], "distinct": 6},
                  "age": {"kind": "numbers", "missing": 0, "buckets": [[18.0, 24.0, 800], ...]}}}

The file knows features alone: neither users nor what they did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from newsletter_bandit.records import Fields
from newsletter_bandit.registry.evidence.record import Record

Kind = Literal["values", "numbers"]


@dataclass(frozen=True)
class FeatureStatistics:
    """One feature.

    Attributes:
      kind: "values" of a string or bool; "numbers" of a number or a date, which is days before the
        newsletter.
      missing: rows without a value.
      values: of values, each with its rows, the most frequent first; a long list is cut.
      distinct: how many different values there are, listed or not; 0 of numbers.
      buckets: of numbers, ascending: smallest and largest number, and rows. Each holds about as many, and
        those of a single number are one.
    """

    kind: Kind
    missing: int
    values: tuple[tuple[str, int], ...] = ()
    distinct: int = 0
    buckets: tuple[tuple[float, float, float], ...] = ()

    @property
    def is_whole(self) -> bool:
        """Every value is listed."""
        return self.distinct <= len(self.values)

    def rows_below(self, number: float) -> float:
        """How many rows have a smaller number; linear within a bucket."""
        return sum(
            rows if high < number or low == high else rows * (number - low) / (high - low)
            for low, high, rows in self.buckets
            if low < number
        )

    def rows_up_to(self, number: float) -> float:
        """How many rows have that number or a smaller one."""
        at = sum(rows for low, high, rows in self.buckets if low == high == number)
        return self.rows_below(number) + at

    def below(self, share: float) -> float:
        """The number that a share of the rows, in [0, 1], is below; linear within a bucket.

        Raises:
          ValueError: no row has a number.
        """
        left = share * sum(rows for _, _, rows in self.buckets)
        for low, high, rows in self.buckets:
            if rows and left <= rows:
                return low + (high - low) * left / rows
            left -= rows
        if not self.buckets:
            raise ValueError("no row has a number; allowed: statistics with buckets")
        return self.buckets[-1][1]

    @classmethod
    def of(cls, fields: Fields) -> FeatureStatistics:
        """The statistics that an object of the file holds."""
        kind = fields.choice("kind", get_args(Kind))
        missing = fields.whole("missing")
        if kind == "values":
            values = tuple((value, int(rows)) for value, rows in fields.rows("values", str, float))
            return cls(kind, missing, values, fields.whole("distinct"))
        buckets = fields.rows("buckets", float, float, float)
        return cls(kind, missing, buckets=tuple((low, high, rows) for low, high, rows in buckets))

    def body(self) -> dict[str, Any]:
        """Inverse of `of`."""
        told: dict[str, Any] = {"kind": self.kind, "missing": self.missing}
        if self.kind == "values":
            return {**told, "values": [list(one) for one in self.values], "distinct": self.distinct}
        return {**told, "buckets": [list(one) for one in self.buckets]}


@dataclass(frozen=True)
class Statistics(Record):
    """The features of training rows.

    Attributes:
      rows: number of rows.
      features: by name, in the settings' order.
    """

    FILE = "statistics.json"

    rows: int
    features: Mapping[str, FeatureStatistics]

    @classmethod
    def of(cls, fields: Fields) -> Statistics:
        """The statistics that a file's fields hold."""
        features = fields.object("features")
        return cls(
            fields.whole("rows"),
            {name: FeatureStatistics.of(features.object(name)) for name in features.content},
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {"rows": self.rows, "features": {name: one.body() for name, one in self.features.items()}}
