"""Gathers requests that wait into one call of the graph, in a thread of its own.

A call takes nearly as long for one row as for a hundred. While one is under way, requests gather for the
next. A call also waits a little while fewer rows are there than the last one had: clients that wait for their
answers come back together. So a single client waits for nobody, and many share a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from pipelines.model_server.ranker import Ranked, Ranker

_LOGGER = logging.getLogger(__name__)


class RankingFailedError(Exception):
    """The graph could not rank; why was logged."""


@dataclass(frozen=True, slots=True)
class _Job:
    """Users of one request, and who waits for their rankings."""

    ranker: Ranker
    day: dt.date
    examples: Sequence[bytes]
    waiting: asyncio.Future[list[Ranked]]


class Gatherer:
    """Calls the graph for the requests of one event loop.

    Args:
      most: rows of one call, unless a request has more.
      gather: seconds that a call waits, at most, to have as many rows as the last one.

    Attributes:
      calls: calls of the graph so far.
      rows: rows of all these calls.
    """

    def __init__(self, most: int, gather: float) -> None:
        self._most = most
        self._gather = gather
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="graph", daemon=True)
        self.calls = 0
        self.rows = 0

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def close(self) -> None:
        """Ends when what was submitted is done."""
        self._jobs.put(None)
        self._thread.join()

    async def rank(self, ranker: Ranker, examples: Sequence[bytes], day: dt.date) -> list[Ranked]:
        """`Ranker.rank` of these examples.

        Raises:
          RankingFailedError: it failed.
        """
        waiting: asyncio.Future[list[Ranked]] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(ranker, day, examples, waiting))
        return await waiting

    def _work(self) -> None:
        expected = 1
        while (first := self._jobs.get()) is not None:
            jobs, rows, last = [first], len(first.examples), False
            deadline = time.perf_counter() + self._gather
            while rows < self._most and not last:
                try:
                    left = deadline - time.perf_counter() if rows < expected else 0.0
                    job = self._jobs.get(timeout=left) if left > 0.0 else self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    last = True
                else:
                    jobs.append(job)
                    rows += len(job.examples)
            expected = rows
            # A version and a day each have a call of their own; mostly there is one of both.
            for (ranker, day), group in groupby(jobs, key=lambda job: (job.ranker, job.day)):
                self._call(ranker, day, list(group))
            if last:
                return

    def _call(self, ranker: Ranker, day: dt.date, jobs: list[_Job]) -> None:
        examples = [example for job in jobs for example in job.examples]
        self.calls += 1
        self.rows += len(examples)
        ranked: list[Ranked] | None = None
        try:
            ranked = ranker.rank(examples, day)
        except Exception:  # the outermost frame of the thread: who waits is told
            _LOGGER.exception("version %s could not rank %d users", ranker.version, len(examples))
        # Nobody waits any more where the loop is closed.
        with contextlib.suppress(RuntimeError):
            jobs[0].waiting.get_loop().call_soon_threadsafe(_settle, jobs, ranked)


def _settle(jobs: list[_Job], ranked: list[Ranked] | None) -> None:
    start = 0
    for job in jobs:
        end = start + len(job.examples)
        # A request that was given up is done.
        if not job.waiting.done():
            if ranked is None:
                job.waiting.set_exception(RankingFailedError())
            else:
                job.waiting.set_result(ranked[start:end])
        start = end
