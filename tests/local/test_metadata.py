"""The connection to the store of runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.settings.environment import MySQLMetadata, SQLiteMetadata
from pipelines.local.executions import Executions
from pipelines.metadata import connection_config, opened

SERVER = MySQLMetadata(kind="mysql", host="10.0.0.3", database="metadata", user="runs")


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVER.password_variable, "secret")


def test_a_certificate_makes_the_connection_encrypted_and_checked(tmp_path: Path) -> None:
    assert not connection_config(SERVER).mysql.HasField("ssl_options")
    path = tmp_path / "server-ca.pem"
    path.write_text("a certificate")
    with_ca = SERVER.model_copy(update={"ca_file": str(path)})
    found = connection_config(with_ca).mysql.ssl_options
    assert (found.ca, found.verify_server_cert) == (str(path), True)
    # Cloud SQL's certificate names the instance.
    cloud_sql = with_ca.model_copy(update={"verify_host": False})
    assert not connection_config(cloud_sql).mysql.ssl_options.verify_server_cert


def test_a_missing_certificate_is_refused_and_not_left_out(tmp_path: Path) -> None:
    missing = SERVER.model_copy(update={"ca_file": str(tmp_path / "nowhere.pem")})
    with pytest.raises(SettingsError, match=r"metadata\.ca_file: .*nowhere\.pem: no such file"):
        connection_config(missing)


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "metadata.sqlite"
    config = connection_config(SQLiteMetadata(kind="sqlite", path=str(path)))
    opened(config)
    good = path.read_bytes()
    for content in (b"no database " * 500, good[: len(good) // 2], good[:4096] + bytes(len(good) - 4096)):
        path.write_bytes(content)
        for use in (lambda: opened(config), lambda: Executions(config, "tiny").outputs("Trainer")):
            with pytest.raises(
                DataError, match=r"metadata\.sqlite: cannot be used: .*; if it is damaged, mov"
            ):
                use()
    path.write_bytes(good)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE Context")
    with pytest.raises(DataError, match=r"metadata\.sqlite: cannot be used"):
        Executions(config, "tiny").outputs("Trainer")


def test_a_server_that_is_not_there_is_named_at_once() -> None:
    nowhere = SERVER.model_copy(update={"host": "127.0.0.1", "port": 1})
    with pytest.raises(
        DataError, match=r"the database metadata on 127\.0\.0\.1 cannot be used: .*; see that"
    ):
        opened(connection_config(nowhere))
