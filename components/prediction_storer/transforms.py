"""The step as a Beam graph: check each row, set duplicates aside, and write once the counts allow it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam import pvalue

from components.prediction_storer.counts import Counts
from components.prediction_storer.post_process import (
    Rejection,
    Row,
    Stamp,
    post_process,
    reject_duplicate,
    resolve_duplicates,
)
from components.prediction_storer.writers import make_writer
from pipelines.settings import DatastoreStore, SQLiteStore
from serving.ranking import Ranking

_REJECTED = "rejected"


class StorePredictions(beam.PTransform):
    """PCollection of rows -> rankings in the store, dead letters and counts in files.

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
    """

    def __init__(
        self,
        recommenders: tuple[str, ...],
        stamp: Stamp,
        store: SQLiteStore | DatastoreStore,
        max_rejected_share: float,
        dead_letters: str,
        counts: str,
    ) -> None:
        super().__init__()
        self._recommenders = recommenders
        self._stamp = stamp
        self._store = store
        self._max_rejected_share = max_rejected_share
        self._dead_letters = dead_letters
        self._counts = counts

    def expand(self, rows: Any) -> None:
        """Builds the graph."""
        checked = rows | "PostProcess" >> beam.ParDo(
            _PostProcess(self._recommenders, self._stamp)
        ).with_outputs(_REJECTED, main="rankings")
        unique = (
            checked.rankings
            | "GroupByUser" >> beam.GroupByKey()
            | "KeepOne" >> beam.FlatMap(_keep_one).with_outputs(_REJECTED, main="rankings")
        )
        rejected = (checked[_REJECTED], unique[_REJECTED]) | "AllRejected" >> beam.Flatten()
        _ = (
            rejected
            | "ToLine" >> beam.Map(Rejection.to_json)
            | "WriteDeadLetters" >> _one_file(self._dead_letters)
        )

        stored_count = unique.rankings | "CountStored" >> beam.Map(_count_stored)
        rejected_count = rejected | "CountRejected" >> beam.Map(_count_rejected)
        total = (
            (stored_count, rejected_count)
            | "AllCounts" >> beam.Flatten()
            | "Total" >> beam.CombineGlobally(Counts.total)
        )
        _ = total | "CountsToJson" >> beam.Map(Counts.to_json) | "WriteCounts" >> _one_file(self._counts)

        allowed = total | "Allow" >> beam.Map(_allowed, self._max_rejected_share)
        # The side input is the barrier: no ranking passes before the last row was counted.
        _ = (
            unique.rankings
            | "Barrier" >> beam.Filter(_pass, pvalue.AsSingleton(allowed))
            | "WriteRankings" >> make_writer(self._store)
        )


class _PostProcess(beam.DoFn):
    """Row -> (user_id, Ranking), or a `Rejection` on the side output."""

    def __init__(self, recommenders: tuple[str, ...], stamp: Stamp) -> None:
        super().__init__()
        self._recommenders = frozenset(recommenders)
        self._stamp = stamp

    def process(self, row: Row) -> Iterator[Any]:
        result = post_process(row, self._recommenders, self._stamp)
        if isinstance(result, Rejection):
            yield pvalue.TaggedOutput(_REJECTED, result)
        else:
            yield result.user_id, result


def _keep_one(group: tuple[str, Iterable[Ranking]]) -> Iterator[Any]:
    kept, others = resolve_duplicates(group[1])
    yield kept
    for other in others:
        yield pvalue.TaggedOutput(_REJECTED, reject_duplicate(other))


def _count_stored(ranking: Ranking) -> Counts:
    return Counts(stored=1, first_expiry=ranking.expires_at.isoformat())


def _count_rejected(rejection: Rejection) -> Counts:
    return Counts(rejected={rejection.reason: 1})


def _allowed(counts: Counts, max_rejected_share: float) -> bool:
    return counts.refusal(max_rejected_share) is None


def _pass(_: Ranking, allowed: bool) -> bool:
    return allowed


def _one_file(path: str) -> Any:
    # Written under another name first and then renamed, by Beam.
    return beam.io.WriteToText(path, num_shards=1, shard_name_template="")
