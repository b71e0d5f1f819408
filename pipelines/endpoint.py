"""Translates the project's settings into the endpoint's, because `serving/` is deployed alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.environment import DatastoreStore, Environment, SQLiteStore
from newsletter_bandit.settings.use_case import UseCase

if TYPE_CHECKING:
    from serving.config import ServingConfig


def serving_config(use_case: UseCase, environment: Environment) -> ServingConfig:
    """The endpoint's configuration in this environment."""
    from serving.config import DatastoreLocation, ServingConfig, SQLiteLocation
    from serving.limits import Limits

    store, serving = environment.store, use_case.serving
    return ServingConfig(
        store=SQLiteLocation(store.path)
        if isinstance(store, SQLiteStore)
        else DatastoreLocation(store.project, store.entity_kind, store.namespace),
        use_case=use_case.name,
        unknown_user=serving.unknown_user,
        default_ranking=use_case.default_ranking,
        store_away=serving.store_away,
        store_deadline_seconds=serving.store_deadline_seconds,
        limits=Limits(
            max_connections=serving.max_connections,
            head_seconds=serving.head_seconds,
            body_seconds=serving.body_seconds,
            max_buffered_mib=serving.max_buffered_mib,
        ),
    )


def serve(
    use_case: UseCase, environment: Environment, host: str, port: int, ready: Callable[[], None]
) -> None:
    """Serves until it is interrupted or terminated; calls ``ready`` when the address is listened on.

    Raises:
      SettingsError: the address cannot be listened on, nothing has been stored yet, or Datastore's
        credentials are missing.
    """
    if isinstance(environment.store, DatastoreStore) and "DATASTORE_EMULATOR_HOST" not in os.environ:
        from newsletter_bandit.google import credentials

        # Reported now, not with each answer.
        credentials()
    from serving.config import ConfigError
    from serving.server import serve as serve_config
    from serving.stores.base import StoreError

    try:
        serve_config(serving_config(use_case, environment), host, port, ready)
    except (ConfigError, StoreError) as error:
        raise SettingsError(str(error)) from error
