"""Rows of a training or inference table as vectors, for learners that take nothing but numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from newsletter_bandit.simulation import catalogue
from newsletter_bandit.simulation.newsletter_crowd import NewsletterCrowd

Vectors = npt.NDArray[np.float32]
Days = npt.NDArray[np.datetime64]


class Encoder:
    """One-hot strings, z-scored numbers, 0/1 where a value is missing, and a constant 1.

    Args:
      table: training or inference rows; vocabularies, means and deviations come from them.
      days: day of sending [n] of each row.
      features: types of the world's features by name; those that the table has not are left out.
      long_tailed: of these, the ones to take the logarithm of; see `World.long_tailed`.
    """

    def __init__(
        self,
        table: pa.Table,
        days: Days,
        features: Mapping[str, str] = catalogue.FEATURES,
        long_tailed: frozenset[str] = NewsletterCrowd.long_tailed,
    ) -> None:
        self.features = tuple(name for name in features if name in table.column_names)
        self._long_tailed = long_tailed
        self._vocabularies: dict[str, list[str]] = {}
        self._moments: dict[str, tuple[float, float]] = {}
        for name in self.features:
            if features[name] == "string":
                found = table[name].unique().to_pylist()
                self._vocabularies[name] = sorted(value for value in found if value is not None)
            else:
                values = numbers(table, name, days, self._long_tailed)
                known = values[np.isfinite(values)]
                self._moments[name] = (
                    (float(known.mean()), float(known.std()) or 1.0) if known.size else (0.0, 1.0)
                )

    @property
    def width(self) -> int:
        """Length D of a vector."""
        return 1 + 2 * len(self._moments) + sum(len(words) for words in self._vocabularies.values())

    def __call__(self, table: pa.Table, days: Days) -> Vectors:
        """Vectors [n, D]; a string that the encoder has not seen is all zeros."""
        parts: list[npt.NDArray[Any]] = [np.ones((table.num_rows, 1), np.float32)]
        for name, (mean, deviation) in self._moments.items():
            values = numbers(table, name, days, self._long_tailed)
            missing = ~np.isfinite(values)
            scaled = np.where(missing, 0.0, (values - mean) / deviation)
            parts += [scaled[:, None], missing[:, None]]
        for name, words in self._vocabularies.items():
            codes = (
                pc.index_in(table[name].combine_chunks(), pa.array(words, pa.string()))
                .fill_null(-1)
                .to_numpy()
            )
            parts.append(codes[:, None] == np.arange(len(words)))
        return np.concatenate([part.astype(np.float32) for part in parts], axis=1)


def numbers(
    table: pa.Table,
    name: str,
    days: Days,
    long_tailed: frozenset[str] = NewsletterCrowd.long_tailed,
) -> npt.NDArray[np.float64]:
    """A feature as numbers [n], NaN where missing; a date as the days since it, a long-tailed one as
    log(1 + x).
    """
    column = table[name].combine_chunks()
    if pa.types.is_date(column.type):
        known = column.is_valid().to_numpy(zero_copy_only=False)
        dates = column.cast(pa.int32()).fill_null(0).to_numpy().astype("datetime64[D]")
        values = np.where(known, (days - dates).astype(np.float64), np.nan)
    else:
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    return np.log1p(np.maximum(values, 0.0)) if name in long_tailed else values
