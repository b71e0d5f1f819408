"""Measures how fast the endpoint answers, compared with the look-up alone and an empty function.

The stores are Datastore's emulator and SQLite. Server, emulator and load generator share this machine. Sides,
in turn:

    raw look-up       plain gRPC: one prepared Lookup after the other, the answer parsed by protobuf and
                      compared no further
    client's get      google-cloud-datastore's `Client.get`
    constant          functions-framework with a constant answer of the same size: the floor of any
                      function (1 and 8)
    Datastore         the endpoint over the emulator, at 1 and 8 connections
    SQLite            the endpoint over the file, at 8 connections
    cold start        from starting the process to the first user's ranking, over each store

The functions run as they are deployed: functions-framework in a process of its own, one worker. Each answer
is compared with the expected bytes; the benchmark fails where one is wrong.

    python -m benchmarks.endpoint [--seconds 10] [--rounds 3] [--stores sqlite datastore] [--json FILE]
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import measuring, servers, stored_rankings
from benchmarks.latencies import latency_table
from benchmarks.load import Exchange, Load, drive, quantiles
from benchmarks.measuring import Measured, Side, Target
from newsletter_bandit.settings.run_day import run_day
from pipelines.cli import runtime_defaults
from serving.config import DatastoreLocation, ServingConfig, SQLiteLocation, StoreLocation
from serving.stores.base import RankingStore

_SERVING = measuring.REPOSITORY / "serving" / "main.py"
_CONSTANT = measuring.REPOSITORY / "benchmarks" / "constant_function.py"
_KIND = "Ranking"
STORES = ("datastore", "sqlite")


class WrongAnswerError(Exception):
    """An answer was not what the store holds."""


def config(location: StoreLocation) -> ServingConfig:
    """Configuration of the endpoint for this benchmark."""
    return ServingConfig(location, use_case="newsletter", default_ranking=stored_rankings.RECOMMENDERS)


def location_of(kind: str, folder: Path) -> StoreLocation:
    """Location of this run's store."""
    if kind == "sqlite":
        return SQLiteLocation(str(folder / "rankings.sqlite"))
    return DatastoreLocation(servers.PROJECT, _KIND)


def fill(location: StoreLocation, users: int, day: dt.date) -> None:
    """Stores every user's ranking."""
    store: RankingStore
    if isinstance(location, SQLiteLocation):
        from serving.stores.sqlite import SQLiteStore

        store = SQLiteStore(location.path)
    else:
        from serving.stores.datastore import DatastoreStore

        store = DatastoreStore(location.project, location.entity_kind)
    store.put_many(stored_rankings.rankings(users, day))
    store.close()


@contextlib.contextmanager
def function(
    source: Path, target: str, environment: dict[str, str], path: str
) -> Iterator[tuple[subprocess.Popen[bytes], int, float]]:
    """Serves a function: its process, its port, and the seconds until ``path`` was first answered."""
    with tempfile.TemporaryDirectory() as folder:
        port, log = servers.free_port(), Path(folder) / "function.log"
        began = time.perf_counter()
        command = servers.function_command(source, target, port)
        process = servers.start(command, log, {**os.environ, **environment})
        try:
            servers.wait_until_ready(process, f"http://127.0.0.1:{port}{path}", log, pause=0.005)
            yield process, port, time.perf_counter() - began
        finally:
            servers.stop(process)


def _served(kind: str, options: argparse.Namespace) -> tuple[list[Exchange], dict[str, str], Path, str]:
    """A side's request, and the function that answers it: variables, source and target."""
    exchanges = [
        Exchange.get(f"/users/{ranking.user_id}/recommenders", stored_rankings.body(ranking))
        for ranking in stored_rankings.rankings(options.users, options.day)
    ]
    if kind != "constant":
        return exchanges, config(location_of(kind, options.folder)).to_env(), _SERVING, "recommenders"
    same = [Exchange(exchange.request, exchanges[0].body) for exchange in exchanges]
    return same, {"CONSTANT_ANSWER": exchanges[0].body.decode()}, _CONSTANT, "constant"


