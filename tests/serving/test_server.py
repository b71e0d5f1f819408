"""`serve` in a process of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from serving.config import ConfigError, ServingConfig, SQLiteLocation
from serving.limits import Limits
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


@contextmanager
def served(config: ServingConfig) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server in a process of its own, and its port."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)],
        env={
            **os.environ,
            **config.to_env(),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield server, port
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_serves_quietly_and_ends_cleanly(tmp_path: Path, stop_signal: signal.Signals) -> None:
    SQLiteStore(tmp_path / "rankings.sqlite").close()
    with served(make_config(tmp_path / "rankings.sqlite")) as (server, port):
        answer = ask(server, f"http://127.0.0.1:{port}/users/nobody/recommenders")
        assert answer.json()["recommenders"] == ["deals"]
        server.send_signal(stop_signal)
        output, errors = server.communicate()
    assert errors == ""
    # uvicorn raises SIGTERM again once it has stopped, so that whoever sent it sees the process end by it.
    expected = ("served\n", 0) if stop_signal is signal.SIGINT else ("", -signal.SIGTERM)
    assert (output, server.returncode) == expected


POST = (
    b"POST /users:batchGet HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 4000000\r\n\r\n"
)


def test_slow_and_greedy_clients_are_sent_away_and_the_others_served(tmp_path: Path) -> None:
    SQLiteStore(tmp_path / "rankings.sqlite").close()
    limits = Limits(max_connections=6, head_seconds=0.5, body_seconds=1.0, max_buffered_mib=4)
    config = dataclasses.replace(make_config(tmp_path / "rankings.sqlite"), limits=limits)
    with served(config) as (server, port), ExitStack() as stack:
        health = f"http://127.0.0.1:{port}/health"
        ask(server, health)

        def connect(sent: bytes) -> socket.socket:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            client.sendall(sent)
            return client

        # One byte at a time does not help.
        drip = connect(b"GET /health HTTP/1.1\r\nX: ")
        time.sleep(0.3)
        drip.sendall(b"y")
        slow = connect(POST + b" " * 3_000_000)
        time.sleep(0.1)
        greedy = connect(POST + b" " * 3_000_000)
        assert answer_of(drip) == (408, "request_timeout")
        assert answer_of(greedy) == (503, "busy")
        assert answer_of(slow) == (408, "request_timeout")
        idle = [connect(b"") for _ in range(limits.max_connections)]
        time.sleep(0.1)
        assert answer_of(connect(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")) == (503, "busy")
        assert {answer_of(client) for client in idle} == {(408, "request_timeout")}
        # One connection serves several requests, however long the pause before the next one begins.
        with httpx.Client() as client:
            for _ in range(3):
                assert client.get(health).status_code == 200
                time.sleep(0.7)


def answer_of(client: socket.socket) -> tuple[int, str]:
    """Status and error code of the one answer that comes before the connection is closed."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]["code"]


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
