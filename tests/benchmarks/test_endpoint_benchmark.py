"""The endpoint's benchmark in small, over SQLite: it runs, and its generator knows a wrong answer from a
right one.

Over Datastore: tests/emulators/test_datastore_benchmarks.py.
"""

from __future__ import annotations

import datetime as dt
import json
import socket
import sys
import threading
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import endpoint, load, stored_rankings
from benchmarks.load import Exchange, drive, quantiles
from serving.ranking import Ranking


@pytest.mark.slow
def test_the_benchmark_in_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = "--stores sqlite --seconds 0.3 --warm 0.1 --rounds 1 --starts 1 --users 20"
    monkeypatch.setattr(sys, "argv", ["endpoint", *arguments.split(), "--json", str(tmp_path / "found.json")])
    with pytest.raises(SystemExit):
        endpoint.main()
    found = json.loads((tmp_path / "found.json").read_text())
    for name in ("constant, 8", "SQLite, 8"):
        assert found[name]["rows"] > 8
        assert found[name]["wrong"] == 0
        assert 0 < found[name]["p50"] <= found[name]["p99"] <= found[name]["max"]
    assert [len(starts) for starts in found["cold_starts"].values()] == [1, 1]
    assert "SQLite: first answer" in capsys.readouterr().out


def test_what_is_expected_is_the_contract() -> None:
    (ranking,) = stored_rankings.rankings(1, dt.date(2026, 3, 2))
    answer = json.loads(stored_rankings.body(ranking))
    assert answer.pop("source") == "personalised"
    assert Ranking.from_json_dict(answer) == ranking


def test_the_generator_counts_wrong_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of three requests, sent in turn, gets an unexpected answer."""
    # Each look at the clock is a hundredth of a second after the last one, however busy the machine is.
    clock = SimpleNamespace(perf_counter=count(0.0, 0.01).__next__, process_time=time.process_time)
    monkeypatch.setattr(load, "time", clock)
    bodies = [b"one", b"two", b"three"]
    exchanges = [Exchange.get(f"/{number}", body) for number, body in enumerate(bodies)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_answer_each, args=(listener, [b"one", b"owt", b"three"]))
        server.start()
        found = drive(listener.getsockname(), exchanges, connections=1, seconds=0.2)
        server.join()
    assert found.wrong > 0
    assert 1.5 < len(found.latencies) / found.wrong < 3.5


def _answer_each(listener: socket.socket, bodies: list[bytes]) -> None:
    connection, _ = listener.accept()
    with connection:
        while request := connection.recv(4096):
            body = bodies[int(request[5:6])]
            # In two parts, as uvicorn writes it.
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body))
            connection.sendall(body)


def test_quantiles_are_ranks() -> None:
    found = quantiles([number / 1000 for number in range(101)])
    assert (found["p50"], found["p90"], found["p99"], found["max"]) == (50.0, 90.0, 99.0, 100.0)
