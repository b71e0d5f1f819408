"""Beam writers of rankings; both replace a user's ranking, so that a retried bundle changes nothing."""

from __future__ import annotations

from typing import Any

from components.prediction_storer.checking import Checker
from newsletter_bandit.settings.environment import DatastoreStore, SQLiteStore


def make_writer(store: SQLiteStore | DatastoreStore, checker: Checker) -> Any:
    """The transform that writes a PCollection of checked batches to ``store``; only its library is
    imported.
    """
    if isinstance(store, SQLiteStore):
        from components.prediction_storer.sqlite_writer import WriteToSQLite

        return WriteToSQLite(store.path, checker)
    from components.prediction_storer.datastore_writer import WriteToDatastore

    return WriteToDatastore(store, checker)
