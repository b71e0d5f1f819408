"""The store of rankings, opened; only its own library is imported."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.environment import DatastoreStore, SQLiteStore

if TYPE_CHECKING:
    from serving.stores.base import RankingStore


def open_store(store: SQLiteStore | DatastoreStore) -> RankingStore:
    """The store that the batch pipeline writes to, for reading here.

    Raises:
      StoreError: it cannot be opened.
    """
    if isinstance(store, DatastoreStore):
        from serving.stores.datastore import DatastoreStore as Datastore

        return Datastore(store.project, store.entity_kind, store.namespace)
    from serving.stores.sqlite import SQLiteStore as SQLite

    return SQLite(store.path, read_only=True)


def open_to_write(store: SQLiteStore | DatastoreStore) -> RankingStore:
    """The same, for changes; a file that is not there is made.

    Raises:
      StoreError: it cannot be opened.
    """
    if isinstance(store, DatastoreStore):
        return open_store(store)
    from serving.stores.sqlite import SQLiteStore as SQLite

    return SQLite(store.path)


def require_newest(store: SQLiteStore | DatastoreStore, day: dt.date) -> None:
    """Makes sure that rankings made for ``day`` replace none that were made for a later one.

    Raises:
      DataError: the store holds rankings of a later day, or cannot be read.
    """
    from serving.stores.base import CorruptRankingError, StoreError

    if isinstance(store, SQLiteStore) and not Path(store.path).exists():
        return
    try:
        opened = open_store(store)
        try:
            newest = opened.newest_day()
        finally:
            opened.close()
    except (StoreError, CorruptRankingError) as error:
        raise DataError(f"ranking store: {error}") from error
    refuse_older(newest, day)


def refuse_older(newest: dt.datetime | None, day: dt.date) -> None:
    """Refuses to store rankings made for ``day`` where there are some of a later one.

    Args:
      newest: `RankingStore.newest_day`.
      day: of the rankings.

    Raises:
      DataError: the newest day is later.
    """
    if newest is not None and newest.date() > day:
        raise DataError(
            f"ranking store: holds rankings made for {newest.date()}, which those for {day} would replace; "
            "nothing was stored; predict for that day or a later one, or add --force to go back"
        )
