"""The training table against the same rules written out in Python, row by row, on random raw sources."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.warehouse.outcomes import Outcomes
from newsletter_bandit.warehouse.tables.build import Plan, build
from tests import raw_sources
from tests.raw_sources import FEATURES, Row, duckdb_rows, fill_duckdb, make_raw_use_case

pytestmark = pytest.mark.database

START, END = dt.date(2024, 1, 4), dt.date(2024, 1, 18)
ATTRIBUTION, SERVED = dt.timedelta(days=3), dt.timedelta(days=8)
SOONEST = dt.timedelta(seconds=2)


def _in_range(send: Row) -> bool:
    return send["sent_at"] is None or START <= send["sent_at"].date() < END


def _explain(send: Row, rankings: list[Row]) -> tuple[float | None, str | None]:
    """Propensity and policy version: its own, else those of the newest ranking by its model."""
    propensity, version = send["propensity"], send["policy_version"]
    there = [
        ranking
        for ranking in rankings
        if (ranking["user_id"], ranking["campaign"]) == (send["user_id"], send["campaign"])
        and ranking["generated_at"] <= send["sent_at"] < ranking["generated_at"] + SERVED
        and version in (None, ranking["model_version"])
    ]
    newest = max(there, key=lambda ranking: (ranking["generated_at"], ranking["model_version"]), default=None)
    if newest is not None and newest["recommenders"][0] == send["recommender"]:
        return (
            newest["propensities"][0] if propensity is None else propensity,
            version or newest["model_version"],
        )
    return propensity, version or "unknown"


def _judge(send: Row, seen: set[str], rankings: list[Row]) -> tuple[str | None, Row]:
    if any(send[name] is None for name in ("send_id", "user_id", "sent_at", "campaign", "recommender")):
        return "missing_value", send
    if send["send_id"] in seen:
        return "duplicate", send
    seen.add(send["send_id"])
    propensity, version = _explain(send, rankings)
    explained = {**send, "propensity": propensity, "policy_version": version}
    if send["recommender"] not in ("a", "b", "c"):
        return "unknown_recommender", explained
    if send["eligible_recommenders"] and send["recommender"] not in send["eligible_recommenders"]:
        return "not_eligible", explained
    if propensity is None:
        return "no_propensity", explained
    return (None if 0 < propensity <= 1 else "bad_propensity"), explained


def _outcome(send: Row, raw: dict[str, list[Row]]) -> dict[str, bool]:
    sent_at = send["sent_at"]

    def times(table: str, column: str, *, bot: bool = False) -> set[dt.datetime]:
        return {
            event[column]
            for event in raw[table]
            if event["send_id"] == send["send_id"]
            and (event.get("bot") or not bot)
            and event[column] is not None
            and event[column].date() >= START
            and event[column] < sent_at + ATTRIBUTION
        }

    known, bots = times("clicks", "clicked_at"), times("clicks", "clicked_at", bot=True)
    early = {time for time in known - bots if time < sent_at + SOONEST}
    clicks = known - bots - early
    left = {time for time in times("unsubscribes", "unsubscribed_at") if time >= sent_at}
    late = bool(clicks and left) and max(left) < min(clicks)
    return {
        "clicked": bool(clicks) and not late,
        "unsubscribed": bool(left),
        "bot_click": bool(bots),
        "early_click": bool(early),
        "late_click": late,
    }


def _training_row(send: Row, raw: dict[str, list[Row]]) -> Row:
    outcome, sent_at = _outcome(send, raw), send["sent_at"]
    known = [
        user
        for user in raw["users"]
        if user["user_id"] == send["user_id"] and user["snapshot_date"] <= sent_at.date()
    ]
    profile: Row = max(known, key=lambda user: user["snapshot_date"], default={})
    return {
        **{name: send[name] for name in ("user_id", "sent_at", "campaign", "recommender")},
        **{name: send[name] for name in ("propensity", "policy_version", "eligible_recommenders")},
        "clicked": outcome["clicked"],
        "unsubscribed": outcome["unsubscribed"],
        **{name: profile.get(name) for name in FEATURES},
    }


def _key(row: Row) -> tuple[Any, ...]:
    values = {**row, "eligible_recommenders": tuple(row["eligible_recommenders"] or ())}
    return tuple(values.items())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_table_and_the_counts_are_those_of_the_rules(tmp_path: Path, seed: int) -> None:
    use_case = make_raw_use_case()
    raw = raw_sources.random_raw(600, seed)
    fill_duckdb(tmp_path / "w.duckdb", use_case, raw)
    report = build(
        DuckDBWarehouse(kind="duckdb", path=str(tmp_path / "w.duckdb")), use_case, Plan(START, END)
    )

    seen: set[str] = set()
    judged = [_judge(send, seen, raw["rankings"]) for send in raw["sends"] if _in_range(send)]
    expected = [_training_row(send, raw) for reason, send in judged if reason is None]
    assert len(expected) > 100
    assert any(row["unsubscribed"] for row in expected)
    found = duckdb_rows(tmp_path / "w.duckdb", "tiny.training")
    assert Counter(map(_key, found)) == Counter(map(_key, expected))
    assert report.tables[0].left_out == Counter(reason for reason, _ in judged if reason is not None)
    outcomes = [_outcome(send, raw) for reason, send in judged if reason is None]
    counted = {name: sum(outcome[name] for outcome in outcomes) for name in outcomes[0]}
    both = sum(row["clicked"] and row["unsubscribed"] for row in expected)
    assert report.tables[0].outcomes == Outcomes(
        newsletters=len(expected), unsubscribed_after_click=both, **counted
    )
    assert min(counted.values()) > 0
    without = sum(
        1
        for reason, send in judged
        if reason is None
        and not any(
            user["user_id"] == send["user_id"] and user["snapshot_date"] <= send["sent_at"].date()
            for user in raw["users"]
        )
    )
    assert report.tables[0].without_features == without
