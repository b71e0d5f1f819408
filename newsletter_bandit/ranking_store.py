"""The store of rankings, opened for reading; only its own library is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
