"""The log as files of the raw tables, which `ingest` loads: a ranking that was answered is a send.

sends, contexts    each ranking: its first recommender with its propensity, and the request's features
clicks, unsubscribes, outcomes    each outcome that was told
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from newsletter_bandit.request_log.lines import RANKING, REWARD
from newsletter_bandit.request_log.reader import Line, log_files, read
from newsletter_bandit.settings.tables import CLICKED, SUBJECT, UNSUBSCRIBED
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.words import counted

_ROWS = 100_000  # of one file
_TYPE = {
    "STRING": pa.string(),
    "FLOAT64": pa.float64(),
    "BOOL": pa.bool_(),
    "ARRAY<STRING>": pa.list_(pa.string()),
}
# Of the line of a ranking.
_FIELDS = (
    "ranking_id",
    "user_id",
    "generated_at",
    "campaign",
    "recommenders",
    "propensities",
    "model_version",
    "eligible_recommenders",
    "features",
)
Row = dict[str, Any]


@dataclass
class Extract:
    """What a log held.

    Attributes:
      files: Parquet files of each raw table that has rows.
      rankings: lines that hold a ranking.
      rewards: lines that hold outcomes.
      torn: last lines without their end.
      other: lines of kinds that only a later version knows.
    """

    files: dict[str, list[Path]] = field(default_factory=dict)
    rankings: int = 0
    rewards: int = 0
    torn: int = 0
    other: int = 0

    def __str__(self) -> str:
        rankings = counted(self.rankings, "ranking", "rankings")
        counts = [f"{rankings} and {counted(self.rewards, 'reward', 'rewards')} read from the log"]
        if self.torn:
            counts.append(f"{counted(self.torn, 'torn last line', 'torn last lines')} left out")
        if self.other:
            counts.append(f"{counted(self.other, 'line', 'lines')} of a later version left out")
        return f"{', '.join(counts)}."


def extract(paths: Sequence[Path], use_case: UseCase, folder: Path) -> Extract:
    """Writes a log's rows into files of the raw tables.

    Args:
      paths: files of the log, or folders of them.
      use_case: its features.
      folder: an empty one, for the files.

    Raises:
      DataError: there is no such file, or a line is not one of the log.
    """
    found = Extract()
    tables = _Tables(use_case, folder, found)
    for path in log_files(paths):
        for line in read(path):
            kind = None if line.record is None else line.record.get("kind")
            if line.record is None:
                found.torn += 1
            elif kind == RANKING:
                found.rankings += 1
                tables.add_ranking(line)
            elif kind == REWARD:
                found.rewards += 1
                tables.add_reward(line)
            else:
                found.other += 1
    tables.flush()
    return found


class _Tables:
    """Rows of the raw tables, written in parts."""

    def __init__(self, use_case: UseCase, folder: Path, found: Extract) -> None:
        self._use_case = use_case
        self._folder = folder
        self._found = found
        self._rows: dict[str, list[Row]] = {}
        self._parts: Counter[str] = Counter()

    def add_ranking(self, line: Line) -> None:
        send_id, user_id, sent_at, campaign, names, propensities, version, eligible, features = line.take(
            *_FIELDS
        )
        self._add(
            "sends",
            {
                "send_id": send_id,
                self._use_case.column("sends", SUBJECT): user_id,
                "sent_at": sent_at,
                "campaign": campaign,
                "recommender": names[0] if names else None,
                "propensity": propensities[0] if propensities else None,
                "policy_version": version,
                "eligible_recommenders": eligible,
            },
        )
        self._add("contexts", {**features, "send_id": send_id, "sent_at": sent_at})

    def add_reward(self, line: Line) -> None:
        send_id, at, outcomes = line.take("ranking_id", "occurred_at", "outcomes")
        for name, value in outcomes.items():
            if name == CLICKED:
                if value:
                    self._add("clicks", {"send_id": send_id, "clicked_at": at})
            elif name == UNSUBSCRIBED:
                if value:
                    self._add("unsubscribes", {"send_id": send_id, "unsubscribed_at": at})
            else:
                self._add(
                    "outcomes", {"send_id": send_id, "outcome": name, "value": value, "occurred_at": at}
                )

    def flush(self) -> None:
        """Writes what is left."""
        for table in self._rows:
            self._write(table)

    def _add(self, table: str, row: Row) -> None:
        rows = self._rows.setdefault(table, [])
        rows.append(row)
        if len(rows) >= _ROWS:
            self._write(table)

    def _write(self, table: str) -> None:
        rows = self._rows[table]
        if not rows:
            return
        types = self._use_case.table_columns(table)
        types.pop("bot", None)  # nobody here knows a machine's click
        columns = {name: _column([row.get(name) for row in rows], type_) for name, type_ in types.items()}
        path = self._folder / f"{table}-{self._parts[table]:05d}.parquet"
        pq.write_table(pa.table(columns), path)
        self._parts[table] += 1
        self._found.files.setdefault(table, []).append(path)
        rows.clear()


def _column(values: list[Any], type_: str) -> pa.Array:
    """The values; as texts, which `ingest` judges, where they are not of the type, or are days or times."""
    kind = _TYPE.get(type_)
    if kind is not None:
        try:
            return pa.array(values, kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # a feature that had another type then
            pass
    return pa.array([None if value is None else str(value) for value in values], pa.string())
