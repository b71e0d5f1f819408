"""Requests that wait share a call of the graph, and each gets the rankings of its own users and day."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

from pipelines.model_server.gathering import Gatherer
from pipelines.model_server.parsing import Parser
from pipelines.model_server.ranker import Ranked, Ranker
from tests.model_server import published

DAYS = [dt.date(2024, 1, 15), dt.date(2024, 1, 16)]


def test_who_shares_a_call_gets_what_it_would_get_alone(model: Path, tmp_path: Path) -> None:
    workspace = published.workspace(tmp_path)
    version = published.publish(workspace, model, 14)
    registry, use_case = published.registry_of(workspace), workspace.use_case
    ranker = Ranker(registry, version, use_case, dt.datetime.now(dt.UTC))
    body = {"items": published.items(published.users(30))}
    # Of each day, requests for one user, for many, and for one.
    examples = {
        day: [one.example for one in Parser(use_case, 30).asked(body, ranker.rankable, day)[0]]
        for day in DAYS
    }
    wanted = [(day, examples[day][start:end]) for day in DAYS for start, end in ((0, 1), (1, 29), (29, 30))]
    alone = [ranker.rank(rows, day) for day, rows in wanted]
    gatherer = Gatherer(most=128, gather=60.0)

    async def together() -> list[list[Ranked]]:
        waiting = [asyncio.ensure_future(gatherer.rank(ranker, rows, day)) for day, rows in wanted]
        await asyncio.sleep(0)
        # All are there before the first call; it waits for no others, since there will be none.
        gatherer.start()
        await asyncio.get_running_loop().run_in_executor(None, gatherer.close)
        return await asyncio.gather(*waiting)

    assert asyncio.run(together()) == alone
    assert (gatherer.calls, gatherer.rows) == (2, 60)
    assert alone[0] != alone[3]
