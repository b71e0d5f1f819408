"""A world that a file describes: its subjects, its truth, what it logs, and what it refuses."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from scipy import stats

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.settings.reading import load_use_case, load_world
from newsletter_bandit.settings.reward import Reward
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.world import NEWSLETTER, BuiltInWorld, DeclaredWorld
from newsletter_bandit.simulation import amounts
from newsletter_bandit.simulation.behaviour import RulesPolicy, UniformPolicy, check_probabilities
from newsletter_bandit.simulation.rewards import observed
from newsletter_bandit.simulation.traffic import simulate
from newsletter_bandit.simulation.truth import policy_value, policy_values
from newsletter_bandit.simulation.vectors import Encoder
from newsletter_bandit.simulation.world import World, spread
from tests.simulation.declared import small

CONFIGS = Path(__file__).parents[2] / "configs"
EPOCH, RUN_DATE = dt.date(2026, 4, 6), dt.date(2026, 6, 1)
REWARD = Reward.model_validate(
    {"terms": {"clicked": 0.5, "basket": {"weight": 2.0, "clip": [1, 60]}, "pages": {"weight": -0.1}}}
)


def _world(size: int = 4_000, reward: Reward = REWARD, seed: int = 3, **changes: Any) -> World:
    settings = DeclaredWorld.model_validate(small(**changes))
    return World(seed, size, EPOCH, reward=reward, settings=settings)


@pytest.fixture(scope="module")
def world() -> World:
    return _world(40_000)


@pytest.fixture(scope="module")
def homepage() -> UseCase:
    return load_use_case(CONFIGS / "homepage.yaml")


def _numpy(table: pa.Table, column: str) -> np.ndarray:
    return table[column].combine_chunks().to_numpy(zero_copy_only=False)


# --- the subjects ----------------------------------------------------------------------------------------


def test_features_have_their_shares_and_are_sometimes_unknown(world: World) -> None:
    table = world.inference(world.everyone, EPOCH + dt.timedelta(days=5))
    mobile = _numpy(table, "device") == "mobile"
    known = _numpy(table, "known").astype(bool)
    assert mobile.mean() == pytest.approx(0.75, abs=0.01)
    assert known[mobile].mean() == pytest.approx(0.2, abs=0.01)
    assert known[~mobile].mean() == pytest.approx(0.9, abs=0.01)
    items = _numpy(table, "items")
    assert np.isnan(items).mean() == pytest.approx(0.3, abs=0.01)
    assert np.nanmean(items) == pytest.approx(2.0, abs=0.03)
    days = (np.datetime64(EPOCH) - _numpy(table, "since").astype("datetime64[D]")).astype(int)
    assert days.min() >= 1
    assert np.median(days) == pytest.approx(30, abs=1)


def test_the_truth_depends_on_what_the_shop_does_not_know(world: World) -> None:
    unknown = np.isnan(_numpy(world.inference(world.everyone, EPOCH), "items"))
    # `picks` fit whoever has an item, also where the table does not tell.
    assert world.eligible(world.everyone)[unknown, 1].mean() == pytest.approx(1 - math.exp(-2), abs=0.02)
    assert world.eligible(world.everyone)[:, 0].all()


# --- the truth -------------------------------------------------------------------------------------------


def test_rewards_by_hand() -> None:
    world = _world(200, features__items__unknown=0.0)
    table = world.inference(world.everyone, EPOCH)
    click = world.click_probability(world.everyone, EPOCH)
    for row in range(200):
        device, known, items = (table[name][row].as_py() for name in ("device", "known", "items"))
        common = (items - 2) / 4 if device == "desktop" else 0.0
        deals = -1.0 + common + (0.5 if device == "mobile" and known else 0.0)
        np.testing.assert_allclose(click[row], 1 / (1 + np.exp(-np.array([deals, -2.0 + common]))))

    def basket(median: float, chance: float) -> float:
        """2 E[min(max(basket, 1), 60)], a missing basket being 0 and so 1."""
        drawn = stats.lognorm(0.8, scale=math.exp(median)).expect(lambda x: min(max(x, 1.0), 60.0), lb=0)
        return 2.0 * (chance * drawn + (1 - chance) * 1.0)

    reward = world.expected_reward(world.everyone[:1], EPOCH)[0]
    for column, (median, happens, pages) in enumerate(((2.0, -1.0, 0.5), (4.0, 1.0, 1.0))):
        p = click[0, column]
        value = 0.5 * p + basket(median, p / (1 + math.exp(-happens))) - 0.1 * math.exp(pages)
        assert reward[column] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("clip", [None, (0.0, 3.0), (2.0, 5.0), (-1.0, 200.0)])
def test_means_after_a_clip_are_those_of_the_distributions(clip: tuple[float, float] | None) -> None:
    def clipped(x: float) -> float:
        return x if clip is None else min(max(x, clip[0]), clip[1])

    sizes = np.array([-1.0, 0.0, 1.5])
    found = (amounts.lognormal_mean(sizes, 0.7, clip), amounts.poisson_mean(sizes, clip))
    for column, size in enumerate(sizes):
        amount = stats.lognorm(0.7, scale=math.exp(size))
        by_quantiles = np.mean([clipped(x) for x in amount.ppf((np.arange(20_000) + 0.5) / 20_000)])
        assert found[0][column] == pytest.approx(by_quantiles, rel=2e-3)
        counts = stats.poisson(math.exp(size))
        assert found[1][column] == pytest.approx(sum(counts.pmf(k) * clipped(k) for k in range(60)))


def test_the_mean_logged_reward_is_the_value_of_the_rule(world: World) -> None:
    log = world.log(EPOCH, [world.size], world.rules)
    reward = observed(world.reward, log).reward
    truth = policy_value(world, world.everyone, EPOCH, world.rules)
    error = reward.std() / np.sqrt(len(reward))
    assert abs(reward.mean() - truth) < 4 * error
    # The test can tell: uniform choices are worth something else.
    assert abs(reward.mean() - policy_value(world, world.everyone, EPOCH, UniformPolicy())) > 6 * error


def test_seeds_draw_the_effects_with_a_spread_and_the_drift_moves_them() -> None:
    click = {
        "base": -1.0,
        "effects": [{"by": ["device", "known"], "spread": 0.5}, {"times": {"known": {}}, "spread": 1.0}],
    }
    one, same, other = (_world(300, seed=seed, click=click, drift={"spread": 0.2}) for seed in (1, 1, 2))
    rates = [each.click_probability(each.everyone, EPOCH) for each in (one, same, other)]
    np.testing.assert_array_equal(rates[0], rates[1])
    assert not np.allclose(rates[0].mean(axis=0), rates[2].mean(axis=0))
    # Four groups of subjects, each of one mind.
    assert len(np.unique(rates[0], axis=0)) == 4
    later = one.click_probability(one.everyone, EPOCH + dt.timedelta(weeks=8))
    assert 0.001 < np.abs(later - rates[0]).mean() < 0.1


# --- what is logged --------------------------------------------------------------------------------------


def test_who_comes_once_is_logged_once_and_the_luck_is_common(world: World) -> None:
    log = world.log(EPOCH, spread(30_000, 20), world.rules, leave_out=5_000)
    ids = log["user_id"].to_pylist()
    assert len(set(ids)) == 30_000
    assert min(ids) == "visit-005000"
    assert log.schema.names[7:11] == ["clicked", "unsubscribed", "basket", "pages"]
    basket, clicked = _numpy(log, "basket"), _numpy(log, "clicked").astype(bool)
    assert (basket[~clicked] == 0.0).all()
    assert 0.3 < (basket[clicked] > 0).mean() < 0.7
    assert not _numpy(log, "unsubscribed").any()
    users = world.recipients(EPOCH + dt.timedelta(weeks=2), 10_000)
    assert users.tolist() == list(range(20_000, 30_000))
    first, again = (
        world.send(EPOCH, users, np.zeros(10_000, dtype=np.int64), np.ones(10_000), version)
        for version in ("a", "b")
    )
    assert first["basket"].equals(again["basket"])
    with pytest.raises(DataError, match=r"found 30,001 rows of a log; allowed: 30,000"):
        world.log(EPOCH, [30_001], world.rules, leave_out=10_000)
    with pytest.raises(DataError, match=r"found 10,000 in each of 5 weeks; allowed: 40,000 altogether"):
        world.recipients(EPOCH + dt.timedelta(weeks=4), 10_000)


def test_weekly_subjects_come_back() -> None:
    world = _world(100, subjects={"ids": "user-", "come": "weekly"})
    log = world.log(EPOCH, [60, 0, 0, 0, 0, 0, 0, 60], world.rules)
    pairs = set(zip(log["user_id"].to_pylist(), log["campaign"].to_pylist(), strict=True))
    assert len(pairs) == 120
    assert len(set(log["user_id"].to_pylist())) < 100


def test_a_feature_may_hold_the_hour_and_others_bound_it() -> None:
    hour = {"kind": "normal", "mean": 14, "spread": 5, "least": 0, "most": 23, "decimals": 0}
    world = _world(900, features__hour=hour, sending={"hour": "hour"})
    log = world.log(EPOCH, [400, 500], world.rules)
    sent = log["sent_at"].to_pylist()
    assert sent == sorted(sent)
    assert [moment.hour for moment in sent] == _numpy(log, "hour").tolist()
    users = world.everyone[:50]
    rows = world.send(EPOCH, users, np.zeros(50, dtype=np.int64), np.ones(50), "x")
    assert rows["user_id"].to_pylist() == world.user_ids(users)
    assert [moment.hour for moment in rows["sent_at"].to_pylist()] == _numpy(rows, "hour").tolist()
    early = _world(50, sending={"hours": [6, 8]}).log(EPOCH, [50], UniformPolicy())
    assert {moment.hour for moment in early["sent_at"].to_pylist()} == {6, 7}


def test_the_rule_is_a_softmax_mixed_with_uniform_choices(world: World) -> None:
    audience = world.audience(world.everyone)
    probabilities = world.rules.probabilities(audience)
    check_probabilities(probabilities, audience)
    both = audience.eligible.all(axis=1)
    np.testing.assert_allclose(probabilities[both, 0], 0.6 * math.e / (math.e + 1) + 0.2)
    assert (probabilities[~both, 0] == 1.0).all()
    with pytest.raises(SettingsError, match="another world than the newsletter's"):
        RulesPolicy().probabilities(audience)


def test_a_part_of_the_recommenders_and_features_in_another_order(world: World) -> None:
    settings = DeclaredWorld.model_validate(small())
    part = World(3, 40_000, EPOCH, ("picks", "deals"), ("items", "device"), REWARD, settings)
    users = world.everyone[:100]
    expected = world.expected_reward(users, EPOCH)[:, ::-1]
    np.testing.assert_array_equal(part.expected_reward(users, EPOCH), expected)
    rows = part.send(EPOCH, users, np.ones(100, dtype=np.int64), np.ones(100), "x")
    same = world.send(EPOCH, users, np.zeros(100, dtype=np.int64), np.ones(100), "x")
    assert rows["basket"].equals(same["basket"])
    assert rows.schema.names[-2:] == ["items", "device"]


def test_written_and_read_again_is_the_same(world: World, tmp_path: Path) -> None:
    world.save(tmp_path / "world.json")
    loaded = World.load(tmp_path / "world.json")
    users = world.everyone[:500]
    np.testing.assert_array_equal(loaded.expected_reward(users, EPOCH), world.expected_reward(users, EPOCH))
    assert loaded.inference(users, EPOCH).equals(world.inference(users, EPOCH))
    named = World(3, 50, EPOCH, reward=REWARD, settings=world.settings, key="visit")
    named.save(tmp_path / "named.json")
    loaded = World.load(tmp_path / "named.json")
    assert loaded.log(EPOCH, [9], loaded.rules).schema.names[0] == "visit"
    assert loaded.inference(loaded.everyone, EPOCH).schema.names[0] == "visit"


def test_a_world_that_an_earlier_version_wrote_is_the_newsletters(tmp_path: Path) -> None:
    world = World(2, 50, EPOCH)
    world.save(tmp_path / "world.json")
    content = json.loads((tmp_path / "world.json").read_text())
    assert content.pop("key") == "user_id"
    assert BuiltInWorld.model_validate(content.pop("world")) == NEWSLETTER
    (tmp_path / "old.json").write_text(json.dumps({**content, "format": "simulated-world-1"}))
    old = World.load(tmp_path / "old.json")
    assert old.inference(old.everyone, EPOCH).equals(world.inference(world.everyone, EPOCH))


def test_learners_of_vectors_take_the_worlds_own_features(world: World) -> None:
    table = world.inference(world.everyone[:200], EPOCH)
    days = np.full(200, EPOCH, "datetime64[D]")
    encode = Encoder(table, days, world.contents.features, world.long_tailed)
    # A constant, two devices, and each of the other three with a mark of what is missing.
    assert encode.width == 1 + 2 + 2 * 3
    assert world.long_tailed == {"items", "since"}
    assert np.isfinite(encode(table, days)).all()


# --- the shipped worlds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted((CONFIGS / "worlds").glob("*.yaml")), ids=lambda file: file.stem)
def test_each_shipped_world_plays_the_use_case_of_its_name(file: Path) -> None:
    use_case = load_use_case(CONFIGS / file.name)
    training, inference, world = simulate(use_case, 600, 60, RUN_DATE, 1, load_world(file))
    assert training.schema.names == list(use_case.table_columns("training"))
    assert inference.schema.names == list(use_case.table_columns("inference"))
    again, _, _ = simulate(use_case, 600, 60, RUN_DATE, 1, load_world(file))
    assert again.equals(training)
    assert world.positions(inference[inference.schema.names[0]].to_pylist()).tolist() == list(range(60))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_on_the_homepage_clicks_are_not_revenue(homepage: UseCase, seed: int) -> None:
    settings = load_world(CONFIGS / "worlds" / "homepage.yaml")
    world = World.of(homepage, seed, 8_000, EPOCH, settings)
    click = np.where(world.eligible(world.everyone), world.click_probability(world.everyone, EPOCH), -1.0)
    values = policy_values(world, world.everyone, EPOCH, click.argmax(axis=1))
    assert values.served < values.best_single < values.oracle
    gap = values.oracle - values.uniform
    assert (values.served - values.uniform) / gap < 0.5
    assert (values.best_single - values.uniform) / gap < 0.8


# --- refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features__known__given": "colour"}, r"features\.known\.given: found colour; .*\['device'\]"),
        (
            {"features__known__share": {"mobile": 0.5}},
            r"features\.known\.share: found \['mobile'\]; allowed: one for each of \['mobile', 'desktop'\]",
        ),
        (
            {"features__device__shares": {"mobile": 0.75, "desktop": 0.2}},
            r"features\.device\.shares: found a sum of 0\.95; allowed: 1",
        ),
        ({"features__since__log_spread": -1}, r"features\.since\.log_spread: found -1; allowed: 0 to 10"),
        ({"features__items__kind": "gamma"}, r"features\.items\.kind: found \"gamma\"; allowed: category"),
        ({"click__base": {"deals": 1}}, r"click\.base: \['picks'\] missing or unknown"),
        (
            {"click__effects": [{"when": {"device": "tv"}, "add": 1}]},
            r"effects\.0\.when\.device: found \"tv\"; allowed: one or a list of \['mobile', 'desktop'\]",
        ),
        (
            {"click__effects": [{"when": {"items": 3.5}, "add": 1}]},
            r"click\.effects\.0\.when\.items: found 3\.5; allowed: true or false, text",
        ),
        (
            {"click__effects": [{"when": {"known": {"least": 1}}, "add": 1}]},
            r"click\.effects\.0\.when\.known: found .*; allowed: true or false",
        ),
        (
            {"click__effects": [{"times": {"device": {}}, "add": 1}]},
            r"times\.device: found a category; allowed: \['known', 'items', 'since'\]",
        ),
        (
            {"click__effects": [{"by": ["items"], "spread": 1}]},
            r"by: found items, a number; allowed: \['device', 'known'\]",
        ),
        ({"click__effects": [{"add": {"magazine": 1}}]}, r"effects\.0\.add: \['magazine'\]; allowed"),
        ({"click__effects": [{"add": 1, "spread": 1}]}, r"found both or none of add and spread"),
        ({"eligible__deals": {"known": True}}, r"eligible: names every recommender"),
        ({"eligible__horoscopes": {}}, r"eligible: found horoscopes"),
        ({"sending": {"hour": "items"}}, r"features\.items: the hour needs least: 0, most: 23"),
        ({"sending": {"hours": [9, 8]}}, r"hours: found \[9, 8\]"),
        (
            {"rules__preference__effects": [{"when": {"items": {"least": 1}}, "add": 1}]},
            r"rules\.preference\.effects\.0: found feature items, which is not always known",
        ),
        ({"outcomes__clicked": {"kind": "poisson", "log_mean": {}}}, r"outcomes: \['clicked'\] are columns"),
        ({"outcomes__basket__log_median": None}, r"found kind lognormal; it needs log_median"),
        ({"colours": 3}, r"colours: unknown key; allowed: click"),
    ],
)
def test_faults_of_a_world_file_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump(small(**changes), sort_keys=False))
    with pytest.raises(SettingsError, match=message):
        load_world(path)


def test_a_built_in_world_is_known_by_name(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text("built_in: homepage\n")
    with pytest.raises(SettingsError, match=r"built_in: found \"homepage\"; allowed: newsletter"):
        load_world(path)


def test_outcomes_that_a_world_does_not_know_are_refused_by_name(homepage: UseCase) -> None:
    with pytest.raises(SettingsError, match=r"does not know \['basket'\]; allowed: terms clicked, unsub"):
        World(1, 10, EPOCH, reward=Reward.model_validate({"terms": {"basket": 1}}))
    settings = DeclaredWorld.model_validate(small())
    with pytest.raises(SettingsError, match=r"use case homepage: recommenders: .*'daily_deals'"):
        World.of(homepage, 1, 10, EPOCH, settings)
