"""The step as a Beam graph: check the rows, set duplicates aside, and write once the counts allow it.

    files -> Check ---> rows that expire on a day, rejections, a hash of each user
    files -> Check ---> first slots of a file, counts for the page of the day
    hashes of users --> Repeated -> those that occur twice
    files, these -----> Suspects -> by user -> KeepOne -> rows left out, rejections
    files, counts, first slots -> Barrier -> ReadChecked -> batches without the rows left out -> writer
    what was written -> Written -> ReadBack

Only names of files, 8 bytes per user and what is unusual travel through Beam, since the in-process runner
holds in memory whatever lies between two steps of a graph. So the files are read twice; storing a row takes
many times as long as reading it. Where a hash occurs twice, the files are read once more for the users that
it belongs to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam import pvalue

from components.prediction_storer.checking import CHECKED, Checker
from components.prediction_storer.counts import Counts
from components.prediction_storer.day_counts import DayCounts
from components.prediction_storer.first_slots import FirstSlots, Judge
from components.prediction_storer.post_process import (
    ANY_SCORE,
    Rejection,
    Stamp,
    reject_duplicate,
    resolve_duplicates,
)
from components.prediction_storer.read_back import ReadBack, Written, read_back
from components.prediction_storer.reading import ReadChecked, read_checked, user_hashes
from components.prediction_storer.writers import make_writer
from newsletter_bandit.exported_model import EXPIRES_AFTER_DAYS
from newsletter_bandit.settings.environment import DatastoreStore, SQLiteStore

_REJECTED, _USERS, _TALLY, _FIRST, _DAY = "rejected", "users", "tally", "first", "day"
_DAYS = CHECKED.get_field_index(EXPIRES_AFTER_DAYS)


class StorePredictions(beam.PTransform):
    """PCollection of paths of files of predictions -> rankings in the store, dead letters and counts in
    files.

    Rows travel in batches, never one by one: in Python a row's way through a Beam graph costs more than its
    work.

    Nothing is written to the store before all rows were checked, and nothing at all if the counts or the
    judge forbid it. The pipeline then ends normally, and the caller learns of it from the files. So no worker
    has to raise an error, which some runners would retry and none hands on with its type.

    Args:
      recommenders: names that may be stored.
      stamp: version and times of the run.
      store: store that the rankings go to.
      max_rejected_share: share of refused rows that is still accepted.
      dead_letters: file for the refused rows, one JSON object per line.
      counts: file for the `Counts`.
      first_slots: file for the `FirstSlots`; None for none.
      judge: says whether rankings with these first slots may be stored; None: any.
      score_bounds: smallest and largest score of a row that may be stored.
      shards: parts of the users that are searched for duplicates side by side.
      day_counts: file for the `DayCounts`; None for none.
      score_bin: width of their bins of scores.
      force: whether rankings of a later day may be replaced in Datastore.
      read_back: file for the `ReadBack`; None for none.
      read_back_users: users that are looked up for it.
    """

    def __init__(
        self,
        recommenders: tuple[str, ...],
        stamp: Stamp,
        store: SQLiteStore | DatastoreStore,
        max_rejected_share: float,
        dead_letters: str,
        counts: str,
        first_slots: str | None = None,
        judge: Judge | None = None,
        score_bounds: tuple[float, float] = ANY_SCORE,
        shards: int = 1,
        day_counts: str | None = None,
        score_bin: float = 0.0005,
        force: bool = False,
        read_back: str | None = None,
        read_back_users: int = 0,
    ) -> None:
        super().__init__()
        self._checker = Checker(recommenders, stamp, score_bounds)
        self._day_counts = day_counts
        self._score_bin = score_bin
        self._first_slots = first_slots
        self._judge = judge
        self._shards = shards
        self._store = store
        self._max_rejected_share = max_rejected_share
        self._dead_letters = dead_letters
        self._counts = counts
        self._force = force
        self._read_back = read_back
        self._read_back_users = read_back_users

    def expand(self, files: Any) -> None:
        """Builds the graph."""
        check = _Check(self._checker, self._shards, self._score_bin)
        checked = files | "Check" >> beam.ParDo(check).with_outputs(
            _REJECTED, _USERS, _FIRST, _DAY, main=_TALLY
        )
        twice = checked[_USERS] | "GroupByShard" >> beam.GroupByKey() | "Repeated" >> beam.FlatMap(_repeated)
        unique = (
            files
            | "Suspects" >> beam.ParDo(_Suspects(self._checker), pvalue.AsIter(twice))
            | "GroupByUser" >> beam.GroupByKey()
            | "KeepOne"
            >> beam.ParDo(_KeepOne(self._checker, self._score_bin)).with_outputs(
                _REJECTED, _TALLY, _DAY, main="left_out"
            )
        )
        rejected = (checked[_REJECTED], unique[_REJECTED]) | "AllRejected" >> beam.Flatten()
        _ = (
            rejected
            | "ToLine" >> beam.Map(Rejection.to_json)
            | "WriteDeadLetters" >> _one_file(self._dead_letters)
        )

        stored_count = (
            (checked[_TALLY], unique[_TALLY])
            | "AllTallies" >> beam.Flatten()
            | "SumTallies" >> beam.CombinePerKey(sum)
            | "CountStored" >> beam.Map(_count_stored)
        )
        rejected_count = rejected | "CountRejected" >> beam.Map(_count_rejected)
        total = (
            (stored_count, rejected_count)
            | "AllCounts" >> beam.Flatten()
            | "Total" >> beam.CombineGlobally(Counts.total)
        )
        _ = total | "CountsToJson" >> beam.Map(Counts.to_json) | "WriteCounts" >> _one_file(self._counts)

        first = checked[_FIRST] | "MergeFirstSlots" >> beam.CombineGlobally(FirstSlots.merged)
        if self._first_slots is not None:
            _ = (
                first
                | "FirstSlotsToJson" >> beam.Map(FirstSlots.to_json)
                | "WriteFirstSlots" >> _one_file(self._first_slots)
            )

        if self._day_counts is not None:
            _ = (
                (checked[_DAY], unique[_DAY])
                | "AllDayCounts" >> beam.Flatten()
                | "MergeDayCounts" >> beam.CombineGlobally(DayCounts.merged)
                | "DayCountsToJson" >> beam.Map(DayCounts.to_json)
                | "WriteDayCounts" >> _one_file(self._day_counts)
            )

        allowed = total | "Allow" >> beam.Map(
            _allowed, self._max_rejected_share, self._judge, pvalue.AsSingleton(first)
        )
        # The side input is the barrier: nothing passes before the last row was counted.
        written = (
            files
            | "Barrier" >> beam.Filter(_pass, pvalue.AsSingleton(allowed))
            | "ReadChecked" >> beam.ParDo(ReadChecked(self._checker), pvalue.AsIter(unique.left_out))
            | "WriteRankings" >> make_writer(self._store, self._checker, self._force)
        )
        if self._read_back is not None:
            most = self._read_back_users
            _ = (
                written
                | "Written" >> beam.Map(Written.of, most)
                | "AllWritten" >> beam.CombineGlobally(Written.merged, most)
                | "ReadBack" >> beam.Map(read_back, self._store, self._checker.stamp)
                | "ReadBackToJson" >> beam.Map(ReadBack.to_json)
                | "WriteReadBack" >> _one_file(self._read_back)
            )


class _Check(beam.DoFn):
    """Path -> (day of expiry, rows); on the side outputs each `Rejection`, the file's `FirstSlots` and
    `DayCounts`, and (shard, hashes of its users).
    """

    def __init__(self, checker: Checker, shards: int, score_bin: float) -> None:
        super().__init__()
        self._checker = checker
        self._shards = shards
        self._score_bin = score_bin

    def process(self, path: str) -> Iterator[Any]:
        tally: Counter[str] = Counter()
        hashes = []
        first, day_counts = FirstSlots(), DayCounts()
        for _, checked, rejections in read_checked(path, self._checker):
            for rejection in rejections:
                yield pvalue.TaggedOutput(_REJECTED, rejection)
            days = checked.column(_DAYS)
            for day in pc.unique(days):
                rows = checked.filter(pc.equal(days, day))
                tally[self._checker.first_expiry(rows)] += rows.num_rows
            hashes.append(user_hashes(checked))
            first += FirstSlots.of(checked, self._checker.recommenders)
            day_counts += DayCounts.of(checked, self._checker.recommenders, self._score_bin)
        yield from tally.items()
        yield pvalue.TaggedOutput(_FIRST, first)
        yield pvalue.TaggedOutput(_DAY, day_counts)
        whole = np.concatenate([np.empty(0, np.uint64), *hashes])
        shard = whole % np.uint64(self._shards)
        for number in range(self._shards):
            yield pvalue.TaggedOutput(_USERS, (number, whole[shard == number].tobytes()))


def _repeated(shard: tuple[int, Iterable[bytes]]) -> Iterator[bytes]:
    """The hashes of a shard that occur more than once; nothing if there are none."""
    hashes = np.sort(np.frombuffer(b"".join(shard[1]), np.uint64))
    repeated = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    if repeated.size:
        yield repeated.tobytes()


class _Suspects(beam.DoFn):
    """Path -> (user, (path, number of the checked row, the row)) of each user whose hash occurs more than
    once.
    """

    def __init__(self, checker: Checker) -> None:
        super().__init__()
        self._checker = checker

    def process(self, path: str, twice: Iterable[bytes]) -> Iterator[Any]:
        repeated = np.frombuffer(b"".join(twice), np.uint64)
        if not repeated.size:
            return
        for before, checked, _ in read_checked(path, self._checker):
            for index in np.flatnonzero(np.isin(user_hashes(checked), repeated)).tolist():
                row = checked.take(pa.array([index]))
                yield row.column(0)[0].as_py(), (path, before + index, row)


class _KeepOne(beam.DoFn):
    """A user and their rows -> (path, number) of all but one; on the side: rejections, the counts' loss."""

    def __init__(self, checker: Checker, score_bin: float) -> None:
        super().__init__()
        self._checker = checker
        self._score_bin = score_bin

    def process(self, user: tuple[str, Iterable[tuple[str, int, pa.RecordBatch]]]) -> Iterator[Any]:
        # Users that only share a hash have one row each.
        found = sorted(user[1], key=lambda row: row[:2])
        rankings = [next(self._checker.rankings(row)) for _, _, row in found]
        kept, _ = resolve_duplicates(rankings)
        for ranking, (path, number, row) in zip(rankings, found, strict=True):
            if ranking is not kept:
                yield path, number
                yield pvalue.TaggedOutput(_REJECTED, reject_duplicate(ranking))
                yield pvalue.TaggedOutput(_TALLY, (self._checker.first_expiry(row), -1))
                lost = DayCounts.of(row, self._checker.recommenders, self._score_bin, times=-1)
                yield pvalue.TaggedOutput(_DAY, lost)


def _count_stored(tally: tuple[str, int]) -> Counts:
    expiry, rows = tally
    return Counts(stored=rows, first_expiry=expiry if rows else None)


def _count_rejected(rejection: Rejection) -> Counts:
    return Counts(rejected={rejection.reason: 1})


def _allowed(counts: Counts, max_rejected_share: float, judge: Judge | None, first: FirstSlots) -> bool:
    return counts.refusal(max_rejected_share) is None and (judge is None or judge.refusal(first) is None)


def _pass(_: str, allowed: bool) -> bool:
    return allowed


def _one_file(path: str) -> Any:
    # Written under another name first and then renamed, by Beam.
    return beam.io.WriteToText(path, num_shards=1, shard_name_template="")
