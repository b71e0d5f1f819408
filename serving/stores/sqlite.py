"""Rankings in one SQLite file."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..checksum import CHECKSUM, checksum
from ..fields import ColumnType
from ..ranking import FIELDS, PROPERTIES, Ranking, RankingError, format_timestamp
from .base import Ages, CorruptRankingError, StoreError, foreign, intact

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
        line = f"  {column} {kind} NOT NULL{key},"
        lines.append(f"{line:<32}-- {comment}" if comment else line)
    # Of the columns before; NULL in a row of an earlier version.
    lines.append(f"  {CHECKSUM} TEXT")
    return "\n".join(["CREATE TABLE IF NOT EXISTS rankings (", *lines, ") STRICT, WITHOUT ROWID", ""])


_STORED = (*_COLUMNS, CHECKSUM)
_UPSERT = (
    f"INSERT INTO rankings ({', '.join(_STORED)}) VALUES ({', '.join('?' * len(_STORED))}) "
    "ON CONFLICT (user_id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _STORED[1:])
)
_SELECT = f"SELECT {', '.join(_STORED)} FROM rankings WHERE user_id"
# Of a file of an earlier version, which has no checksums.
_SELECT_WITHOUT = f"SELECT {', '.join(_COLUMNS)}, NULL FROM rankings WHERE user_id"
# A row as the table holds it, in the order of its columns, the checksum last.
StoredRow = tuple[str | int, ...]
# Ids of one query; SQLite's limit of variables is far higher.
_IDS_PER_QUERY = 500


class SQLiteStore:
    """A `RankingStore` in the SQLite file at ``path``; safe with several threads and processes.

    Args:
      path: the file; created, with its folders, unless ``read_only``.
      read_only: opens for reading only, from a folder that cannot be written too.
      busy_timeout: seconds to wait for another writer.

    Attributes:
      is_fixed: it was opened in the belief that nobody writes it, because its folder cannot be written.

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
        self._select = _SELECT
        self.is_fixed = False
        if not read_only:
            self._open()
            return
        if not self._path.is_file():
            raise StoreError(f"{self._path}: no such file; run a batch prediction to make it")
        try:
            self._open()
        except StoreError:
            # SQLite shares its write-ahead log by a file that it makes, also to read.
            if os.access(self._path.parent, os.W_OK):
                raise
            self._require_empty_log()
            self.close()
            self.is_fixed = True
            self._open()

    def _open(self) -> None:
        with self._connection() as connection:
            if not self._read_only:
                self._use_write_ahead_log(connection)
                connection.execute(_create())
            self._require_columns(connection)
            connection.execute(f"{self._select} = ''")

    def _require_empty_log(self) -> None:
        log = self._path.with_name(f"{self._path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise StoreError(
                f"{log}: holds rankings that are not in {self._path.name} yet, and the folder cannot be "
                "written; open the store once where it can, as a batch prediction does, and copy it again"
            )

    def get(self, user_id: str) -> Ranking | None:
        """See `RankingStore.get`."""
        with self._connection() as connection:
            row = self._row(connection, user_id)
        return None if row is None else _to_ranking(row)

    def get_many(self, user_ids: Sequence[str]) -> dict[str, Ranking]:
        """See `RankingStore.get_many`."""
        return intact(self.look_up(user_ids))

    def look_up(self, user_ids: Sequence[str]) -> dict[str, Ranking | CorruptRankingError]:
        """See `RankingStore.look_up`."""
        ids = list(dict.fromkeys(user_ids))
        found: dict[str, Ranking | CorruptRankingError] = {}
        with self._connection() as connection:
            for start in range(0, len(ids), _IDS_PER_QUERY):
                some = ids[start : start + _IDS_PER_QUERY]
                query = f"{self._select} IN ({', '.join('?' * len(some))})"
                try:
                    rows = {row[0]: row for row in connection.execute(query, some)}
                except sqlite3.DatabaseError as error:
                    if not _is_damage(error):
                        raise
                    # Some page of the file is damaged. Most users are on others.
                    found.update(self._one_by_one(connection, some))
                    continue
                for user_id, row in rows.items():
                    found.update(_outcome(user_id, functools.partial(_to_ranking, row)))
        return found

    def _one_by_one(
        self, connection: sqlite3.Connection, user_ids: Sequence[str]
    ) -> dict[str, Ranking | CorruptRankingError]:
        found: dict[str, Ranking | CorruptRankingError] = {}

        def ranking_of(user_id: str) -> Ranking | None:
            row = self._row(connection, user_id)
            return None if row is None else _to_ranking(row)

        for user_id in user_ids:
            found.update(_outcome(user_id, functools.partial(ranking_of, user_id)))
        return found

    def _row(self, connection: sqlite3.Connection, user_id: str) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = connection.execute(f"{self._select} = ?", (user_id,)).fetchone()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            raise CorruptRankingError(f"stored ranking of user {user_id!r}: {self._path}: {error}") from error
        return row

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
            if self._connections and not self._read_only:
                self._empty_log(self._connections[0])
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
        if found and CHECKSUM not in found:
            if self._read_only:
                self._select = _SELECT_WITHOUT
            else:
                self._add_checksum(connection)

    def _add_checksum(self, connection: sqlite3.Connection) -> None:
        """Makes the column in a file of an earlier version; its rows have none until they are replaced."""
        try:
            connection.execute(f"ALTER TABLE rankings ADD COLUMN {CHECKSUM} TEXT")
        except sqlite3.OperationalError as error:
            if "duplicate column" not in str(error):  # else another process was first
                raise

    def _empty_log(self, connection: sqlite3.Connection) -> None:
        """Writes the log into the file, where no reader is in the way: then the file alone is the store, and
        a copy of it in its place meets no log that belongs to another file.
        """
        # What is in the log is safe there too, so this never waits for long, and never fails a run.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA busy_timeout = 1000")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

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
        options = "mode=ro&immutable=1" if self.is_fixed else "mode=ro" if self._read_only else "mode=rwc"
        connection = sqlite3.connect(
            f"file:{quote(str(self._path.absolute()))}?{options}",
            uri=True,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,  # `close` runs in another thread
        )
        connection.text_factory = _text
        if not self._read_only:
            connection.execute("PRAGMA synchronous = NORMAL")
        return connection


