"""How fresh the store's rankings are, and how many users have one: what `/health?deep=1` adds."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from typing import Any

from .problem import Problem
from .ranking import format_timestamp
from .stores.base import Ages, RankingReader

# A look at the whole store may take a second. Whoever asks more often gets the answer of the last look.
_SECONDS = 30.0


class Coverage:
    """Looks at the whole store, at most every half a minute; for one event loop.

    Args:
      reader: of the store.
    """

    def __init__(self, reader: RankingReader) -> None:
        self._reader = reader
        self._found: Ages | None = None
        self._looked_at: float | None = None
        # Whoever asks during a look waits for its answer.
        self._looking = asyncio.Lock()

    async def look(self, now: dt.datetime) -> dict[str, Any]:
        """Figures of the rankings.

        Raises:
          Problem: 503 where no user has a current ranking: the store is empty, or everything has expired.
          StoreError: the store cannot be read.
        """
        async with self._looking:
            clock = time.monotonic()
            if self._looked_at is None or clock - self._looked_at > _SECONDS:
                self._found, self._looked_at = await self._reader.ages(now), clock
        found = self._found
        if found is None:
            raise Problem(503, "no_current_rankings", "the ranking store is empty")
        until = format_timestamp(found.expires_at)
        if found.expires_at <= now:
            raise Problem(
                503,
                "no_current_rankings",
                f"all {found.rankings} rankings expired, the last one at {until}",
            )
        return {
            "rankings": found.rankings,
            "served": found.rankings - found.expired,
            "expired": found.expired,
            "older": found.older,
            "newest_day": found.generated_at.date().isoformat(),
            "served_until": until,
            "model_version": found.model_version,
        }
