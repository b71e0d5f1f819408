"""Measures how fast the model server ranks requests, compared with plain TensorFlow and a constant answer.

Server and load generator share this machine. Sides, in turn:

    TensorFlow, 1      the signature called in process, one user after the other
    TensorFlow, 8      the same, eight users a call
    TensorFlow, 128    the same, 128 users a call, which is the graph's own batch
    constant, 8        uvicorn with a constant answer of the same size, at 8 connections: the floor of HTTP
    model server, 1    `newsletter-bandit serve --model`, at 1 connection
    model server, 8    the same, at 8 connections

Each answer of the model server is compared with the ranking that plain TensorFlow made of the same user; the
benchmark fails where one differs.

    python -m benchmarks.rank_requests [--seconds 10] [--rounds 3] [--workdir DIR] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from benchmarks import batch_work, measuring, servers
from benchmarks.latencies import latency_table
from benchmarks.load import Exchange, Load, drive, quantiles
from benchmarks.measuring import Measured, Side, Target
from newsletter_bandit.registry import Registry
from newsletter_bandit.settings.run_day import run_day
from newsletter_bandit.simulation.world import World
from pipelines.cli import runtime_defaults

# In an answer, the place behind the id, which differs each time.
_BEGINS = len(b'{"ranking_id":""') + 32
_SEED = 7


class WrongAnswerError(Exception):
    """An answer was not the ranking that the graph makes of the user."""


@dataclass(frozen=True)
class Ranking(Exchange):
    """A request for a ranking; `body` is the part of the answer that is the same each time."""

    def is_answered_by(self, body: bytes) -> bool:
        """Whether a body has that part where it should be."""
        return body.startswith(self.body, _BEGINS)


def items(users: int, day: dt.date) -> list[dict[str, Any]]:
    """Simulated users as items of requests."""
    use_case, _ = batch_work.settings(Path())
    world = World.of(use_case, _SEED, users, use_case.window.anchor)
    found = []
    for row in world.inference(world.everyone, day).to_pylist():
        features = {name: row[name] for name in use_case.features}
        for name, value in features.items():
            if isinstance(value, dt.date):
                features[name] = value.isoformat()
        found.append(
            {
                "user_id": row["user_id"],
                "campaign": row["campaign"],
                "eligible_recommenders": row["eligible_recommenders"],
                "features": features,
            }
        )
    return found


def _ranker(workdir: Path) -> Any:
    from pipelines.model_server.ranker import Ranker

    use_case, environment = batch_work.settings(workdir)
    registry = Registry(environment.registry, use_case.name)
    return Ranker(registry, registry.require_current(), use_case, dt.datetime.now(dt.UTC))


def _examples(asked: list[dict[str, Any]], day: dt.date, rankable: frozenset[str]) -> list[bytes]:
    from pipelines.model_server.parsing import Parser

    use_case, _ = batch_work.settings(Path())
    found, _ = Parser(use_case, len(asked)).asked({"items": asked}, rankable, day)
    return [one.example for one in found]


def exchanges(options: argparse.Namespace) -> list[Exchange]:
    """A request for each user, and what plain TensorFlow makes of it."""
    day = run_day()
    asked, ranker = items(options.users, day), _ranker(options.workdir)
    ranked = ranker.rank(_examples(asked, day, ranker.rankable), day)
    made: list[Exchange] = []
    for item, one in zip(asked, ranked, strict=True):
        constant = orjson.dumps(
            {
                "user_id": item["user_id"],
                "campaign": item["campaign"],
                "recommenders": one.recommenders,
                "scores": one.scores,
                "propensities": one.propensities,
                "explored": one.explored,
                "use_case": "newsletter",
                "model_version": ranker.version,
            }
        )
        made.append(Ranking.post("/rank", orjson.dumps(item), b"," + constant[1:-1]))
    return made


class Constant:
    """An application that reads the body and answers the same each time."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers any request."""
        await Request(scope, receive).body()
        await Response(self._body, media_type="application/json")(scope, receive, send)