class SQLiteReader:
    """A `RankingReader` over a read-only `SQLiteStore`.

    A look-up takes some 20 microseconds, less than handing it to a thread, so it runs in the event loop;
    with a write-ahead log it never waits for a writer.

    A file that takes the place of the one that is served is noticed within `SECONDS_BETWEEN_LOOKS`.

    Args:
      path: the file.
    """

    SECONDS_BETWEEN_LOOKS = 0.5
    _BUSY = 1.0

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._store: SQLiteStore | None = None
        self._identity: tuple[int, ...] = ()
        self._looked_at = 0.0

    async def get(self, user_id: str) -> Ranking | None:
        """See `RankingReader.get`."""
        return self._opened().get(user_id)

    async def get_many(self, user_ids: Sequence[str]) -> dict[str, Ranking | CorruptRankingError]:
        """See `RankingReader.get_many`."""
        return self._opened().look_up(user_ids)

    async def ages(self, now: dt.datetime) -> Ages | None:
        """See `RankingReader.ages`."""
        return await asyncio.to_thread(self._ages, now)

    async def ping(self) -> None:
        """See `RankingReader.ping`."""
        self._opened().get("")

    async def close(self) -> None:
        """See `RankingReader.close`."""
        self._close()

    def _ages(self, now: dt.datetime) -> Ages | None:
        # Opened for this alone: meanwhile the file may be replaced, and the other connections closed.
        with contextlib.closing(SQLiteStore(self._path, read_only=True, busy_timeout=self._BUSY)) as store:
            return store.ages(now)

    def _opened(self) -> SQLiteStore:
        now = time.monotonic()
        if self._store is not None and now - self._looked_at >= self.SECONDS_BETWEEN_LOOKS:
            self._looked_at = now
            # A checkpoint changes size and time of a file that is written, and nothing in a fixed one.
            told_by = slice(None) if self._store.is_fixed else slice(2)
            if self._identity[told_by] != self._identity_now()[told_by]:
                self._close()
        # Opened again after each failure, so that a file which appears later is found.
        if self._store is None:
            # Before it is opened: a file that takes its place in between is noticed the next time.
            self._identity, self._looked_at = self._identity_now(), now
            self._store = SQLiteStore(self._path, read_only=True, busy_timeout=self._BUSY)
        return self._store

    def _identity_now(self) -> tuple[int, ...]:
        try:
            found = os.stat(self._path)
        except OSError:
            return ()
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


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
    return with_checksum(tuple([to_stored(field.type, getattr(ranking, field.name)) for field in FIELDS]))


def with_checksum(values: tuple[str | int, ...]) -> StoredRow:
    """The row of a ranking whose columns have these values."""
    return (*values, checksum(values))


def to_stored(kind: ColumnType, value: Any) -> str | int:
    """A field's value as its column holds it."""
    stored: str | int = _TO_STORED[kind](value)
    return stored


def _to_ranking(row: tuple[Any, ...]) -> Ranking:
    *values, stored = row
    user_id = values[0]
    if stored is not None and stored != checksum(values):
        raise CorruptRankingError(f"stored ranking of user {user_id!r}: its checksum does not fit its values")
    try:
        if stored is None:
            "".join(map(str, values)).encode()
        properties = {
            field.name: _FROM_STORED[field.type](value)
            for field, value in zip(PROPERTIES, values[1:], strict=True)
        }
        return Ranking.from_properties(user_id, properties)
    except (RankingError, ValueError, TypeError) as error:
        raise CorruptRankingError(f"stored ranking of user {user_id!r}: {error}") from error


def _outcome(user_id: str, make: Callable[[], Ranking | None]) -> dict[str, Ranking | CorruptRankingError]:
    """What ``make`` gives or raises, by the user; empty for None."""
    try:
        ranking = make()
    except CorruptRankingError as error:
        return {user_id: error}
    return {} if ranking is None else {user_id: ranking}


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """The file is damaged, perhaps in some places alone."""
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CORRUPT


def _text(content: bytes) -> str:
    # SQLite's own decoding raises an error that names no row.
    return content.decode("utf-8", "surrogateescape")


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
