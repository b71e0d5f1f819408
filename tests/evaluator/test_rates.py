"""Clicks and unsubscribes of a candidate, beside those of what it is compared with."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluator.rates import Rates
from newsletter_bandit.off_policy.estimators import LoggedBatch

# Of two recommenders, click and unsubscribe rates; the log takes the first in 30% of the rows.
CLICKS, UNSUBSCRIBES, FIRST = (0.2, 0.1), (0.03, 0.01), 0.3


def log(rng: np.random.Generator, n: int, policies: list[float], unit: float) -> tuple[np.ndarray, ...]:
    """Clicked, unsubscribed, and the rows as policies see them that take the first recommender so often."""
    first = rng.random(n) < FIRST
    clicked = (rng.random(n) < np.where(first, *CLICKS)).astype(float)
    unsubscribed = (rng.random(n) < np.where(first, *UNSUBSCRIBES)).astype(float)
    propensity = np.where(first, FIRST, 1 - FIRST)
    # A model that is wrong: the mean does not depend on it.
    estimates = unit * np.array([0.3, 0.02])
    batches = [
        LoggedBatch(
            reward=unit * clicked,
            propensity=propensity,
            evaluation_probability=np.where(first, share, 1 - share),
            expected_reward=np.full(n, share * estimates[0] + (1 - share) * estimates[1]),
            logged_estimate=np.where(first, *estimates),
        )
        for share in policies
    ]
    return clicked, unsubscribed, *batches


@pytest.mark.parametrize("unit", [1.0, 2.5])
@pytest.mark.parametrize("policies", [[0.9], [0.9, 0.5]], ids=["first model", "against production"])
def test_intervals_hold_the_truth(policies: list[float], unit: float) -> None:
    rng = np.random.default_rng(7)
    rates = [
        [share * of[0] + (1 - share) * of[1] for share in (*policies, FIRST)][:2]
        for of in (CLICKS, UNSUBSCRIBES)
    ]
    held = np.zeros(3)
    for _ in range(200):
        found = Rates(100.0, 0.95, (-unit, unit), has_production=len(policies) > 1)
        clicked, unsubscribed, *batches = log(rng, 2000, policies, unit)
        found.add(clicked, unsubscribed, batches[0], batches[1] if len(batches) > 1 else None)
        figures = found.figures()
        for name, (own, other) in zip(("clicks", "unsubscribes"), rates, strict=True):
            if name == "clicks":
                held[0] += figures["clicks/low"] <= own <= figures["clicks/high"]
                value = figures["clicks"]
                assert figures["clicks/difference"] == pytest.approx(value - figures["clicks/baseline"])
            place = 1 if name == "clicks" else 2
            low, high = figures[f"{name}/difference_low"], figures[f"{name}/difference_high"]
            held[place] += low <= own - other <= high
    # 95% of 200, less three standard deviations.
    assert held.min() >= 180, held


def test_parts_add_up() -> None:
    rng = np.random.default_rng(1)
    clicked, unsubscribed, candidate, production = log(rng, 1000, [0.9, 0.5], 1.0)
    whole = Rates(100.0, 0.95, (-1.0, 1.0), has_production=True)
    whole.add(clicked, unsubscribed, candidate, production)
    parts = []
    for rows in (slice(0, 300), slice(300, None)):
        part = Rates(100.0, 0.95, (-1.0, 1.0), has_production=True)
        halves = [
            LoggedBatch(**{name: values[rows] for name, values in vars(one).items() if name in FIELDS})
            for one in (candidate, production)
        ]
        part.add(clicked[rows], unsubscribed[rows], *halves)
        parts.append(part)
    assert (parts[0] + parts[1]).figures() == pytest.approx(whole.figures(), rel=1e-9)


FIELDS = ("reward", "propensity", "evaluation_probability", "expected_reward", "logged_estimate")
