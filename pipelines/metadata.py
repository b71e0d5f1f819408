"""ML Metadata, which records the runs of a pipeline."""

from __future__ import annotations

import os
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from newsletter_bandit import private
from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.environment import MySQLMetadata, SQLiteMetadata


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
