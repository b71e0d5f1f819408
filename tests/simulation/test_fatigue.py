"""Readers who tire of what they were shown, and the history features by which a model can see it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.world import BuiltInWorld, Fatigue
from newsletter_bandit.simulation.world import World
from newsletter_bandit.warehouse.tables.build import Plan, build
from tests.raw_sources import Row, duckdb_rows, fill_duckdb

ROOT = Path(__file__).parents[2]
EPOCH = dt.date(2026, 1, 5)
TIRING = BuiltInWorld(built_in="newsletter", fatigue=Fatigue(per_showing=0.5, weeks=2))
HISTORY = {
    "shown": {"count": "shown", "weeks": 2},
    "deals_shown": {"count": "shown", "recommender": "deals", "weeks": 3},
    "clicks": {"count": "clicks", "weeks": 3},
    "deals_since": {"count": "days_since_shown", "recommender": "deals", "weeks": 3},
}


@pytest.fixture(scope="module")
def use_case() -> UseCase:
    settings = load_use_case(ROOT / "configs" / "newsletter.yaml").model_dump(mode="json")
    settings["features"] |= {name: {"type": "number", "history": one} for name, one in HISTORY.items()}
    return UseCase.model_validate(settings)


def test_the_history_of_the_world_is_that_of_the_warehouse(use_case: UseCase, tmp_path: Path) -> None:
    world = World.of(use_case, 1, 60, EPOCH, TIRING)
    table = world.log(EPOCH, [7] * 35, world.rules)
    log: list[Row] = table.to_pylist()
    sends, clicks = [], []
    for number, row in enumerate(log):
        names = ("user_id", "sent_at", "campaign", "recommender", "propensity", "policy_version")
        sends.append({"send_id": str(number), **{name: row[name] for name in names}})
        if row["clicked"]:
            clicks.append({"send_id": str(number), "clicked_at": row["sent_at"] + dt.timedelta(minutes=5)})
    last = EPOCH + dt.timedelta(days=35)
    users = [{"user_id": name, "snapshot_date": last} for name in world.user_ids(world.everyone)]
    path = tmp_path / "w.duckdb"
    fill_duckdb(path, use_case, {"sends": sends, "clicks": clicks, "users": users})
    build(DuckDBWarehouse(kind="duckdb", path=str(path)), use_case, Plan(EPOCH, last, last))
    expected = {(row["user_id"], row["sent_at"]): row for row in log}
    rows = duckdb_rows(path, use_case.tables.training)
    assert len(rows) == len(log)
    for row in rows:
        there = expected[row["user_id"], row["sent_at"]]
        assert {name: row[name] for name in HISTORY} == {name: there[name] for name in HISTORY}
    for name in HISTORY:
        assert len({row[name] for row in rows}) > 2
    served = {row["user_id"]: row for row in world.inference(world.everyone, last).to_pylist()}
    for row in duckdb_rows(path, use_case.tables.inference):
        there = served[row["user_id"]]
        assert {name: row[name] for name in HISTORY} == {name: there[name] for name in HISTORY}


def test_each_showing_lowers_the_log_odds_and_two_weeks_later_none_does() -> None:
    rested, tired = World(3, 20, EPOCH), World(3, 20, EPOCH, settings=TIRING)
    users, deals = tired.everyone, tired.recommenders.index("deals")
    served, propensity = np.full(20, deals), np.full(20, 0.5)
    for week in (0, 1):
        tired.send(EPOCH + dt.timedelta(weeks=week), users, served, propensity, "p")

    def log_odds(world: World, days: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        p = world.click_probability(users, EPOCH + dt.timedelta(days=days))
        found: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = np.log(p / (1.0 - p))
        return found

    for days, showings in ((7, 1), (14, 2), (15, 1), (21, 1), (22, 0)):
        lost = log_odds(rested, days) - log_odds(tired, days)
        assert lost[:, deals] == pytest.approx(0.5 * showings)
        assert np.delete(lost, deals, axis=1) == pytest.approx(0.0)
    day = EPOCH + dt.timedelta(days=14)
    assert (tired.expected_reward(users, day)[:, deals] < rested.expected_reward(users, day)[:, deals]).all()


def test_a_fork_shares_the_past_and_not_the_future() -> None:
    world = World(3, 20, EPOCH, settings=TIRING)
    users, served, propensity = world.everyone, np.zeros(20, np.int64), np.full(20, 0.5)
    world.send(EPOCH, users, served, propensity, "p")
    other, later = world.fork(), EPOCH + dt.timedelta(days=9)
    assert np.array_equal(world.click_probability(users, later), other.click_probability(users, later))
    other.send(EPOCH + dt.timedelta(days=7), users, served, propensity, "p")
    assert (other.click_probability(users, later)[:, 0] < world.click_probability(users, later)[:, 0]).all()


def test_a_world_is_loaded_with_its_history(use_case: UseCase, tmp_path: Path) -> None:
    world = World.of(use_case, 1, 5, EPOCH, TIRING)
    world.save(tmp_path / "world.json")
    loaded = World.load(tmp_path / "world.json")
    assert (loaded.history, loaded.settings) == (world.history, TIRING)
