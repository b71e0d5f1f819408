"""Another version in production is taken up while requests are answered; a broken one is named, and left."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

import httpx
import pytest

from newsletter_bandit.errors import DataError
from pipelines.model_server.serving import opened
from tests.model_server import published
from tests.model_server.asking import at

NOW = at("2024-01-15 08:00:00")


def test_a_new_version_takes_over_without_a_dropped_request(model: Path, tmp_path: Path) -> None:
    workspace = published.workspace(tmp_path, look_every_seconds=0.05)
    first = published.publish(workspace, model, 13)
    second = published.publish(workspace, model, 14, current=False)

    async def keep_asking(client: httpx.AsyncClient, versions: list[str]) -> None:
        while second not in versions[-20:]:
            answer = await client.post("/rank", json={"user_id": f"u{len(versions)}"})
            assert answer.status_code == 200, answer.text
            versions.append(answer.json()["model_version"])
            if len(versions) == 10:
                published.registry_of(workspace).set_current(second)

    async def run(app: object) -> tuple[list[list[str]], dict[str, str]]:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            seen: list[list[str]] = [[], [], [], []]
            await asyncio.gather(*(keep_asking(client, versions) for versions in seen))
            return seen, (await client.get("/health")).json()

    with opened(workspace, lambda: NOW) as (app, _):
        seen, health = asyncio.run(run(app))
    for versions in seen:
        assert set(versions) == {first, second}
        # Never back to the earlier one.
        assert versions == sorted(versions)
    assert health == {
        "status": "ok",
        "use_case": "tiny",
        "model_version": second,
        "loaded_at": "2024-01-15T08:00:00Z",
    }


def test_a_broken_version_is_named_and_the_earlier_one_goes_on(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = published.workspace(tmp_path, look_every_seconds=3600, retry_after_seconds=3600)
    first = published.publish(workspace, model, 13)
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (data,) = (broken / "variables").glob("*.data*")
    data.write_bytes(data.read_bytes()[:-100])
    second = published.publish(workspace, broken, 14, current=False)
    registry = published.registry_of(workspace)

    async def ask(app: object) -> tuple[httpx.Response, dict[str, object]]:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.post("/rank", json={"user_id": "u"}), (await client.get("/health")).json()

    with opened(workspace, lambda: NOW) as (app, versions), caplog.at_level(logging.ERROR):
        registry.set_current(second)
        versions.look()
        answer, health = asyncio.run(ask(app))
        assert answer.json()["model_version"] == health["model_version"] == first
        assert health["not_loaded"]["model_version"] == second  # type: ignore[index]
        named = [record.getMessage() for record in caplog.records]
        assert any(one.startswith(f"version {second} cannot answer, {first} goes on: ") for one in named)
        # It is left alone for a while, and said once.
        versions.look()
        assert len(caplog.records) == len(named)
        # A third one is taken up at once.
        third = published.publish(workspace, model, 15)
        versions.look()
        answer, health = asyncio.run(ask(app))
        assert answer.json()["model_version"] == health["model_version"] == third
        assert "not_loaded" not in health


def test_nothing_in_production_is_said_before_serving(tmp_path: Path) -> None:
    workspace = published.workspace(tmp_path)
    with pytest.raises(DataError, match="nothing is in production"), opened(workspace):
        pass
