"""The population: dependent, skewed, partly missing features that stay true over time."""

from __future__ import annotations

import numpy as np
import pytest

from newsletter_bandit.simulation import catalogue
from newsletter_bandit.simulation.users import Users, draw_users


@pytest.fixture(scope="module")
def users() -> Users:
    return draw_users(np.random.default_rng(3), 40_000)


def _codes(names: tuple[str, ...], *wanted: str) -> list[int]:
    return [names.index(name) for name in wanted]


def test_country_shares_and_the_language_given_the_country(users: Users) -> None:
    shares = np.bincount(users.country, minlength=len(catalogue.COUNTRIES)) / len(users)
    np.testing.assert_allclose(shares, list(catalogue.COUNTRIES.values()), atol=0.01)
    swiss = users.language[users.country == list(catalogue.COUNTRIES).index("CH")]
    spoken = np.bincount(swiss, minlength=len(catalogue.LANGUAGES)) / len(swiss)
    np.testing.assert_allclose(spoken, catalogue.LANGUAGE_GIVEN_COUNTRY["CH"], atol=0.02)


def test_every_distribution_of_languages_sums_to_one() -> None:
    for shares in catalogue.LANGUAGE_GIVEN_COUNTRY.values():
        assert sum(shares) == pytest.approx(1.0)
    assert sum(catalogue.COUNTRIES.values()) == pytest.approx(1.0)


def test_orders_follow_the_segment(users: Users) -> None:
    loyal, occasional, lapsed = _codes(catalogue.SEGMENTS, "loyal", "occasional", "lapsed")
    assert users.orders[users.segment == loyal].mean() == pytest.approx(20.0, rel=0.1)
    assert users.orders[users.segment == occasional].mean() == pytest.approx(1.8, rel=0.1)
    assert users.orders[users.segment == lapsed].max() == 0.0


def test_revenue_is_nothing_without_orders_and_has_a_heavy_tail(users: Users) -> None:
    assert (users.revenue[users.orders == 0] == 0.0).all()
    spent = users.revenue[users.orders > 0]
    assert spent.mean() > 1.8 * np.median(spent)
    assert np.quantile(spent, 0.99) > 10 * np.median(spent)


def test_categories_are_many_with_a_long_tail(users: Users) -> None:
    counts = np.sort(np.bincount(users.category, minlength=len(catalogue.CATEGORIES)))[::-1]
    assert (counts > 0).sum() >= 150
    assert counts[:20].sum() > 0.4 * len(users)
    assert np.median(counts) < 0.5 * counts.mean()


def test_some_ages_and_apps_are_unknown(users: Users) -> None:
    assert 0.08 < 1.0 - users.age_known.mean() < 0.20
    assert 1.0 - users.has_app_known.mean() == pytest.approx(0.08, abs=0.01)
    assert 0.05 < 1.0 - users.ever_ordered.mean() < 0.15


def test_last_order_is_past_after_registration_and_recurs(users: Users) -> None:
    for day in (0, 40, 200):
        since = users.days_since_order(np.full(len(users), day))
        ordered = users.ever_ordered
        assert np.isnan(since[~ordered]).all()
        assert (since[ordered] >= 1).all()
        assert (since <= users.tenure + day)[ordered].all()
        active = users.order_gap > 0
        assert (since <= users.order_gap)[active].all()
        dormant = ordered & ~active
        assert (since >= 366 + day)[dormant].all()


def test_a_last_order_by_hand(users: Users) -> None:
    one = users.take(np.array([0, 0, 0]))
    object.__setattr__(one, "ever_ordered", np.array([True, True, True]))
    object.__setattr__(one, "order_gap", np.array([10, 10, 0]))
    object.__setattr__(one, "order_offset", np.array([8, 8, 400]))
    object.__setattr__(one, "tenure", np.array([500, 500, 500]))
    # 9 days ago on day 0, 10 on day 1, ordered again so that it was yesterday on day 2.
    np.testing.assert_array_equal(one.days_since_order(np.array([1, 2, 5])), [10.0, 1.0, 406.0])


def test_eligibility_needs_history(users: Users) -> None:
    eligible = users.eligible()
    by_name = dict(zip(catalogue.RECOMMENDERS, eligible.T, strict=True))
    np.testing.assert_array_equal(by_name["refill"], users.ever_ordered)
    np.testing.assert_array_equal(by_name["back_in_stock"], users.sessions > 0)
    assert by_name["bestsellers"].all()
    assert 0.6 < eligible.all(axis=1).mean() < 0.9
