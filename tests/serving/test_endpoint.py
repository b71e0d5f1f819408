"""The application that functions-framework makes of the function, in this process."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.config import DatastoreLocation, ServingConfig, SQLiteLocation
from serving.parsing import MAX_BATCH, MAX_BODY_BYTES
from serving.ranking import Ranking
from serving.server import make_app
from serving.stores.sqlite import SQLiteStore
from tests.rankings import make_ranking

NOW = dt.datetime.now(dt.UTC)
DEFAULTS = ("bestsellers", "deals", "refill")

Ask = Callable[..., httpx.Response]


def ranking_of(user_id: str, expires_at: dt.datetime = NOW + dt.timedelta(days=8)) -> Ranking:
    return make_ranking(
        user_id=user_id,
        recommenders=("deals", "refill", "top_rated"),
        scores=(0.5, 0.25, -0.125),
        propensities=(0.9, 0.75, 1.0),
        explored=True,
        generated_at=NOW - dt.timedelta(days=9),
        expires_at=expires_at,
    )


def ask_app(config: ServingConfig, method: str, path: str, **options: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=make_app(config), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://function") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rankings.sqlite"
    store = SQLiteStore(path)
    store.put_many(
        [ranking_of("current"), ranking_of("old", NOW - dt.timedelta(seconds=1)), ranking_of("a/b ü")]
    )
    store.close()
    return path


@pytest.fixture
def ask(path: Path) -> Ask:
    config = ServingConfig(SQLiteLocation(str(path)), "newsletter", "default", DEFAULTS)
    return lambda method, url, **options: ask_app(config, method, url, **options)


@pytest.fixture
def ask_strict(path: Path) -> Ask:
    """The same, answering 404 for users without a current ranking."""
    config = ServingConfig(SQLiteLocation(str(path)), "newsletter", "not_found")
    return lambda method, url, **options: ask_app(config, method, url, **options)


def test_personalised(ask: Ask) -> None:
    answer = ask("GET", "/users/current/recommenders")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {**ranking_of("current").to_json_dict(), "source": "personalised"}


def test_percent_encoded_user_id(ask: Ask) -> None:
    assert ask("GET", "/users/a%2Fb%20%C3%BC/recommenders").json()["source"] == "personalised"


@pytest.mark.parametrize("user_id", ["old", "nobody"])
def test_default_ranking(ask: Ask, user_id: str) -> None:
    answer = ask("GET", f"/users/{user_id}/recommenders")
    assert answer.status_code == 200
    assert answer.json() == {"user_id": user_id, "recommenders": list(DEFAULTS), "source": "default"}


@pytest.mark.parametrize("user_id", ["old", "nobody"])
def test_not_found_where_the_settings_say_so(ask_strict: Ask, user_id: str) -> None:
    answer = ask_strict("GET", f"/users/{user_id}/recommenders")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_user"


@pytest.mark.parametrize(("limit", "count"), [("1", 1), ("2", 2), ("3", 3), ("100", 3)])
def test_limit_cuts_all_lists(ask: Ask, limit: str, count: int) -> None:
    answer = ask("GET", f"/users/current/recommenders?limit={limit}").json()
    assert [len(answer[name]) for name in ("recommenders", "scores", "propensities")] == [count] * 3
    default = ask("GET", f"/users/nobody/recommenders?limit={limit}").json()
    assert default["recommenders"] == list(DEFAULTS[:count])


@pytest.mark.parametrize("query", ["0", "101", "-1", "", "ten", "1.5", "%C2%B2", "1&limit=2", "1e1", "+1"])
def test_bad_limit(ask: Ask, query: str) -> None:
    answer = ask("GET", f"/users/current/recommenders?limit={query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_limit"


def test_head_answers_as_get_does(ask: Ask) -> None:
    assert ask("HEAD", "/users/current/recommenders").status_code == 200


def test_batch_keeps_order_and_duplicates(ask: Ask) -> None:
    asked = ["nobody", "current", "old", "current"]
    rankings = ask("POST", "/users:batchGet?limit=1", json={"user_ids": asked}).json()["rankings"]
    assert [(ranking["user_id"], ranking["recommenders"]) for ranking in rankings] == [
        ("nobody", ["bestsellers"]),
        ("current", ["deals"]),
        ("old", ["bestsellers"]),
        ("current", ["deals"]),
    ]


def test_batch_names_users_that_are_not_found(ask_strict: Ask) -> None:
    answer = ask_strict("POST", "/users:batchGet", json={"user_ids": ["nobody", "current"]})
    assert answer.status_code == 200
    missing, found = answer.json()["rankings"]
    assert missing == {
        "user_id": "nobody",
        "error": {"code": "unknown_user", "message": "there is no current ranking for this user"},
    }
    assert found["source"] == "personalised"


@pytest.mark.parametrize("count", [0, MAX_BATCH])
def test_batch_sizes_that_are_allowed(ask: Ask, count: int) -> None:
    answer = ask("POST", "/users:batchGet", json={"user_ids": ["current"] * count})
    assert len(answer.json()["rankings"]) == count


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_body"),
        (b"{", "invalid_body"),
        (b"\xff", "invalid_body"),
        (b"[" * 100_000, "invalid_body"),
        (b'["current"]', "invalid_body"),
        (b"{}", "invalid_body"),
        (b'{"user_ids": "current"}', "invalid_body"),
        (b'{"user_ids": [1]}', "invalid_body"),
        (b'{"user_ids": [null]}', "invalid_body"),
        (b'{"user_ids": [], "more": 1}', "invalid_body"),
        (b'{"user_ids": [""]}', "invalid_user_id"),
        (b'{"user_ids": ["\\ud800"]}', "invalid_user_id"),
        (json.dumps({"user_ids": ["x" * 1501]}).encode(), "invalid_user_id"),
        (json.dumps({"user_ids": ["x"] * (MAX_BATCH + 1)}).encode(), "too_many_user_ids"),
    ],
)
def test_bad_batches(ask: Ask, body: bytes, code: str) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    answer = ask("POST", "/users:batchGet", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_media_types(ask: Ask, content_type: str) -> None:
    headers = {"content-type": content_type}
    answer = ask("POST", "/users:batchGet", content=b'{"user_ids": []}', headers=headers)
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_media_type"


def test_a_chunked_body_too_large(ask: Ask) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1024 + 1):
            yield b" " * 1024

    headers = {"content-type": "application/json"}
    answer = ask("POST", "/users:batchGet", content=chunks(), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/Health", 404),
        ("GET", "/users", 404),
        ("GET", "/users/current/recommenders/extra", 404),
        ("GET", "/users/a/b/recommenders", 404),
        ("POST", "/users/current/recommenders", 405),
        ("GET", "/users:batchGet", 405),
        ("POST", "/health", 405),
        ("GET", "/users/%C3/recommenders", 400),
        ("GET", "/users/__x__/recommenders", 400),
        ("GET", "/users/" + "x" * 1501 + "/recommenders", 400),
    ],
)
def test_errors_are_json(ask: Ask, method: str, url: str, status: int) -> None:
    answer = ask(method, url)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message"}
    assert ("allow" in answer.headers) == (status == 405)


def test_health(ask: Ask) -> None:
    assert ask("GET", "/health").json() == {"status": "ok", "use_case": "newsletter"}


@pytest.mark.parametrize("url", ["/health", "/users/current/recommenders"])
def test_a_missing_file_is_503_until_it_is_there(tmp_path: Path, url: str) -> None:
    path = tmp_path / "later.sqlite"
    config = ServingConfig(SQLiteLocation(str(path)), "newsletter", "default", DEFAULTS)

    async def send_twice() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=make_app(config))
        async with httpx.AsyncClient(transport=transport, base_url="http://function") as client:
            before = await client.get(url)
            SQLiteStore(path).close()
            return [before, await client.get(url)]

    before, after = asyncio.run(send_twice())
    assert before.status_code == 503
    assert before.json()["error"]["code"] == "store_unavailable"
    assert str(tmp_path) not in before.text
    assert after.status_code == 200


def test_an_unreachable_datastore_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = listener.getsockname()[1]
    monkeypatch.setenv("DATASTORE_EMULATOR_HOST", f"127.0.0.1:{nobody}")
    config = ServingConfig(DatastoreLocation("newsletter-test", "Ranking"), "newsletter", "not_found")
    answer = ask_app(config, "GET", "/users/current/recommenders")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "store_unavailable"


def test_a_corrupt_record_is_500(ask: Ask, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE rankings SET propensities = '[2, 1, 1]' WHERE user_id = 'current'")
    answer = ask("GET", "/users/current/recommenders")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "corrupt_ranking"


def test_another_use_cases_ranking_is_refused_by_name(path: Path) -> None:
    config = ServingConfig(SQLiteLocation(str(path)), "homepage", "default", DEFAULTS)
    answer = ask_app(config, "GET", "/users/current/recommenders")
    assert answer.status_code == 500
    error = {
        "code": "foreign_ranking",
        "message": "the stored ranking is of the use case newsletter; this endpoint serves homepage",
    }
    assert answer.json() == {"error": error}
    # An expired one says as much about the store; a user without one is as unknown as ever.
    users = {"user_ids": ["current", "old", "nobody"]}
    current, old, nobody = ask_app(config, "POST", "/users:batchGet", json=users).json()["rankings"]
    assert current == {"user_id": "current", "error": error}
    assert old == {"user_id": "old", "error": error}
    assert nobody["source"] == "default"


def test_a_fault_of_ours_is_500_without_its_stack(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(Ranking, "expired", break_down)
    answer = ask("GET", "/users/current/recommenders")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "secret" not in answer.text
