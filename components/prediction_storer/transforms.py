"""The step as a Beam graph: check the rows, set duplicates aside, and write once the counts allow it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam import pvalue

from components.prediction_storer.checking import CHECKED, Checker
from components.prediction_storer.counts import Counts
from components.prediction_storer.post_process import (
    Rejection,
    Stamp,
    reject_duplicate,
    resolve_duplicates,
)
from components.prediction_storer.writers import make_writer
from pipelines.settings import DatastoreStore, SQLiteStore

_REJECTED = "rejected"


class StorePredictions(beam.PTransform):
    """PCollection of record batches of predictions -> rankings in the store, dead letters and counts in files.

    Rows travel in batches, never one by one: in Python a row's way through a Beam graph costs more than its work.

    Nothing is written to the store before all rows were checked, and nothing at all where the counts forbid
    it: the pipeline then ends normally, and the caller learns of it from the counts file. So no worker has to
    raise an error, which some runners would retry and none hands on with its type.

    Args:
      recommenders: names that may be stored.
      stamp: version and times of the run.
      store: where rankings go.
      max_rejected_share: share of refused rows that is still accepted.
      dead_letters: file for the refused rows, one JSON object a line.
      counts: file for the `Counts`.
      shards: parts of the users that are searched for duplicates, and written, side by side.
    """

    def __init__(
        self,
        recommenders: tuple[str, ...],
        stamp: Stamp,
        store: SQLiteStore | DatastoreStore,
        max_rejected_share: float,
        dead_letters: str,
        counts: str,
        shards: int = 1,
    ) -> None:
        super().__init__()
        self._checker = Checker(recommenders, stamp)
        self._shards = shards
        self._store = store
        self._max_rejected_share = max_rejected_share
        self._dead_letters = dead_letters
        self._counts = counts

    def expand(self, rows: Any) -> None:
        """Builds the graph."""
        checked = rows | "Check" >> beam.ParDo(_Check(self._checker, self._shards)).with_outputs(
            _REJECTED, main="checked"
        )
        unique = (
            checked.checked
            | "GroupByShard" >> beam.GroupByKey()
            | "KeepOne" >> beam.ParDo(_KeepOne(self._checker)).with_outputs(_REJECTED, main="checked")
        )
        rejected = (checked[_REJECTED], unique[_REJECTED]) | "AllRejected" >> beam.Flatten()
        _ = (
            rejected
            | "ToLine" >> beam.Map(Rejection.to_json)
            | "WriteDeadLetters" >> _one_file(self._dead_letters)
        )

        stored_count = unique.checked | "CountStored" >> beam.Map(_count_stored, self._checker)
        rejected_count = rejected | "CountRejected" >> beam.Map(_count_rejected)
        total = (
            (stored_count, rejected_count)
            | "AllCounts" >> beam.Flatten()
            | "Total" >> beam.CombineGlobally(Counts.total)
        )
        _ = total | "CountsToJson" >> beam.Map(Counts.to_json) | "WriteCounts" >> _one_file(self._counts)

        allowed = total | "Allow" >> beam.Map(_allowed, self._max_rejected_share)
        # The side input is the barrier: nothing passes before the last row was counted.
        _ = (
            unique.checked
            | "Barrier" >> beam.Filter(_pass, pvalue.AsSingleton(allowed))
            | "WriteRankings" >> make_writer(self._store, self._checker)
        )


class _Check(beam.DoFn):
    """Batch of predictions -> (shard, checked batch) by user, and each `Rejection` on the side output."""

    def __init__(self, checker: Checker, shards: int) -> None:
        super().__init__()
        self._checker = checker
        self._shards = shards

    def process(self, rows: pa.RecordBatch) -> Iterator[Any]:
        checked, rejections = self._checker.check(rows)
        for rejection in rejections:
            yield pvalue.TaggedOutput(_REJECTED, rejection)
        users = checked.column(0).cast(pa.binary()).to_pylist()
        shard = np.fromiter((zlib.crc32(user) for user in users), np.int64, len(users)) % self._shards
        for number in np.unique(shard):
            yield int(number), checked.take(pa.array(np.flatnonzero(shard == number)))


class _KeepOne(beam.DoFn):
    """(shard, checked batches) -> one checked batch with each user once, and the others on the side output."""

    def __init__(self, checker: Checker) -> None:
        super().__init__()
        self._checker = checker

    def process(self, shard: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[Any]:
        (whole,) = pa.Table.from_batches(list(shard[1]), CHECKED).combine_chunks().to_batches()
        code = whole.column(0).dictionary_encode().indices.to_numpy()
        twice = (np.bincount(code) > 1)[code]
        keep = ~twice
        for user in np.unique(code[twice]):
            index = np.flatnonzero(code == user)
            rankings = list(self._checker.rankings(whole.take(pa.array(index))))
            kept, others = resolve_duplicates(rankings)
            keep[index[next(i for i, ranking in enumerate(rankings) if ranking is kept)]] = True
            for other in others:
                yield pvalue.TaggedOutput(_REJECTED, reject_duplicate(other))
        yield whole.filter(pa.array(keep)) if twice.any() else whole


def _count_stored(checked: pa.RecordBatch, checker: Checker) -> Counts:
    return Counts(stored=checked.num_rows, first_expiry=checker.first_expiry(checked))


def _count_rejected(rejection: Rejection) -> Counts:
    return Counts(rejected={rejection.reason: 1})


def _allowed(counts: Counts, max_rejected_share: float) -> bool:
    return counts.refusal(max_rejected_share) is None


def _pass(_: pa.RecordBatch, allowed: bool) -> bool:
    return allowed


def _one_file(path: str) -> Any:
    # Written under another name first and then renamed, by Beam.
    return beam.io.WriteToText(path, num_shards=1, shard_name_template="")