def side_function(options: argparse.Namespace) -> None:
    """Serves, warms up and measures one function; tells the latencies and what server and generator cost."""
    exchanges, environment, source, target = _served(options.kind, options)
    with function(source, target, environment, "/users/user-0000000/recommenders") as (process, port, first):
        address = ("127.0.0.1", port)
        drive(address, exchanges, options.connections, options.warm)
        load = drive(address, exchanges, options.connections, options.seconds)
        peak = servers.peak_mib(process)
    _check(load)
    measuring.tell(
        len(load.latencies),
        load.seconds,
        **load.to_json(),
        start_seconds=first,
        server_peak_mib=peak,
    )


def _check(load: Load) -> None:
    if load.wrong or not load.latencies:
        raise WrongAnswerError(f"{load.wrong} of {load.wrong + len(load.latencies)} answers were wrong")


def side_cold(options: argparse.Namespace) -> None:
    """Starts the function again and again; tells the seconds to the first 200 for a user."""
    _, environment, source, target = _served(options.kind, options)
    found = []
    for number in range(options.starts):
        path = f"/users/{stored_rankings.user_id(number)}/recommenders"
        with function(source, target, environment, path) as (_, _, seconds):
            found.append(seconds)
    measuring.tell(len(found), sum(found), starts=found)


def side_look_up(options: argparse.Namespace) -> None:
    """Looks one user up after the other, as plainly as gRPC can or with the client's own `get`."""
    look_up = _raw_look_up() if options.kind == "raw" else _client_look_up()
    ids = [stored_rankings.user_id(number) for number in range(options.users)]
    _one_by_one(look_up, ids, options.warm)
    latencies, seconds = _one_by_one(look_up, ids, options.seconds)
    measuring.tell(len(latencies), seconds, **quantiles(sorted(latencies)), wrong=0)


def _one_by_one(look_up: Callable[[str], str], ids: list[str], seconds: float) -> tuple[list[float], float]:
    latencies = []
    begin = now = time.perf_counter()
    while now < begin + seconds:
        wanted = ids[len(latencies) % len(ids)]
        if look_up(wanted) != wanted:
            raise WrongAnswerError(f"the look-up of {wanted} found another")
        before, now = now, time.perf_counter()
        latencies.append(now - before)
    return latencies, now - begin


def _raw_look_up() -> Callable[[str], str]:
    import grpc
    from google.cloud.datastore_v1.types import LookupRequest, LookupResponse

    call = grpc.insecure_channel(os.environ["DATASTORE_EMULATOR_HOST"]).unary_unary(
        "/google.datastore.v1.Datastore/Lookup",
        request_serializer=LookupRequest.pb().SerializeToString,
        response_deserializer=LookupResponse.pb().FromString,
    )
    request_type = LookupRequest.pb()

    def look_up(user: str) -> str:
        request = request_type(project_id=servers.PROJECT)
        key = request.keys.add()
        key.partition_id.project_id = servers.PROJECT
        key.path.add(kind=_KIND, name=user)
        (found,) = call(request).found
        return str(found.entity.key.path[-1].name)

    return look_up


def _client_look_up() -> Callable[[str], str]:
    from google.cloud import datastore

    client = datastore.Client(project=servers.PROJECT)

    def look_up(user: str) -> str:
        return str(client.get(client.key(_KIND, user)).key.name)

    return look_up


_SIDES = {"function": side_function, "cold": side_cold, "look-up": side_look_up}


def _side(name: str, what: str, kind: str, options: argparse.Namespace, connections: int = 1) -> Side:
    arguments = [
        *("--side", what, "--kind", kind, "--connections", connections),
        *("--users", options.users, "--day", options.day, "--folder", options.folder),
        *("--seconds", options.seconds, "--warm", options.warm, "--starts", options.starts),
    ]
    return Side(name, measuring.this_module("endpoint", *arguments))


