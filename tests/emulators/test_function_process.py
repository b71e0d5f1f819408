"""The function as it is deployed: functions-framework in a process of its own, over HTTP, on both stores."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

import serving
from newsletter_bandit.settings.run_day import run_day
from serving.config import DatastoreLocation, ServingConfig, SQLiteLocation, StoreLocation
from serving.ranking import Ranking
from serving.stores.base import RankingStore
from serving.stores.sqlite import SQLiteStore
from tests.emulators.server_processes import PROJECT, free_port, stop, wait_until_ready
from tests.rankings import make_ranking

TODAY = dt.datetime.combine(run_day(), dt.time(), tzinfo=dt.UTC)
ODD_USER = "a/b?c#d%2F ü例\n&=+;"


def ranking_of(user_id: str) -> Ranking:
    return make_ranking(
        user_id=user_id,
        recommenders=("deals", "refill", "top_rated"),
        scores=(0.5, 0.25, -0.125),
        propensities=(0.9, 0.75, 1.0),
        generated_at=TODAY,
    )


@dataclasses.dataclass(frozen=True)
class Function:
    """A running function and the store behind it."""

    client: httpx.Client
    store: RankingStore


def open_store(kind: str, request: pytest.FixtureRequest, folder: Path) -> tuple[RankingStore, StoreLocation]:
    if kind == "sqlite":
        return SQLiteStore(folder / "rankings.sqlite"), SQLiteLocation(str(folder / "rankings.sqlite"))
    request.getfixturevalue("datastore_emulator")
    from serving.stores.datastore import DatastoreStore

    namespace = f"function-{uuid.uuid4().hex[:12]}"
    return DatastoreStore(PROJECT, "Ranking", namespace), DatastoreLocation(PROJECT, "Ranking", namespace)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("datastore", marks=pytest.mark.emulator)])
def function(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    """Starts a copy of the folder, as a deployment would, where no other folder of the project is."""
    folder = tmp_path_factory.mktemp("function")
    store, location = open_store(request.param, request, folder)
    store.put_many([ranking_of("user-1"), ranking_of("user-2"), ranking_of(ODD_USER)])
    (package,) = serving.__path__
    source = folder / "source"
    shutil.copytree(package, source, ignore=shutil.ignore_patterns("__pycache__"))
    port = free_port()
    config = ServingConfig(location, use_case="newsletter", default_ranking=("bestsellers", "deals"))
    log = folder / "function.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "functions_framework", "--target=recommenders"),
                *("--source", str(source / "main.py"), "--host=127.0.0.1", f"--port={port}"),
            ],
            env={**os.environ, **config.to_env()},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(process, f"{url}/health", log)
        with httpx.Client(base_url=url, timeout=None) as client:
            yield Function(client, store)
        assert "Traceback" not in log.read_text(errors="replace")
    finally:
        stop(process)
        store.close()


def test_health(function: Function) -> None:
    answer = function.client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "use_case": "newsletter"}


@pytest.mark.parametrize("user_id", ["user-1", ODD_USER])
def test_exactly_the_stored_fields_and_the_source(function: Function, user_id: str) -> None:
    answer = function.client.get(f"/users/{quote(user_id, safe='')}/recommenders")
    assert answer.status_code == 200
    assert answer.json() == {**ranking_of(user_id).to_json_dict(), "source": "personalised"}


def test_limit_cuts_the_lists_together(function: Function) -> None:
    answer = function.client.get("/users/user-1/recommenders", params={"limit": 2}).json()
    assert answer["recommenders"] == ["deals", "refill"]
    assert answer["scores"] == [0.5, 0.25]
    assert answer["propensities"] == [0.9, 0.75]


def test_default_for_an_unknown_user(function: Function) -> None:
    answer = function.client.get("/users/nobody/recommenders")
    assert answer.status_code == 200
    assert answer.json() == {
        "user_id": "nobody",
        "recommenders": ["bestsellers", "deals"],
        "source": "default",
    }


def test_batch_answers_in_the_order_asked(function: Function) -> None:
    asked = ["user-2", "nobody", ODD_USER, "user-2"]
    answer = function.client.post("/users:batchGet", json={"user_ids": asked})
    assert answer.status_code == 200
    rankings = answer.json()["rankings"]
    assert [ranking["user_id"] for ranking in rankings] == asked
    assert [ranking["source"] for ranking in rankings] == [
        "personalised",
        "default",
        "personalised",
        "personalised",
    ]


def test_largest_batch(function: Function) -> None:
    asked = [f"nobody-{number}" for number in range(499)] + ["user-1"]
    rankings = function.client.post("/users:batchGet", json={"user_ids": asked}).json()["rankings"]
    assert [ranking["source"] for ranking in rankings] == ["default"] * 499 + ["personalised"]


def test_a_rewritten_and_a_deleted_user_are_seen_at_once(function: Function) -> None:
    function.store.put_many([ranking_of("user-3")])
    assert function.client.get("/users/user-3/recommenders").json()["campaign"] == "monday"
    function.store.put_many([dataclasses.replace(ranking_of("user-3"), campaign="tuesday")])
    assert function.client.get("/users/user-3/recommenders").json()["campaign"] == "tuesday"
    function.store.delete("user-3")
    assert function.client.get("/users/user-3/recommenders").json()["source"] == "default"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/users/user-1", 404, "not_found"),
        ("GET", "/users/user-1/recommenders/", 404, "not_found"),
        ("GET", "/users//recommenders", 400, "invalid_user_id"),
        ("GET", "/users/%FF/recommenders", 400, "invalid_user_id"),
        ("GET", "/users/user-1/recommenders?limit=0", 400, "invalid_limit"),
        ("DELETE", "/users/user-1/recommenders", 405, "method_not_allowed"),
        ("GET", "/users:batchGet", 405, "method_not_allowed"),
        ("POST", "/users:batchGet", 415, "unsupported_media_type"),
    ],
)
def test_errors_are_json(function: Function, method: str, path: str, status: int, code: str) -> None:
    answer = function.client.request(method, path)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"]


def test_a_body_too_large_is_refused(function: Function) -> None:
    answer = function.client.post(
        "/users:batchGet", content=b" " * 6_000_000, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"
    assert function.client.get("/health").status_code == 200
