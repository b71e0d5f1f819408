"""Encoding of context columns, learned from a sample: categories as indicators, numbers as z-scores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from newsletter_bandit.off_policy.logged_table.arrays import coded
from newsletter_bandit.table_files.cells import HOW_TO_WRITE_NUMBERS, is_separated

FloatArray = npt.NDArray[np.float64]
# A column is a number if every value of the sample is a number and more than this many are different.
MAX_CODES = 12
MAX_CATEGORIES = 50
_FEW, _SHOWN = 0.5, 30


class Encoder:
    """[n, d] matrix of context columns.

    A number gives its z-score and an indicator of a missing value, whose z-score is 0. Anything else gives an
    indicator for each of its `MAX_CATEGORIES` most frequent values, empty among them; the rest share one.

    Args:
      sample: column -> [m] text, null where empty.
    """

    def __init__(self, sample: Mapping[str, pa.Array]) -> None:
        self._columns: dict[str, _Number | _Category] = {}
        for name, values in sample.items():
            number = _Number.of(values)
            self._columns[name] = _Category(values) if number is None else number

    def encode(self, labels: Mapping[str, pa.Array]) -> FloatArray:
        """float64 [n, d] of the sample's columns; others are left out."""
        return np.concatenate([column.encode(labels[name]) for name, column in self._columns.items()], axis=1)


def nearly_numbers(sample: Mapping[str, pa.Array]) -> list[str]:
    """A sentence on each column that holds numbers but for a few values, so that it counts as a category.

    Args:
      sample: column -> [m] text, null where empty.
    """
    said = []
    for name, values in sample.items():
        distinct = values.drop_null().unique()
        odd = np.isnan(_numbers(distinct))
        separated = odd & np.array([is_separated(str(value)) for value in distinct.to_pylist()], dtype=bool)
        if len(distinct) > MAX_CODES and odd.any() and (odd & ~separated).sum() < _FEW * len(distinct):
            first = str(distinct[int((separated if separated.any() else odd).argmax())].as_py())[:_SHOWN]
            remedy = f"; {HOW_TO_WRITE_NUMBERS}" if separated.any() else ""
            said.append(
                f"Column {name} holds {int(odd.sum()):,} values that are no number, such as {first!r}, among "
                f"{len(distinct):,}: it counts as a category{remedy}."
            )
    return said


class _Number:
    width = 2

    def __init__(self, mean: float, deviation: float) -> None:
        self._mean = mean
        self._deviation = deviation

    @classmethod
    def of(cls, values: pa.Array) -> _Number | None:
        """Mean and scale of a column; None if the column is not a number."""
        given = values.drop_null()
        distinct = given.unique()
        if len(distinct) <= MAX_CODES or np.isnan(_numbers(distinct)).any():
            return None
        numbers = _numbers(given)
        return cls(float(numbers.mean()), float(numbers.std()) or 1.0)

    def encode(self, values: pa.Array) -> FloatArray:
        numbers = _numbers(values)
        missing = np.isnan(numbers)
        scores = np.where(missing, 0.0, (numbers - self._mean) / self._deviation)
        return np.stack([scores, missing.astype(np.float64)], axis=1)


class _Category:
    def __init__(self, values: pa.Array) -> None:
        counted = [(entry["values"].as_py(), entry["counts"].as_py()) for entry in values.value_counts()]
        counted.sort(key=lambda pair: (-pair[1], pair[0] is not None, pair[0]))
        self._index = {value: index for index, (value, _) in enumerate(counted[:MAX_CATEGORIES])}

    @property
    def width(self) -> int:
        return len(self._index) + 1

    def encode(self, values: pa.Array) -> FloatArray:
        codes, names = coded(values)
        other = len(self._index)
        places = np.array([self._index.get(name, other) for name in names], dtype=np.int64)
        found = np.zeros((len(values), self.width))
        found[np.arange(len(values)), places[codes]] = 1.0
        return found


def _numbers(values: pa.Array) -> FloatArray:
    """Texts as float64 [n]; NaN where a text is missing or not a finite number."""
    codes, names = coded(values)
    return np.array([_number(name) for name in names], dtype=np.float64)[codes]


def _number(text: str | None) -> float:
    try:
        number = float(text) if text is not None else np.nan
    except ValueError:
        return np.nan
    return number if np.isfinite(number) else np.nan
