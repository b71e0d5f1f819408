"""Rankings in one SQLite file."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..fields import ColumnType
from ..ranking import FIELDS, PROPERTIES, Ranking, RankingError, format_timestamp
from .base import Ages, CorruptRankingError, StoreError, foreign

# SQLite's type for each kind of column, and the format of its text.
_COLUMN: dict[ColumnType, tuple[str, str]] = {
    "STRING": ("TEXT", ""),
    "BOOL": ("INTEGER", ""),
    "TIMESTAMP": ("TEXT", "RFC 3339, UTC"),
    "ARRAY<STRING>": ("TEXT", "JSON list, best first"),
    "ARRAY<FLOAT64>": ("TEXT", "JSON list"),
}


def identifier(name: str) -> str:
    """The name, quoted if it is one of SQLite's keywords, such as group."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(f"SELECT 0 AS {name}")
        except sqlite3.OperationalError:
            return f'"{name}"'
    return name


_COLUMNS = tuple(identifier(field.name) for field in FIELDS)


def _create() -> str:
    lines = []
    for field, column in zip(FIELDS, _COLUMNS, strict=True):
        kind, comment = _COLUMN[field.type]
        key = " PRIMARY KEY" if field is FIELDS[0] else ""
        comma = "," if field is not FIELDS[-1] else ""
        line = f"  {column} {kind} NOT NULL{key}{comma}"
        lines.append(f"{line:<32}-- {comment}" if comment else line)
    return "\n".join(["CREATE TABLE IF NOT EXISTS rankings (", *lines, ") STRICT, WITHOUT ROWID", ""])


_UPSERT = (
    f"INSERT INTO rankings ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    "ON CONFLICT (user_id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[1:])
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM rankings WHERE user_id"
# A row as the table holds it, in the order of its columns.
StoredRow = tuple[str | int, ...]
# Ids of one query; SQLite's limit of variables is far higher.
_IDS_PER_QUERY = 500


class SQLiteStore:
    """A `RankingStore` in the SQLite file at ``path``; safe with several threads and processes.

    Args:
      path: the file; created, with its folders, unless ``read_only``.
      read_only: opens for reading only.
      busy_timeout: seconds to wait for another writer.

    Raises:
      StoreError: the file is missing, is no such store, lacks a column, or cannot be opened.
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
            if not read_only:
                self._use_write_ahead_log(connection)
                connection.execute(_create())
            self._require_columns(connection)
            connection.execute(f"{_SELECT} = ''")

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
        """Like `put_many`, for rows that the caller has checked and formatted as `to_row` does."""
        with self._connection() as connection, _transaction(connection):
            connection.executemany(_UPSERT, rows)

    def delete(self, user_id: str) -> None:
        """See `RankingStore.delete`."""
        with self._connection() as connection:
            connection.execute("DELETE FROM rankings WHERE user_id = ?", (user_id,))

    def require(self, use_case: str) -> None:
        """See `RankingStore.require`; looks at every row."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT use_case FROM rankings WHERE use_case <> ? LIMIT 1", (use_case,)
            ).fetchone()
        if row is not None:
            raise StoreError(foreign(str(self._path), row[0], use_case))

    def count(self) -> int:
        """See `RankingStore.count`."""
        with self._connection() as connection:
            return int(connection.execute("SELECT count(*) FROM rankings").fetchone()[0])

    def newest_day(self) -> dt.datetime | None:
        """See `RankingStore.newest_day`; looks at every row."""
        with self._connection() as connection:
            # The times sort as they are written.
            (newest,) = connection.execute("SELECT max(generated_at) FROM rankings").fetchone()
        try:
            return None if newest is None else dt.datetime.fromisoformat(newest)
        except ValueError as error:
            raise StoreError(f"{self._path}: generated_at is {newest!r}; allowed: a time") from error

    def ages(self, now: dt.datetime) -> Ages | None:
        """See `RankingStore.ages`; looks at every row twice."""
        at = format_timestamp(now.replace(microsecond=0))
        with self._connection() as connection:
            # Beside a maximum, SQLite gives the other columns of its row. The times sort as they are written.
            count, expired, expires_at, generated_at, version = connection.execute(
                "SELECT count(*), total(expires_at <= ?), max(expires_at), generated_at, model_version "
                "FROM rankings",
                (at,),
            ).fetchone()
            (older,) = connection.execute(
                "SELECT count(*) FROM rankings WHERE expires_at > ? AND expires_at < ?", (at, expires_at)
            ).fetchone()
        if not count:
            return None
        generated, expires = map(dt.datetime.fromisoformat, (generated_at, expires_at))
        return Ages(count, int(expired), int(older), generated, expires, version)

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

    def _require_columns(self, connection: sqlite3.Connection) -> None:
        found = {row[1] for row in connection.execute("PRAGMA table_info(rankings)")}
        missing = [field.name for field in FIELDS if field.name not in found]
        if found and missing:
            raise StoreError(
                f"{self._path}: the table rankings has no column {', '.join(missing)}, so an earlier version "
                "made it; move the file away and run a batch prediction, which makes a new one"
            )

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """Lets readers go on reading while a batch is written."""
        deadline = time.monotonic() + self._busy_timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                # If two processes create the file at once, SQLite refuses one of them without waiting.
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
        # Opened again after each failure, so that a file which appears later is found.
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
    """The ranking's row; ``json.dumps`` writes each number so that it reads back exactly."""
    return tuple([to_stored(field.type, getattr(ranking, field.name)) for field in FIELDS])


def to_stored(kind: ColumnType, value: Any) -> str | int:
    """A field's value as its column holds it."""
    stored: str | int = _TO_STORED[kind](value)
    return stored


def _to_ranking(row: tuple[Any, ...]) -> Ranking:
    user_id = row[0]
    try:
        properties = {
            field.name: _FROM_STORED[field.type](value)
            for field, value in zip(PROPERTIES, row[1:], strict=True)
        }
        return Ranking.from_properties(user_id, properties)
    except (RankingError, ValueError) as error:
        raise CorruptRankingError(f"stored ranking of user {user_id!r}: {error}") from error


def _unchanged(value: Any) -> Any:
    return value


_TO_STORED: dict[ColumnType, Callable[[Any], str | int]] = {
    "STRING": _unchanged,
    "BOOL": int,
    "TIMESTAMP": format_timestamp,
    "ARRAY<STRING>": functools.partial(json.dumps, ensure_ascii=False),
    "ARRAY<FLOAT64>": json.dumps,
}
_FROM_STORED: dict[ColumnType, Callable[[Any], Any]] = {
    "STRING": _unchanged,
    "BOOL": bool,
    "TIMESTAMP": dt.datetime.fromisoformat,
    "ARRAY<STRING>": json.loads,
    "ARRAY<FLOAT64>": json.loads,
}
