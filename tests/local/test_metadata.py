"""The connection to the store of runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.environment import MySQLMetadata
from pipelines.metadata import connection_config

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