@contextlib.contextmanager
def served(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server, once it answers."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        process = servers.start(command, log, {**os.environ, "PYTHONPATH": str(measuring.REPOSITORY)})
        try:
            servers.wait_until_ready(process, f"http://127.0.0.1:{port}/health", log)
            yield process
        finally:
            servers.stop(process)


def side_server(options: argparse.Namespace) -> None:
    """Serves, warms up and measures; tells the latencies and what server and generator cost."""
    asked, port = exchanges(options), servers.free_port()
    if options.constant:
        body = orjson.dumps({"ranking_id": "0" * 32})[:-1] + asked[0].body + b"}"
        asked = [Exchange(exchange.request, body) for exchange in asked]
        code = (
            "from benchmarks.rank_requests import Constant; from serving.listening import listen; "
            f"listen(Constant({body!r}), '127.0.0.1', {port})"
        )
        command = [sys.executable, "-c", code]
    else:
        words = ("serve", "--model", "--workdir", str(options.workdir), "--port", str(port))
        command = [sys.executable, "-m", "pipelines.cli.main", *words]
    with served(command, port) as process:
        address = ("127.0.0.1", port)
        drive(address, asked, options.connections, options.warm)
        load = drive(address, asked, options.connections, options.seconds)
        peak = servers.peak_mib(process)
    _check(load)
    measuring.tell(len(load.latencies), load.seconds, **load.to_json(), server_peak_mib=peak)


def _check(load: Load) -> None:
    if load.wrong or not load.latencies:
        raise WrongAnswerError(f"{load.wrong} of {load.wrong + len(load.latencies)} answers were wrong")


def side_tensorflow(options: argparse.Namespace) -> None:
    """Calls the signature in process; tells the seconds of a call and the users per second."""
    import tensorflow as tf

    from newsletter_bandit.exported_model import SERVING_DEFAULT

    day, ranker, rows = run_day(), _ranker(options.workdir), options.connections
    examples = _examples(items(max(options.users, rows), day), day, ranker.rankable)
    ranker.rank(examples[:rows], day)
    signature = ranker._model.signatures[SERVING_DEFAULT]
    batches = [examples[i : i + rows] for i in range(0, len(examples) - rows + 1, rows)]
    for seconds in (options.warm, options.seconds):
        latencies: list[float] = []
        begin = now = time.perf_counter()
        while now < begin + seconds:
            batch = batches[len(latencies) % len(batches)]
            for values in signature(examples=tf.constant(batch, tf.string)).values():
                values.numpy()
            before, now = now, time.perf_counter()
            latencies.append(now - before)
    measuring.tell(rows * len(latencies), now - begin, **quantiles(sorted(latencies)))


_SIDES = {"server": side_server, "tensorflow": side_tensorflow}


def measure(options: argparse.Namespace, out: Console) -> list[Measured]:
    """Runs all sides in turn."""

    def side(name: str, what: str, connections: int, *flags: str) -> Side:
        arguments = [
            *("--side", what, "--connections", connections, "--users", options.users),
            *("--seconds", options.seconds, "--warm", options.warm, "--workdir", options.workdir),
        ]
        return Side(name, measuring.this_module("rank_requests", *arguments, *flags))

    sides = [
        side("TensorFlow, 1", "tensorflow", 1),
        side("TensorFlow, 8", "tensorflow", 8),
        side("TensorFlow, 128", "tensorflow", 128),
        side("constant, 8", "server", 8, "--constant"),
        side("model server, 1", "server", 1),
        side("model server, 8", "server", 8),
    ]
    return measuring.in_turn(sides, options.rounds, out)


def _rate(one: Measured) -> float:
    """Users per second of the median round."""
    if "requests_per_second" in one.figures:
        return one.median("requests_per_second")
    return one.rate


def targets(measured: list[Measured]) -> list[Target]:
    """Targets of the model server, with what was measured."""
    side = {one.name: one for one in measured}
    server, plain = side["model server, 8"], side["TensorFlow, 1"]
    p50, p99, rate = server.median("p50"), server.median("p99"), _rate(server)
    ratios = sorted(
        mine["requests_per_second"] * theirs["mean"] / 1e3
        for mine, theirs in zip(server.every, plain.every, strict=True)
    )
    ratio = f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]"
    return [
        Target("model server, 8: rate", "at least 1,500 requests/s", f"{rate:,.0f}", rate >= 1500),
        Target("model server, 8: p50", "at most 3 ms", f"{p50:.2f} ms", p50 <= 3.0),
        Target("model server, 8: p99", "at most 20 ms", f"{p99:.1f} ms", p99 <= 20.0),
        Target("model server, 8: rate / TensorFlow, 1", "none set", ratio, True),
    ]


def main() -> None:
    """Prints the tables; see the module."""
    runtime_defaults.apply()
    parser = measuring.parser(__doc__)
    batch_work.add_option(parser)
    parser.add_argument("--seconds", type=float, default=10.0, help="of load on each side and round")
    parser.add_argument("--warm", type=float, default=2.0, help="seconds of load before that")
    parser.add_argument("--users", type=int, default=2000, help="that take turns")
    parser.add_argument("--side", choices=sorted(_SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--connections", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--constant", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        _SIDES[options.side](options)
        return
    out = measuring.console()
    with batch_work.work_folder(options.workdir) as workdir:
        options.workdir = workdir
        measured = measure(options, out)
    out.print(latency_table("A request, or a call of the graph", measured, {"users/s": _rate}))
    figures: dict[str, Any] = {one.name: {**one.to_json(), "rounds": one.every} for one in measured}
    measuring.finish(out, options.json, figures, targets(measured))


if __name__ == "__main__":
    main()
