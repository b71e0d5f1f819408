"""A sample of the evaluated rows, and rows in which single features have another row's value."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.example_gen.example_files import records

# Rows that are read for each row of the sample: a split of many millions is not read through.
_READ = 10
_BATCH = 8192


def sample(files: Sequence[str], most: int) -> list[bytes]:
    """Serialized rows of a split: all, or so many of them that a hash picks.

    The sample and its order depend on neither the files nor the order of the rows. Only of a split with more
    than ten times as many rows, the first ones of each file alone are looked at.

    Args:
      files: TFRecord files, at least one.
      most: rows to take, at least 1.
    """
    of_each = -(-_READ * most // len(files))
    found: list[bytes] = []
    for file in files:
        for batch in records(file).take(of_each).batch(_BATCH).as_numpy_iterator():
            found.extend(batch.tolist())
    return sorted(found, key=lambda row: (zlib.crc32(row), row))[:most]


class Parts:
    """Rows taken apart by feature, and put together with other values.

    A serialized tf.Example is a protocol buffer, so two of them in a row are one that has the features of
    both.

    Args:
      rows: n decoded rows, as `example_files.Decoder` makes them.
      features: names of columns of ``rows``.
    """

    def __init__(self, rows: pa.RecordBatch, features: Sequence[str]) -> None:
        names = rows.schema.names
        self._parts = {name: _encoded(rows, [name]) for name in features}
        self._rest = _encoded(rows, [name for name in names if name not in self._parts])

    def replaced(self, feature: str, rows: Sequence[int], donors: npt.NDArray[np.int64]) -> list[bytes]:
        """Some of the rows, each with another row's value of a feature.

        Args:
          feature: one of the features.
          rows: their numbers.
          donors: of each of them, the number of the row whose value it gets.
        """
        kept = [part for name, part in self._parts.items() if name != feature]
        given = self._parts[feature]
        return [
            b"".join((self._rest[row], *(part[row] for part in kept), given[donor]))
            for row, donor in zip(rows, donors.tolist(), strict=True)
        ]


def _encoded(rows: pa.RecordBatch, names: Sequence[str]) -> list[bytes]:
    """The rows' columns of these names as serialized tf.Examples; a row without a value keeps the name."""
    from tfx_bsl.coders.example_coder import RecordBatchToExamples

    columns = [rows.column(rows.schema.get_field_index(name)) for name in names]
    examples: list[bytes] = RecordBatchToExamples(pa.RecordBatch.from_arrays(columns, list(names)))
    return examples
