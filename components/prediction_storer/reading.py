"""Files of predictions; each pass reads and checks them again, and finds the same rows in the same order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Set
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.bulk_inferrer.files import read_predictions
from components.prediction_storer.checking import Checker
from components.prediction_storer.post_process import Rejection
from newsletter_bandit.threads import in_order

Hashes = npt.NDArray[np.uint64]


def read_checked(path: str, checker: Checker) -> Iterator[tuple[int, pa.RecordBatch, list[Rejection]]]:
    """Checked batches of a file, the rows that may not be stored, and how many checked rows came before."""
    before = 0
    for checked, rejections in in_order(checker.check, read_predictions(path)):
        yield before, checked, rejections
        before += checked.num_rows


def user_hashes(checked: pa.RecordBatch) -> Hashes:
    """A hash of each row's user, uint64 [n]; equal for equal users, whatever process it is made in."""
    users = checked.column(0).cast(pa.binary()).to_numpy(zero_copy_only=False)
    hashed = b"".join([hashlib.blake2b(user, digest_size=8).digest() for user in users])
    return np.frombuffer(hashed, np.uint64)


class ReadChecked(beam.DoFn):
    """Path -> checked batches, without the rows that are left out: (path, number of the checked row)."""

    def __init__(self, checker: Checker) -> None:
        super().__init__()
        self._checker = checker

    def process(self, path: str, left_out: Any) -> Iterator[pa.RecordBatch]:
        numbers: Set[int] = {number for file, number in left_out if file == path}
        for before, checked, _ in read_checked(path, self._checker):
            drop = [n - before for n in numbers if before <= n < before + checked.num_rows]
            if drop:
                keep = np.ones(checked.num_rows, dtype=np.bool_)
                keep[drop] = False
                checked = checked.filter(pa.array(keep))
            if checked.num_rows:
                yield checked
