"""Rankings in one SQLite file."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..ranking import Ranking, RankingError, format_timestamp
from .base import CorruptRankingError, StoreError

_COLUMNS = (
    "user_id",
    "recommenders",
    "scores",
    "propensities",
    "explored",
    "campaign",
    "model_version",
    "generated_at",
    "expires_at",
)
_CREATE = """
CREATE TABLE IF NOT EXISTS rankings (
  user_id TEXT NOT NULL PRIMARY KEY,
  recommenders TEXT NOT NULL,   -- JSON list, best first
  scores TEXT NOT NULL,         -- JSON list
  propensities TEXT NOT NULL,   -- JSON list
  explored INTEGER NOT NULL,
  campaign TEXT NOT NULL,
  model_version TEXT NOT NULL,
  generated_at TEXT NOT NULL,   -- RFC 3339, UTC
  expires_at TEXT NOT NULL      -- RFC 3339, UTC
) STRICT, WITHOUT ROWID
"""
_UPSERT = (
    f"INSERT INTO rankings ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    "ON CONFLICT (user_id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[1:])
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM rankings WHERE user_id"
# A row as the table holds it, in the order of its columns.
StoredRow = tuple[str, str, str, str, int, str, str, str, str]
# Ids of one query; SQLite's limit of variables is far higher.
_IDS_PER_QUERY = 500


class SQLiteStore:
    """A `RankingStore` in the SQLite file at ``path``; safe with several threads and processes.

    Args:
      path: the file; made, with its folders, unless ``read_only``.
      read_only: opens for reading only.
      busy_timeout: seconds to wait for another writer.

    Raises:
      StoreError: the file is missing, is no such store or cannot be opened.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False, busy_timeout: float = 60.0) -> None:
        self._path = Path(path)
        self._read_only = read_only
        self._busy_timeout = busy_timeout
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        self._of_thread = threading.local()
        if read_only and not self._path.is_file():
            raise StoreError(f"{self._path}: no such file; run a batch prediction to make it")
        with self._connection() as connection:
            if read_only:
                connection.execute(f"{_SELECT} = ''")
            else:
                self._use_write_ahead_log(connection)
                connection.execute(_CREATE)

    def get(self, user_id: str) -> Ranking | None:
        """See `RankingStore.get`."""
        with self._connection() as connection:
            row = connection.execute(f"{_SELECT} = ?", (user_id,)).fetchone()
        return None if row is None else _to_ranking(row)

    def get_many(self, user_ids: Sequence[str]) -> dict[str, Ranking]:
        """See `RankingStore.get_many`."""
        ids = list(dict.fromkeys(user_ids))
        found: dict[str, Ranking] = {}
        with self._connection() as connection:
            for start in range(0, len(ids), _IDS_PER_QUERY):
                some = ids[start : start + _IDS_PER_QUERY]
                query = f"{_SELECT} IN ({', '.join('?' * len(some))})"
                found.update((row[0], _to_ranking(row)) for row in connection.execute(query, some))
        return found

    def put_many(self, rankings: Iterable[Ranking]) -> None:
        """See `RankingStore.put_many`; all of them or, after an error, none."""
        self.put_rows(map(to_row, rankings))

    def put_rows(self, rows: Iterable[StoredRow]) -> None:
        """`put_many` of rankings that the caller has checked and written as `to_row` writes them."""
        with self._connection() as connection, _transaction(connection):
            connection.executemany(_UPSERT, rows)

    def delete(self, user_id: str) -> None:
        """See `RankingStore.delete`."""
        with self._connection() as connection:
            connection.execute("DELETE FROM rankings WHERE user_id = ?", (user_id,))

    def count(self) -> int:
        """See `RankingStore.count`."""
        with self._connection() as connection:
            return int(connection.execute("SELECT count(*) FROM rankings").fetchone()[0])

    def close(self) -> None:
        """Closes the connections of all threads; none may be reading or writing."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            self._of_thread = threading.local()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """The thread's own connection; SQLite's errors become `StoreError`."""
        try:
            connection: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
            if connection is None:
                connection = self._connect()
                self._of_thread.connection = connection
                with self._lock:
                    self._connections.append(connection)
            yield connection
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """Lets readers go on reading while a batch is written."""
        deadline = time.monotonic() + self._busy_timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                # Where two processes make the file at once, SQLite refuses one without waiting.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _connect(self) -> sqlite3.Connection:
        if not self._read_only:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"{self._path.parent}: {error.strerror}") from error
        mode = "ro" if self._read_only else "rwc"
        connection = sqlite3.connect(
            f"file:{quote(str(self._path.absolute()))}?mode={mode}",
            uri=True,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,  # `close` runs in another thread
        )
        if not self._read_only:
            connection.execute("PRAGMA synchronous = NORMAL")
        return connection


class SQLiteReader:
    """A `RankingReader` over a read-only `SQLiteStore`.

    A look-up takes some 20 microseconds, less than handing it to a thread, so it runs in the event loop;
    with a write-ahead log it never waits for a writer.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._store: SQLiteStore | None = None

    async def get(self, user_id: str) -> Ranking | None:
        """See `RankingReader.get`."""
        return self._opened().get(user_id)

    async def get_many(self, user_ids: Sequence[str]) -> dict[str, Ranking]:
        """See `RankingReader.get_many`."""
        return self._opened().get_many(user_ids)

    async def ping(self) -> None:
        """See `RankingReader.ping`."""
        self._opened().get("")

    async def close(self) -> None:
        """See `RankingReader.close`."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _opened(self) -> SQLiteStore:
        # Opened again after each failure, so that a file that comes later is found.
        if self._store is None:
            self._store = SQLiteStore(self._path, read_only=True, busy_timeout=1.0)
        return self._store


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def to_row(ranking: Ranking) -> StoredRow:
    """The ranking's row; ``json.dumps`` writes a number so that it reads back as the very same."""
    return (
        ranking.user_id,
        json.dumps(ranking.recommenders, ensure_ascii=False),
        json.dumps(ranking.scores),
        json.dumps(ranking.propensities),
        int(ranking.explored),
        ranking.campaign,
        ranking.model_version,
        format_timestamp(ranking.generated_at),
        format_timestamp(ranking.expires_at),
    )


def _to_ranking(row: tuple[Any, ...]) -> Ranking:
    user_id, recommenders, scores, propensities, explored, campaign, version, generated_at, expires_at = row
    try:
        return Ranking.from_properties(
            user_id,
            {
                "recommenders": json.loads(recommenders),
                "scores": json.loads(scores),
                "propensities": json.loads(propensities),
                "explored": bool(explored),
                "campaign": campaign,
                "model_version": version,
                "generated_at": dt.datetime.fromisoformat(generated_at),
                "expires_at": dt.datetime.fromisoformat(expires_at),
            },
        )
    except (RankingError, ValueError) as error:
        raise CorruptRankingError(f"stored ranking of user {user_id!r}: {error}") from error
