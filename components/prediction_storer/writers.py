"""Beam writers of rankings; both replace a user's ranking, so that a retried bundle changes nothing."""

from __future__ import annotations

from typing import Any

from components.prediction_storer.checking import Checker
from newsletter_bandit.settings.environment import DatastoreStore, SQLiteStore


def make_writer(store: SQLiteStore | DatastoreStore, checker: Checker, force: bool = False) -> Any:
    """The transform that writes a PCollection of checked batches to ``store``, and hands them on; only its
    library is imported.

    What is behind a barrier after it sees them when they are written.

    Args:
      store: where to write.
      checker: the one that checked the batches.
      force: whether rankings of a later day may be replaced in Datastore.
    """
    if isinstance(store, SQLiteStore):
        from components.prediction_storer.sqlite_writer import WriteToSQLite

        return WriteToSQLite(store.path, checker)
    from components.prediction_storer.datastore_writer import WriteToDatastore

    return WriteToDatastore(store, checker, force)
