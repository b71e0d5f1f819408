"""Asks the application of a workspace, in this process."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any

import httpx

from pipelines.model_server.serving import opened
from pipelines.workspace import Workspace


def at(text: str) -> dt.datetime:
    """A UTC time."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def ask(workspace: Workspace, requests: Sequence[tuple[str, Any]], now: dt.datetime) -> list[httpx.Response]:
    """`ask_app` of the workspace's application, opened for it."""
    with opened(workspace, lambda: now) as (app, _):
        return ask_app(app, requests)


def ask_app(app: Any, requests: Sequence[tuple[str, Any]]) -> list[httpx.Response]:
    """The answers to bodies sent to paths, one after the other; a body of bytes goes as it is."""

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            answers = []
            for path, body in requests:
                content: dict[str, Any] = {"json": body}
                if isinstance(body, bytes):
                    content = {"content": body, "headers": {"content-type": "application/json"}}
                answers.append(await client.post(path, **content))
            return answers

    return asyncio.run(send())
