"""Threads that work beside the thread that reads and writes.

TensorFlow, pyarrow, zlib and the encoders let other threads run while they work, so a step keeps all cores
busy within one process: without copies between processes, and whatever runner it is on.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None
) -> Iterator[Result]:
    """Results of ``work`` for each item, in the order of the items, computed ahead of the consumer.

    The items are taken in the caller's thread. No more than ``threads`` + 1 items and results are held at a
    time, however many there are.

    Args:
      work: runs in several threads at a time.
      items: items, taken as the results are taken.
      threads: number of threads; by default one per core.

    Raises:
      Exception: what ``work`` raised for an item, at the item's turn; nothing further is begun then.
    """
    threads = threads or os.cpu_count() or 1
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
