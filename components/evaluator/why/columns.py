"""A sample's features as columns of values, which know what is typical and how far two rows are apart."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from newsletter_bandit.settings.tables import Feature

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# A text that fewer rows of a sample have could tell who the user is.
COMMON = 10
RARE = "a rare value"
_DIGITS = 2  # of a number that is shown


class Column(ABC):
    """Values of one feature in the n rows of a sample."""

    @property
    @abstractmethod
    def missing(self) -> BoolArray:
        """Which rows have no value, [n]."""

    @property
    @abstractmethod
    def constant(self) -> bool:
        """All rows have the same value, or none."""

    @abstractmethod
    def typical(self, rows: IntArray) -> int:
        """Number of a row whose value is typical of some rows, at least one: of numbers the median, of texts
        the most frequent one; a missing one if that is so.
        """

    @abstractmethod
    def distances(self, rows: IntArray, row: int) -> FloatArray:
        """How far some rows are from one row, in [0, 1]."""

    @abstractmethod
    def shown(self, row: int) -> str | None:
        """A row's value as it may be shown; None for a missing one."""

    def differs(self, row: int, other: int) -> bool:
        """Whether two rows are shown with different values."""
        return self.shown(row) != self.shown(other)


class Numbers(Column):
    """A column of numbers.

    Args:
      values: [n]; NaN where one is missing.
    """

    def __init__(self, values: FloatArray) -> None:
        self.values = values
        known = values[np.isfinite(values)]
        # The middle four fifths, so that a few huge values do not make all others alike.
        low, high = np.quantile(known, (0.1, 0.9)) if len(known) else (0.0, 0.0)
        self._spread = float(high - low)

    @property
    def missing(self) -> BoolArray:
        return np.isnan(self.values)

    @property
    def constant(self) -> bool:
        return len(np.unique(self.values)) < 2  # NaN counts once

    def typical(self, rows: IntArray) -> int:
        missing = self.missing[rows]
        if 2 * np.count_nonzero(missing) > len(rows):
            return int(rows[missing][0])
        known = rows[~missing]
        in_order = known[np.argsort(self.values[known], kind="stable")]
        return int(in_order[(len(in_order) - 1) // 2])

    def distances(self, rows: IntArray, row: int) -> FloatArray:
        value, others = self.values[row], self.values[rows]
        if math.isnan(value):
            return np.where(np.isnan(others), 0.0, 1.0)
        apart = np.abs(others - value)
        scaled = np.minimum(apart / self._spread, 1.0) if self._spread else (apart > 0.0).astype(np.float64)
        return np.where(np.isnan(others), 1.0, scaled)

    def shown(self, row: int) -> str | None:
        value = float(self.values[row])
        return None if math.isnan(value) else rounded(value)


class Texts(Column):
    """A column of texts.

    Args:
      codes: [n], indices into ``kinds``; -1 where one is missing.
      kinds: the different texts, in their order.
      common: of these, how many rows must have one before it may be shown.
    """

    def __init__(self, codes: IntArray, kinds: tuple[str, ...], common: int = COMMON) -> None:
        self.codes, self.kinds = codes, kinds
        self.counts = np.bincount(codes[codes >= 0], minlength=len(kinds))
        self._common = common

    @property
    def missing(self) -> BoolArray:
        found: BoolArray = self.codes < 0
        return found

    @property
    def constant(self) -> bool:
        return len(np.unique(self.codes)) < 2

    def typical(self, rows: IntArray) -> int:
        codes = self.codes[rows]
        most = int(np.argmax(np.bincount(codes + 1))) - 1
        return int(rows[np.argmax(codes == most)])

    def distances(self, rows: IntArray, row: int) -> FloatArray:
        return np.where(self.codes[rows] != self.codes[row], 1.0, 0.0)

    def shown(self, row: int) -> str | None:
        code = int(self.codes[row])
        if code < 0:
            return None
        return self.kinds[code] if self.counts[code] >= self._common else RARE


def column(rows: pa.RecordBatch, name: str, feature: Feature) -> Column:
    """A feature's column.

    Args:
      rows: as `example_files.Decoder` makes them; without the column, every value is missing.
      name: of the feature.
      feature: its settings; a bool is a column of the texts "no" and "yes".
    """
    present, values = _first_values(rows, name)
    if feature.type in ("number", "date"):
        numbers = np.full(rows.num_rows, math.nan)
        if len(present):
            numbers[present] = values.to_numpy(zero_copy_only=False).astype(np.float64)
        numbers[~np.isfinite(numbers)] = math.nan
        return Numbers(numbers)
    codes = np.full(rows.num_rows, -1)
    if not len(present):
        return Texts(codes, ())
    encoded = pc.dictionary_encode(values)
    kinds = np.array([_text(value) for value in encoded.dictionary.to_pylist()])
    # In their order, so that nothing depends on that of the rows.
    order = np.argsort(kinds)
    kinds, place = kinds[order], np.argsort(order)
    codes[present] = place[encoded.indices.to_numpy(zero_copy_only=False)]
    if kinds[0] == "":  # an empty text is a missing one
        codes, kinds = np.maximum(codes - 1, -1), kinds[1:]
    # Yes and no tell nothing of anybody, however rare one is.
    common = 1 if feature.type == "bool" else COMMON
    return Texts(codes, tuple(kinds.tolist()), common)


def rounded(value: float, digits: int = _DIGITS) -> str:
    """A number with few digits that count, such as "3,400" or "0.12"."""
    if value == 0.0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    found = round(value, places)
    return f"{found:,.{max(places, 0)}f}".rstrip("0").rstrip(".") if places > 0 else f"{found:,.0f}"


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else "yes" if value else "no"


def _first_values(rows: pa.RecordBatch, name: str) -> tuple[IntArray, pa.Array]:
    """Numbers of the rows that have a value, and the first one of each."""
    index = rows.schema.get_field_index(name)
    lists = None if index < 0 else rows.column(index)
    if lists is None or pa.types.is_null(lists.type):
        return np.zeros(0, np.int64), pa.array([])
    of_row = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    present, first = np.unique(of_row, return_index=True)
    return present, pc.list_flatten(lists).take(pa.array(first))
