"""Rankings as a day's run would store them, and what the endpoint must answer for each, written down
independently.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import struct
from collections.abc import Iterable, Iterator
from typing import Any

from serving.ranking import Ranking

# As many recommenders as configs/newsletter.yaml has.
RECOMMENDERS = tuple(f"recommender_{letter}" for letter in "abcdefghijkl")
VERSION = "20260301"
CAMPAIGN = "2026-W10"
USE_CASE = "newsletter"
_DAYS = 8


def user_id(number: int) -> str:
    """The user's name."""
    return f"user-{number:07d}"


def rankings(users: int, day: dt.date) -> Iterator[Ranking]:
    """A ranking for each of ``users`` users, made for ``day``; the same on every call."""
    generated_at = dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)
    for number in range(users):
        rng = random.Random(number)
        slots = len(RECOMMENDERS)
        yield Ranking(
            user_id=user_id(number),
            recommenders=tuple(rng.sample(RECOMMENDERS, slots)),
            scores=tuple(sorted((_single(rng.uniform(-0.1, 0.4)) for _ in range(slots)), reverse=True)),
            propensities=tuple(_single(rng.uniform(0.01, 1.0)) for _ in range(slots)),
            explored=rng.random() < 0.1,
            campaign=CAMPAIGN,
            use_case=USE_CASE,
            model_version=VERSION,
            generated_at=generated_at,
            expires_at=generated_at + dt.timedelta(days=_DAYS),
        )


def _single(number: float) -> float:
    """Rounds to single precision, as the model's outputs are."""
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    return rounded


def body(ranking: Ranking) -> bytes:
    """The endpoint's answer, byte for byte: the fields in the order of the contract, without spaces."""
    answer = {
        "user_id": ranking.user_id,
        "recommenders": ranking.recommenders,
        "scores": ranking.scores,
        "propensities": ranking.propensities,
        "explored": ranking.explored,
        "campaign": ranking.campaign,
        "use_case": ranking.use_case,
        "model_version": ranking.model_version,
        "generated_at": f"{ranking.generated_at:%Y-%m-%dT%H:%M:%SZ}",
        "expires_at": f"{ranking.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "source": "personalised",
    }
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


_held: list[Any] = []


def hold(values: Iterable[Any]) -> None:
    """Keeps what a Beam pipeline of this process reads with `held`: given to the graph, Beam would pickle and
    compress it.
    """
    _held[:] = values


def held(_: object) -> Iterator[Any]:
    """The value given to `hold`."""
    return iter(_held)
