"""The lines of the log: one JSON object each, a ranking that was answered or outcomes of an earlier one.

    {"kind": "ranking", "ranking_id": "5f...", "generated_at": "2026-11-30T08:15:02.120415Z", "user_id": ...,
     "campaign": ..., "recommenders": [...], "scores": [...], "propensities": [...], "explored": false,
     "model_version": ..., "eligible_recommenders": [], "features": {"country": "CH", ...}}
    {"kind": "reward", "ranking_id": "5f...", "occurred_at": "2026-11-30T08:15:40Z",
     "outcomes": {"clicked": true, "basket_chf": 12.5}}

Numbers are those of the answer, to the last bit. Lines of other kinds are of a later version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

RANKING: Final = "ranking"
REWARD: Final = "reward"
SUFFIX: Final = ".jsonl"


def ranking_line(answer: Mapping[str, Any], eligible: Sequence[str], features: Mapping[str, Any]) -> bytes:
    """The line of a ranking.

    Args:
      answer: as the client got it.
      eligible: recommenders that the request named; empty for all.
      features: as the request had them.
    """
    record = {"kind": RANKING, **answer, "eligible_recommenders": eligible, "features": features}
    return _line(record)


def reward_line(ranking_id: str, occurred_at: str, outcomes: Mapping[str, Any]) -> bytes:
    """The line of the outcomes of a ranking; ``occurred_at`` is an RFC 3339 time."""
    record = {"kind": REWARD, "ranking_id": ranking_id, "occurred_at": occurred_at, "outcomes": outcomes}
    return _line(record)


def _line(record: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # a whole number of more than 64 bits, which a client may send
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"
