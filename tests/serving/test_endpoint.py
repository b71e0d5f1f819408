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

from serving.bodies import MAX_BODY_BYTES
from serving.config import DatastoreLocation, ServingConfig, SQLiteLocation
from serving.parsing import MAX_BATCH
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


def test_deep_health_tells_freshness_and_coverage(ask: Ask, tmp_path: Path) -> None:
    current = ranking_of("current")
    assert ask("GET", "/health?deep=1").json() == {
        "status": "ok",
        "use_case": "newsletter",
        "rankings": 3,
        "served": 2,
        "expired": 1,
        "older": 0,
        "newest_day": current.generated_at.date().isoformat(),
        "served_until": current.to_json_dict()["expires_at"],
        "model_version": current.model_version,
    }
    assert ask("GET", "/health?deep=yes").json()["error"]["code"] == "invalid_deep"


@pytest.mark.parametrize(
    ("rankings", "words"),
    [
        ([], "the ranking store is empty"),
        ([ranking_of("old", NOW)], "all 1 rankings expired, the last"),
    ],
)
def test_deep_health_is_503_where_nobody_has_a_ranking(
    rankings: list[Ranking], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "rankings.sqlite"
    store = SQLiteStore(path)
    store.put_many(rankings)
    store.close()
    config = ServingConfig(SQLiteLocation(str(path)), "newsletter", "default", DEFAULTS)
    assert ask_app(config, "GET", "/health").status_code == 200
    answer = ask_app(config, "GET", "/health?deep=1")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "no_current_rankings"
    assert answer.json()["error"]["message"].startswith(words)


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
    assert answer.headers["retry-after"] == "1"


def test_a_store_that_is_away_may_be_answered_for_with_the_default(tmp_path: Path) -> None:
    where = SQLiteLocation(str(tmp_path / "nowhere.sqlite"))
    config = ServingConfig(where, "newsletter", "not_found", DEFAULTS, store_away="default")
    default = {"recommenders": list(DEFAULTS[:2]), "source": "default", "degraded": True}
    answer = ask_app(config, "GET", "/users/current/recommenders?limit=2")
    assert (answer.status_code, answer.json()) == (200, {"user_id": "current", **default})
    batch = ask_app(config, "POST", "/users:batchGet?limit=2", json={"user_ids": ["current", ""]})
    current, bad = batch.json()["rankings"]
    assert current == {"user_id": "current", **default}
    assert bad["error"]["code"] == "invalid_user_id"
    # The store's state is not hidden.
    assert ask_app(config, "GET", "/health").status_code == 503


def test_a_corrupt_record_is_500_and_hurts_nobody_else(ask: Ask, path: Path) -> None:
    # One that is good but for one letter, as a flipped bit makes it.
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE rankings SET model_version = '8' WHERE user_id = 'current'")
    answer = ask("GET", "/users/current/recommenders")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "corrupt_ranking"
    batch = ask("POST", "/users:batchGet", json={"user_ids": ["a/b ü", "current", "nobody"]})
    assert batch.status_code == 200
    good, broken, nobody = batch.json()["rankings"]
    assert broken == {"user_id": "current", **answer.json()}
    assert (good["source"], nobody["source"]) == ("personalised", "default")


def test_a_bad_id_of_a_batch_is_that_items_error(ask: Ask) -> None:
    asked = ["", "current", "\ud800", "x" * 1501, "__x__"]
    body = json.dumps({"user_ids": asked}).encode()
    answer = ask(
        "POST", "/users:batchGet", content=body, headers={"content-type": "application/json; charset=utf-8"}
    )
    assert answer.status_code == 200
    empty, current, surrogate, long, reserved = answer.json()["rankings"]
    assert current["source"] == "personalised"
    for item in (empty, surrogate, long, reserved):
        assert item["error"]["code"] == "invalid_user_id"
    assert [item["user_id"] for item in (empty, surrogate, long)] == ["", "\\ud800", "x" * 1501]
    assert ask("POST", "/users:batchGet", json={"user_ids": ["", ""]}).status_code == 200


def test_a_file_in_the_place_of_the_served_one_is_noticed_within_a_second(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    store = SQLiteStore(other)
    store.put_many([ranking_of("new")])
    store.close()
    config = ServingConfig(SQLiteLocation(str(path)), "newsletter", "not_found")

    async def ask() -> list[tuple[int, int]]:
        transport = httpx.ASGITransport(app=make_app(config))
        seen = []
        async with httpx.AsyncClient(transport=transport, base_url="http://function") as client:

            async def look() -> None:
                found = [await client.get(f"/users/{user}/recommenders") for user in ("current", "new")]
                seen.append((found[0].status_code, found[1].status_code))

            await look()
            # As `mv` does; then the file goes, and comes back.
            other.replace(path)
            await asyncio.sleep(0.6)
            await look()
            path.rename(other)
            await asyncio.sleep(0.6)
            await look()
            other.rename(path)
            await look()
        return seen

    assert asyncio.run(ask()) == [(200, 404), (404, 200), (503, 503), (404, 200)]


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