def measure(options: argparse.Namespace, out: Console) -> tuple[list[Measured], list[Measured]]:
    """Runs all sides in turn: those under load, and the cold starts."""
    with contextlib.ExitStack() as stack:
        options.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if "datastore" in options.stores:
            os.environ["DATASTORE_EMULATOR_HOST"] = stack.enter_context(servers.datastore_emulator())
        for kind in options.stores:
            fill(location_of(kind, options.folder), options.users, options.day)
        if "datastore" in options.stores:
            out.print("[dim]warming the emulator up[/]")
            warming = argparse.Namespace(**{**vars(options), "seconds": options.warm_emulator, "warm": 0.0})
            measuring.run(_side("warm-up", "function", "datastore", warming, 8))
        sides = []
        if "datastore" in options.stores:
            sides += [
                _side("raw look-up", "look-up", "raw", options),
                _side("client's get", "look-up", "client", options),
                _side("constant, 1", "function", "constant", options, 1),
                _side("Datastore, 1", "function", "datastore", options, 1),
            ]
        sides.append(_side("constant, 8", "function", "constant", options, 8))
        sides += [_side(f"{_NAMES[kind]}, 8", "function", kind, options, 8) for kind in options.stores]
        cold = [_side("constant", "cold", "constant", options)]
        cold += [_side(_NAMES[kind], "cold", kind, options) for kind in options.stores]
        return measuring.in_turn(sides, options.rounds, out), measuring.in_turn(cold, 1, out)


_NAMES = {"datastore": "Datastore", "sqlite": "SQLite"}


def targets(measured: list[Measured], cold: list[Measured]) -> list[Target]:
    """Targets of the endpoint, with what was measured."""
    side = {one.name: one for one in measured}
    found = []
    if "Datastore, 1" in side:
        for peer in ("raw look-up", "client's get"):
            ratios = [
                mine["p50"] / theirs["p50"]
                for mine, theirs in zip(side["Datastore, 1"].every, side[peer].every, strict=True)
            ]
            ratio = statistics.median(ratios)
            shown = f"{ratio:.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
            found.append(Target(f"Datastore, 1: p50 / {peer}", "at most 1.5", shown, ratio <= 1.5))
        found += _under_load(side["Datastore, 8"], 1200, 50)
    if "SQLite, 8" in side:
        found += _under_load(side["SQLite, 8"], 2500, 20)
    for one in cold:
        if one.name != "constant":
            slowest = max(one.figures["starts"])
            middle = statistics.median(one.figures["starts"])
            found.append(
                Target(
                    f"{one.name}: first answer",
                    "under 1.5 s",
                    f"{middle:.2f} s, slowest {slowest:.2f} s",
                    slowest < 1.5,
                )
            )
    return found


def _under_load(one: Measured, rate: float, p99: float) -> list[Target]:
    slowest = max(told["p99"] for told in one.every)
    return [
        Target(one.name, f"at least {rate:,.0f} requests/s", f"{one.rate:,.0f}", one.rate >= rate),
        Target(f"{one.name}: p99", f"under {p99:g} ms", f"{slowest:.1f} ms (worst round)", slowest < p99),
    ]


def main() -> None:
    """Prints the tables; see the module."""
    runtime_defaults.apply()
    parser = measuring.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of load on each side and round")
    parser.add_argument("--warm", type=float, default=2.0, help="seconds of load before that")
    parser.add_argument(
        "--warm-emulator", type=float, default=25.0, help="seconds; Java takes that long to reach its speed"
    )
    parser.add_argument("--users", type=int, default=5000, help="with a ranking")
    parser.add_argument("--starts", type=int, default=5, help="cold starts over each store")
    parser.add_argument("--stores", nargs="+", choices=STORES, default=STORES)
    parser.add_argument("--side", choices=sorted(_SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    parser.add_argument("--connections", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--day", type=dt.date.fromisoformat, default=run_day(), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        _SIDES[options.side](options)
        return
    out = measuring.console()
    try:
        measured, cold = measure(options, out)
    except servers.MissingError as error:
        sys.exit(f"Error: {error}")
    counts = {"requests": lambda one: one.rows, "requests/s": lambda one: one.rate}
    out.print(latency_table("Under load", measured, counts))
    figures: dict[str, Any] = {one.name: {**one.to_json(), "rounds": one.every} for one in measured}
    figures["cold_starts"] = {one.name: one.figures["starts"] for one in cold}
    measuring.finish(out, options.json, figures, targets(measured, cold))


if __name__ == "__main__":
    main()
