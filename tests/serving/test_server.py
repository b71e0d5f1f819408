"""`serve` in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import uvicorn

from serving.config import ConfigError, ServingConfig, SQLiteLocation
from serving.server import serve
from serving.stores.base import StoreError
from serving.stores.sqlite import SQLiteStore
from tests.rankings import make_ranking

SERVE = """
import sys
from serving.config import ServingConfig
from serving.server import serve
serve(ServingConfig.from_env(), "127.0.0.1", int(sys.argv[1]))
print("served")
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def make_config(path: Path) -> ServingConfig:
    return ServingConfig(SQLiteLocation(str(path)), "newsletter", "default", ("deals",))


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_serves_quietly_and_ends_cleanly(tmp_path: Path, stop_signal: signal.Signals) -> None:
    SQLiteStore(tmp_path / "rankings.sqlite").close()
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)],
        env={
            **os.environ,
            **make_config(tmp_path / "rankings.sqlite").to_env(),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        answer = ask(server, f"http://127.0.0.1:{port}/users/nobody/recommenders")
        assert answer.json()["recommenders"] == ["deals"]
        server.send_signal(stop_signal)
        output, errors = server.communicate()
    finally:
        server.kill()
        server.wait()
    assert errors == ""
    # uvicorn raises SIGTERM again once it has stopped, so that whoever sent it sees the process end by it.
    expected = ("served\n", 0) if stop_signal is signal.SIGINT else ("", -signal.SIGTERM)
    assert (output, server.returncode) == expected


def ask(server: subprocess.Popen[str], url: str) -> httpx.Response:
    while True:
        try:
            return httpx.get(url, timeout=None)
        except httpx.TransportError:
            assert server.poll() is None, "the server ended"
            time.sleep(0.1)


def test_a_missing_file_is_refused_before_serving(tmp_path: Path) -> None:
    ready: list[str] = []
    with pytest.raises(StoreError, match="no such file"):
        serve(make_config(tmp_path / "rankings.sqlite"), port=free_port(), ready=lambda: ready.append("yes"))
    # Nobody is told an address that does not answer.
    assert ready == []


def test_another_use_cases_file_is_refused_before_serving(tmp_path: Path) -> None:
    SQLiteStore(tmp_path / "rankings.sqlite").put_many([make_ranking(use_case="homepage")])
    with pytest.raises(StoreError, match="rankings of the use case homepage; allowed: those of newsletter"):
        serve(make_config(tmp_path / "rankings.sqlite"), port=free_port())


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    SQLiteStore(tmp_path / "rankings.sqlite").close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
            serve(make_config(tmp_path / "rankings.sqlite"), port=port)


def test_a_body_does_not_wait_for_its_head_to_be_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections take the option from the listener; without it each answer on an open connection takes 40
    ms.
    """
    SQLiteStore(tmp_path / "rankings.sqlite").close()
    options: list[int] = []

    def run(_: uvicorn.Server, sockets: list[socket.socket]) -> None:
        with socket.create_connection(sockets[0].getsockname()):
            accepted, _address = sockets[0].accept()
            with accepted:
                options.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(uvicorn.Server, "run", run)
    serve(make_config(tmp_path / "rankings.sqlite"), port=free_port(), ready=lambda: options.append(0))
    assert options == [0, 1]
