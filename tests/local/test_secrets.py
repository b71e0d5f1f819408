"""The password of the metadata database stands in no log and no message, and others may not read a log."""

from __future__ import annotations

import io
import logging
import stat
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from newsletter_bandit import private
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.environment import MySQLMetadata
from pipelines.cli.session import Session
from pipelines.metadata import connection_config

SERVER = MySQLMetadata(kind="mysql", host="10.0.0.3", database="metadata", user="runs")
PASSWORD = "se\"cr\\et-'Zürich'"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Secrets of a test are those of the test."""
    before, factory = list(private._spellings), logging.getLogRecordFactory()
    yield
    private._spellings[:] = before
    logging.setLogRecordFactory(factory)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, as a handler writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(before)


def holds_secret(text: str, secret: str = PASSWORD) -> bool:
    parts = ("se", "cr", "Zürich", "303\\274rich", urllib.parse.quote("Zürich"))
    return secret in text or any(part in text for part in parts if len(part) > 2)


@pytest.mark.parametrize("password", [PASSWORD, "geheim", "abc"])
def test_what_tfx_logs_of_the_connection_has_no_password(
    password: str, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tfx.proto.orchestration import pipeline_pb2

    monkeypatch.setenv(SERVER.password_variable, password)
    config = connection_config(SERVER)
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    deployment.metadata_connection_config.Pack(config)
    logger = logging.getLogger("absl")
    # As TFX's runner does.
    logger.info("Using deployment config:\n %s", deployment)
    logger.info("Using connection config:\n %s", config.mysql)
    try:
        raise RuntimeError(f"cannot connect with {password!r}")
    except RuntimeError:
        logger.exception("no connection by mysql://runs:%s@10.0.0.3", urllib.parse.quote(password))
    text = lines.getvalue()
    assert 'host: "10.0.0.3"' in text
    if password != "abc":  # so short that it is hidden between quotes alone
        assert not holds_secret(text, password)
    assert f'password: "{password}"' not in text
    assert 'password: "[hidden]"' in text or "password: [hidden]" in text


def test_messages_and_logs_of_a_command_have_no_password(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SERVER.password_variable, PASSWORD)

    def command(session: Session, error: Exception) -> None:
        with session:
            session.open_log()
            print("something", flush=True)
            connection_config(SERVER)
            raise error

    for error in (RuntimeError(f"refused: {PASSWORD}"), DataError(f"metadata: {PASSWORD} is wrong")):
        session = Session("train", tmp_path)
        with pytest.raises(typer.Exit):
            command(session, error)
        seen = capfd.readouterr()
        assert "[hidden]" in seen.err
        log = session.log_path.read_text()
        assert type(error).__name__ in log
        assert not holds_secret(seen.out + seen.err + log)
        assert stat.S_IMODE(session.log_path.stat().st_mode) == 0o600
        assert stat.S_IMODE(session.log_path.parent.stat().st_mode) == 0o700
