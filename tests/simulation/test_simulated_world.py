"""The world: what it sends, what it keeps to itself, and what it refuses."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.reward import Reward
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation import catalogue
from newsletter_bandit.simulation.behaviour import (
    RulesPolicy,
    UniformPolicy,
    check_probabilities,
    draw,
)
from newsletter_bandit.simulation.traffic import simulate, write
from newsletter_bandit.simulation.world import World, spread

EPOCH = dt.date(2026, 4, 6)
RUN_DATE = dt.date(2026, 6, 1)
CONFIG = Path(__file__).parents[2] / "configs" / "newsletter.yaml"


@pytest.fixture(scope="module")
def use_case() -> UseCase:
    return load_use_case(CONFIG)


@pytest.fixture(scope="module")
def world() -> World:
    return World(11, 20_000, EPOCH)


@pytest.fixture(scope="module")
def log(world: World) -> pa.Table:
    return world.log(EPOCH, spread(60_000, 28), RulesPolicy())


def _numpy(table: pa.Table, column: str) -> np.ndarray:
    return table[column].combine_chunks().to_numpy(zero_copy_only=False)


# --- the truth -----------------------------------------------------------------------------------------


TERMS = {"terms": {"clicked": 2.0, "unsubscribed": -3.0}}


def test_reward_by_hand() -> None:
    world = World(5, 3, EPOCH, reward=Reward.model_validate(TERMS))
    click = world.click_probability(world.everyone, EPOCH)
    leave = world.unsubscribe_probability(world.everyone)
    expected = world.expected_reward(world.everyone, EPOCH)
    p, u = click[1, 4], leave[1, 4]
    assert expected[1, 4] == pytest.approx(2.0 * p * (1 - u) - 3.0 * p * u)


def test_click_rates_are_those_of_newsletters(world: World) -> None:
    rates = world.click_probability(world.everyone, EPOCH).mean(axis=0)
    assert (rates > 0.04).all()
    assert (rates < 0.15).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_clickbait_is_clicked_most_and_rewarded_least(seed: int) -> None:
    world = World(seed, 8_000, EPOCH)
    bait = world.recommenders.index("clickbait_offers")
    click = world.click_probability(world.everyone, EPOCH)
    leave = (click * world.unsubscribe_probability(world.everyone)).mean(axis=0) / click.mean(axis=0)
    reward = world.expected_reward(world.everyone, EPOCH).mean(axis=0)
    assert click.mean(axis=0)[bait] >= np.sort(click.mean(axis=0))[-3]
    assert leave[bait] > 5 * np.delete(leave, bait).max()
    assert reward.argmin() == bait


def test_tastes_drift_slowly(world: World) -> None:
    def log_odds(weeks: int) -> np.ndarray:
        p = world.click_probability(world.everyone[:3000], EPOCH + dt.timedelta(weeks=weeks))
        return np.log(p / (1 - p)).mean(axis=0)

    one_week, ten_weeks = (np.abs(log_odds(weeks) - log_odds(0)) for weeks in (1, 10))
    assert 0 < one_week.mean() < 0.06
    assert ten_weeks.mean() > 2 * one_week.mean()


def test_one_date_or_one_date_a_user(world: World) -> None:
    users = np.array([4, 7])
    days = np.array(["2026-04-06", "2026-05-20"], dtype="datetime64[D]")
    both = world.click_probability(users, days)
    np.testing.assert_array_equal(both[:1], world.click_probability(users[:1], EPOCH))
    np.testing.assert_array_equal(both[1:], world.click_probability(users[1:], dt.date(2026, 5, 20)))


# --- what is logged ------------------------------------------------------------------------------------


def test_columns_and_types_are_those_of_the_use_case(use_case: UseCase, world: World, log: pa.Table) -> None:
    assert log.schema.names == list(use_case.table_columns("training"))
    inference = world.inference(world.everyone, RUN_DATE)
    assert inference.schema.names == list(use_case.table_columns("inference"))
    assert log.schema.field("sent_at").type == pa.timestamp("us", tz="UTC")
    assert log.schema.field("last_order_on").type == pa.date32()
    assert log.schema.field("eligible_recommenders").type == pa.list_(pa.string())
    assert log.schema.field("propensity").type == pa.float64()


def test_same_arguments_same_table(world: World, log: pa.Table) -> None:
    assert World(11, 20_000, EPOCH).log(EPOCH, spread(60_000, 28), RulesPolicy()).equals(log)
    assert not world.log(EPOCH, spread(60_000, 28), RulesPolicy(), seed=1).equals(log)
    assert not World(12, 20_000, EPOCH).log(EPOCH, spread(60_000, 28), RulesPolicy()).equals(log)


def test_the_newsletters_world_is_what_it_always_was(log: pa.Table) -> None:
    """Figures of many pages rest on it; another digest makes them stale."""
    names = ("user_id", "recommender", "clicked", "unsubscribed", "country")
    text = repr([log[name].to_pylist() for name in names])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "5b0727675ffecd36"


def test_a_user_receives_one_newsletter_a_campaign(log: pa.Table) -> None:
    pairs = list(zip(log["user_id"].to_pylist(), log["campaign"].to_pylist(), strict=True))
    assert len(set(pairs)) == len(pairs) == 60_000


def test_campaign_is_the_iso_week_of_sending(log: pa.Table) -> None:
    for sent, campaign in zip(
        log["sent_at"].to_pylist()[::997], log["campaign"].to_pylist()[::997], strict=True
    ):
        assert campaign == f"{sent.isocalendar()[0]}-W{sent.isocalendar()[1]:02d}"
        assert 6 <= sent.hour < 10


def test_rows_are_in_order_and_as_many_a_day_as_asked(world: World) -> None:
    table = world.log(dt.date(2026, 4, 9), [3, 0, 5, 1, 2], UniformPolicy())
    sent = table["sent_at"].to_pylist()
    assert sent == sorted(sent)
    per_day = Counter(moment.date() for moment in sent)
    assert per_day == {dt.date(2026, 4, day): n for day, n in ((9, 3), (11, 5), (12, 1), (13, 2))}


def test_dates_precede_the_newsletter(log: pa.Table) -> None:
    sent = _numpy(log, "sent_at").astype("datetime64[D]")
    registered = _numpy(log, "registered_on").astype("datetime64[D]")
    ordered = _numpy(log, "last_order_on").astype("datetime64[D]")
    known = ~np.isnat(ordered)
    assert (registered < sent).all()
    assert (ordered < sent)[known].all()
    assert (registered <= ordered)[known].all()
    assert 0.02 < 1 - known.mean() < 0.2


def test_unsubscribed_implies_clicked(log: pa.Table) -> None:
    clicked, unsubscribed = _numpy(log, "clicked").astype(bool), _numpy(log, "unsubscribed").astype(bool)
    assert unsubscribed.sum() > 100
    assert clicked[unsubscribed].all()


def test_only_the_eligible_are_sent_and_most_lists_are_null(log: pa.Table) -> None:
    lists = log["eligible_recommenders"].to_pylist()
    named = [
        (names, sent)
        for names, sent in zip(lists, log["recommender"].to_pylist(), strict=True)
        if names is not None
    ]
    assert 0.1 < len(named) / len(lists) < 0.4
    assert all(sent in names and len(names) < 12 for names, sent in named)


def test_clicks_come_at_the_true_rate(world: World, log: pa.Table) -> None:
    users = world.positions(log["user_id"].to_pylist())
    days = _numpy(log, "sent_at").astype("datetime64[D]")
    arm = np.array([world.recommenders.index(name) for name in log["recommender"].to_pylist()])
    p = world.click_probability(users, days)[np.arange(len(users)), arm]
    leave = p * world.unsubscribe_probability(users)[np.arange(len(users)), arm]
    for column, chance in (("clicked", p), ("unsubscribed", leave)):
        standard_error = np.sqrt((chance * (1 - chance)).sum())
        assert abs(_numpy(log, column).astype(float).sum() - chance.sum()) < 4 * standard_error


# --- behaviour -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [RulesPolicy(), UniformPolicy()])
def test_probabilities_are_a_distribution_over_the_eligible(world: World, policy: RulesPolicy) -> None:
    audience = world.audience(world.everyone)
    probabilities = policy.probabilities(audience)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert (probabilities[~audience.eligible] == 0).all()
    assert probabilities[audience.eligible].min() > 0.02
    check_probabilities(probabilities, audience)


def test_logged_propensity_is_that_of_the_policy_and_frequencies_follow_it(
    world: World, log: pa.Table
) -> None:
    users = world.positions(log["user_id"].to_pylist())
    probabilities = RulesPolicy().probabilities(world.audience(users))
    arm = np.array([world.recommenders.index(name) for name in log["recommender"].to_pylist()])
    np.testing.assert_array_equal(_numpy(log, "propensity"), probabilities[np.arange(len(users)), arm])
    counts, expected = np.bincount(arm, minlength=12), probabilities.sum(axis=0)
    standard_error = np.sqrt((probabilities * (1 - probabilities)).sum(axis=0))
    assert (np.abs(counts - expected) < 4 * standard_error).all()
    assert set(log["policy_version"].to_pylist()) == {"rules-1"}


def test_a_draw_never_takes_what_has_no_probability() -> None:
    rows = np.tile([0.0, 0.3, 0.0, 0.7, 0.0], (20_000, 1))
    shares = np.bincount(draw(np.random.default_rng(0), rows), minlength=5) / len(rows)
    np.testing.assert_allclose(shares, [0, 0.3, 0, 0.7, 0], atol=0.02)
    assert shares[[0, 2, 4]].sum() == 0


def test_newsletters_filled_elsewhere(world: World) -> None:
    users = np.array([5, 9, 2])
    served = np.array([0, 2, 3])
    table = world.send(dt.date(2026, 5, 4), users, served, np.array([0.5, 0.1, 1.0]), "model-7")
    assert table["user_id"].to_pylist() == ["user-000005", "user-000009", "user-000002"]
    assert table["recommender"].to_pylist() == ["bestsellers", "deals", "new_arrivals"]
    assert table["propensity"].to_pylist() == [0.5, 0.1, 1.0]
    assert table["policy_version"].to_pylist() == ["model-7"] * 3
    assert {moment.date() for moment in table["sent_at"].to_pylist()} == {dt.date(2026, 5, 4)}


# --- a run ---------------------------------------------------------------------------------------------


def test_simulate_fills_the_window_and_its_surroundings(use_case: UseCase) -> None:
    training, inference, world = simulate(use_case, 3_000, 200, RUN_DATE, seed=4)
    start, end = use_case.window.latest(RUN_DATE, use_case.attribution_days)
    days = [moment.date() for moment in training["sent_at"].to_pylist()]
    assert sum(start <= day < end for day in days) == 3_000
    assert min(days) < start
    assert max(days) == RUN_DATE - dt.timedelta(days=1)
    assert inference.num_rows == 200
    assert set(inference["campaign"].to_pylist()) == {"2026-W23"}
    again, _, _ = simulate(use_case, 3_000, 200, RUN_DATE, seed=4)
    assert again.equals(training)
    assert world.positions(inference["user_id"].to_pylist()).tolist() == list(range(200))


def test_written_and_read_again_is_the_same(use_case: UseCase, tmp_path: Path) -> None:
    training, inference, world = simulate(use_case, 500, 50, RUN_DATE, seed=4)
    write(tmp_path / "run", training, inference, world)
    write(tmp_path / "run", training, inference, world)
    assert pa.parquet.read_table(tmp_path / "run" / "training.parquet").equals(training)
    assert pa.parquet.read_table(tmp_path / "run" / "inference.parquet").equals(inference)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "inference.parquet",
        "training.parquet",
        "world.json",
    ]
    loaded = World.load(tmp_path / "run" / "world.json")
    np.testing.assert_array_equal(
        loaded.expected_reward(loaded.everyone, RUN_DATE), world.expected_reward(world.everyone, RUN_DATE)
    )
    assert loaded.inference(loaded.everyone[:50], RUN_DATE).equals(inference)


def test_a_part_of_the_recommenders_in_another_order(use_case: UseCase) -> None:
    part = use_case.model_copy(update={"recommenders": ("deals", "refill", "bestsellers")})
    world, whole = (World.of(case, 1, 500, EPOCH) for case in (part, use_case))
    click, all_clicks = (w.click_probability(w.everyone, EPOCH) for w in (world, whole))
    columns = [whole.recommenders.index(name) for name in world.recommenders]
    np.testing.assert_array_equal(click, all_clicks[:, columns])
    assert set(world.log(EPOCH, [400], UniformPolicy())["recommender"].to_pylist()) == {
        "deals",
        "refill",
        "bestsellers",
    }


# --- refusals ------------------------------------------------------------------------------------------


def test_unknown_recommenders_and_features_are_refused_by_name(use_case: UseCase) -> None:
    stranger = use_case.model_copy(update={"recommenders": ("deals", "horoscopes")})
    with pytest.raises(SettingsError, match=r"newsletter: recommenders: .*'horoscopes'.*bestsellers"):
        simulate(stranger, 10, 10, RUN_DATE, 0)
    features = {**use_case.features, "shoe_size": use_case.features["age"]}
    with pytest.raises(SettingsError, match=r"features: .*'shoe_size'.*country"):
        simulate(use_case.model_copy(update={"features": features}), 10, 10, RUN_DATE, 0)
    features = {**use_case.features, "age": use_case.features["country"]}
    with pytest.raises(SettingsError, match=r"features\.age: found type string.*type number"):
        simulate(use_case.model_copy(update={"features": features}), 10, 10, RUN_DATE, 0)


def test_recommenders_that_leave_some_users_nothing_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least one of"):
        World(0, 10, EPOCH, recommenders=("refill", "back_in_stock"))


def test_bad_numbers_and_days_are_refused(use_case: UseCase, world: World) -> None:
    with pytest.raises(SettingsError, match="0 newsletters"):
        simulate(use_case, 0, 10, RUN_DATE, 0)
    with pytest.raises(SettingsError, match="size 0"):
        World(0, 0, EPOCH)
    with pytest.raises(DataError, match=r"2026-04-05.*2026-04-06"):
        world.click_probability(world.everyone[:2], dt.date(2026, 4, 5))
    with pytest.raises(DataError, match=r"2026-W15: found 20001 newsletters; allowed: 20000"):
        world.log(EPOCH, [10_000, 10_001], UniformPolicy())


def test_serving_the_ineligible_or_unknown_is_refused(world: World) -> None:
    refill = world.recommenders.index("refill")
    user = np.flatnonzero(~world.eligible(world.everyone)[:, refill])[:1]
    certain = np.ones(1)
    with pytest.raises(DataError, match="refill, for which this user is not eligible"):
        world.send(EPOCH, user, np.array([refill]), certain, "x")
    with pytest.raises(DataError, match="found served recommender 12; allowed: 0 to 11"):
        world.send(EPOCH, user, np.array([12]), certain, "x")
    with pytest.raises(DataError, match="propensity"):
        world.send(EPOCH, user, np.array([0]), np.zeros(1), "x")
    with pytest.raises(DataError, match="user-999999"):
        world.positions(["user-000001", "user-999999"])
    table = np.full((world.size, 12), 1 / 12)
    with pytest.raises(DataError, match="not eligible"):
        check_probabilities(table[user], world.audience(user))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a saved world"),
        ('{"format": "other"}', "found format 'other'"),
        ('{"format": "simulated-world-1", "seed": 1}', "not a saved world: 'size'"),
        ("[]", "not a saved world"),
    ],
)
def test_a_file_that_is_no_world_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "world.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        World.load(path)
    with pytest.raises(DataError, match="cannot be read"):
        World.load(tmp_path / "missing.json")


def test_the_catalogue_is_the_newsletter_use_case(use_case: UseCase) -> None:
    assert use_case.recommenders == catalogue.RECOMMENDERS
    assert {name: feature.type for name, feature in use_case.features.items()} == catalogue.FEATURES
