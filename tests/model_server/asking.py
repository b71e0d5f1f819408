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


def ask(
    workspace: Workspace, requests: Sequence[tuple[str, Any]], now: dt.datetime, together: bool = False
) -> list[httpx.Response]:
    """The answers to bodies sent to paths, one after the other or all together; a body of bytes goes as it
    is.
    """
    with opened(workspace, lambda: now) as (app, _):

        async def send() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                waiting = [
                    client.post(path, content=body, headers={"content-type": "application/json"})
                    if isinstance(body, bytes)
                    else client.post(path, json=body)
                    for path, body in requests
                ]
                return list(await asyncio.gather(*waiting)) if together else [await one for one in waiting]

        return asyncio.run(send())
