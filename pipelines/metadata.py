"""ML Metadata, which records the runs of a pipeline."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import ml_metadata as mlmd
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2

from newsletter_bandit import private
from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.settings.environment import MySQLMetadata, SQLiteMetadata

_SHOWN = 300  # characters of an error


def connection_config(metadata: SQLiteMetadata | MySQLMetadata) -> metadata_store_pb2.ConnectionConfig:
    """Connection settings for TFX and ML Metadata; makes the folder of an SQLite file.

    TFX writes them to the log of a run. So a password is hidden from then on, there and in messages.

    Raises:
      SettingsError: the environment variable that holds the password is not set, or there is no `ca_file`.
    """
    config = metadata_store_pb2.ConnectionConfig()
    if isinstance(metadata, SQLiteMetadata):
        Path(metadata.path).parent.mkdir(parents=True, exist_ok=True)
        config.sqlite.filename_uri = metadata.path
        config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        return config
    password = os.environ.get(metadata.password_variable)
    if password is None:
        raise SettingsError(
            f"metadata: the environment variable {metadata.password_variable} is not set; allowed: the "
            f"password of {metadata.user} on {metadata.host}"
        )
    private.hide(password)
    config.mysql.host = metadata.host
    config.mysql.port = metadata.port
    config.mysql.database = metadata.database
    config.mysql.user = metadata.user
    config.mysql.password = password
    if metadata.ca_file is not None:
        # The client connects without encryption, and says nothing, if it cannot read the file.
        if not Path(metadata.ca_file).is_file():
            raise SettingsError(
                f"metadata.ca_file: {metadata.ca_file}: no such file; allowed: the certificate of the "
                f"authority that signed that of {metadata.host}"
            )
        config.mysql.ssl_options.ca = metadata.ca_file
        config.mysql.ssl_options.verify_server_cert = metadata.verify_host
    return config


def opened(config: metadata_store_pb2.ConnectionConfig) -> mlmd.MetadataStore:
    """The store, opened at the first try; TFX would try ten times, and then say less of what is wrong.

    Raises:
      DataError: the file is damaged, or the server cannot be reached or refuses.
    """
    try:
        return mlmd.MetadataStore(config)
    except (RuntimeError, errors.StatusError) as error:
        raise DataError(_unusable(config, error)) from error


@contextlib.contextmanager
def explained(config: metadata_store_pb2.ConnectionConfig) -> Iterator[None]:
    """Errors of ML Metadata become a `DataError` that names the file or server, and what to do."""
    try:
        yield
    except errors.StatusError as error:
        raise DataError(_unusable(config, error)) from error


def _unusable(config: metadata_store_pb2.ConnectionConfig, error: Exception) -> str:
    said = " ".join(str(error).split())[:_SHOWN]
    if config.WhichOneof("config") == "mysql":
        return (
            f"metadata: the database {config.mysql.database} on {config.mysql.host} cannot be used: {said}; "
            "see that the server runs, and that `metadata` of the environment names it rightly"
        )
    return (
        f"{config.sqlite.filename_uri}: cannot be used: {said}; if it is damaged, move it away: the next run "
        "makes a new one. It holds the record of runs, and neither models nor rankings"
    )
