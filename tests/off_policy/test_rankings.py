"""Values of rankings by hand, and on rankings drawn from a known click model."""

from __future__ import annotations

import numpy as np
import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy.estimators.rankings import ClickModel, RankingBatch, RankingValue

# Ratios of the slots: (2, 0.5) and (0.5, 4).
TWO = RankingBatch(
    reward=np.array([[1.0, 0.0], [0.0, 1.0]]),
    propensity=np.array([[0.4, 0.8], [0.8, 0.2]]),
    evaluation_probability=np.array([[0.8, 0.4], [0.4, 0.8]]),
)


@pytest.mark.parametrize(
    ("click_model", "expected"),
    [("independent", (2 + 4) / 2), ("cascade", (2 + 2) / 2), ("standard", (1 + 2) / 2)],
)
def test_values_by_hand(click_model: ClickModel, expected: float) -> None:
    value = RankingValue(2, click_model)
    value.add(TWO)
    assert value.estimate().value == pytest.approx(expected)


def test_self_normalised_by_hand() -> None:
    # Slot 1: 2 / 2.5, slot 2: 4 / 4.5.
    value = RankingValue(2, "independent", self_normalised=True)
    value.add(TWO)
    assert value.estimate().value == pytest.approx(2 / 2.5 + 4 / 4.5)
    clipped = RankingValue(2, "independent", weight_clip=1.0)
    clipped.add(TWO)
    assert clipped.estimate().value == pytest.approx(1.0)


def test_a_ranking_of_one_slot_is_ips() -> None:
    from newsletter_bandit.off_policy.estimators import LoggedBatch, ips, snips

    rng = np.random.default_rng(1)
    reward, propensity, probability = rng.random(50), rng.uniform(0.1, 1, 50), rng.random(50)
    batch = LoggedBatch(reward, propensity, probability, np.zeros(50), np.zeros(50))
    for kind, normalised in ((ips.Estimator, False), (snips.Estimator, True)):
        plain = kind(None, (0.0, 1.0))
        plain.add(batch)
        for model in ("independent", "cascade", "standard"):
            value = RankingValue(1, model, normalised, None, (0.0, 1.0))
            value.add(RankingBatch(reward[:, None], propensity[:, None], probability[:, None]))
            assert value.estimate() == pytest.approx(plain.estimate())
            assert value.interval() == pytest.approx(plain.interval())


def cascade_log(count: int, seed: int) -> tuple[RankingBatch, float]:
    """Two slots of three items; the second is looked at only if the first was not clicked. And the true
    value.
    """
    rng = np.random.default_rng(seed)
    click = np.array([0.5, 0.3, 0.1])
    logging, policy = np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.3, 0.1])

    def second(of: np.ndarray, first: int) -> np.ndarray:
        left = of.copy()
        left[first] = 0.0
        return left / left.sum()

    truth = sum(
        policy[a] * second(policy, a)[b] * (click[a] + (1 - click[a]) * click[b])
        for a in range(3)
        for b in range(3)
        if b != a
    )
    one = rng.choice(3, count, p=logging)
    two = np.array([rng.choice(3, p=second(logging, a)) for a in one])
    clicked = rng.random(count) < click[one]
    later = ~clicked & (rng.random(count) < click[two])
    propensity = np.stack(
        [logging[one], [second(logging, a)[b] for a, b in zip(one, two, strict=True)]], axis=1
    )
    probability = np.stack(
        [policy[one], [second(policy, a)[b] for a, b in zip(one, two, strict=True)]], axis=1
    )
    return RankingBatch(np.stack([clicked, later], axis=1).astype(float), propensity, probability), float(
        truth
    )


def test_the_right_click_model_is_unbiased_and_the_narrower_the_better() -> None:
    batch, truth = cascade_log(40_000, seed=2)
    errors = {}
    for model in ("cascade", "standard"):
        value = RankingValue(2, model, reward_range=(0.0, 1.0))
        value.add(batch)
        estimate = value.estimate()
        assert abs(estimate.value - truth) < 4.5 * estimate.standard_error
        errors[model] = estimate.standard_error
    assert errors["cascade"] < errors["standard"]
    # The independent model does not know that a click above ends the search.
    wrong = RankingValue(2, "independent")
    wrong.add(batch)
    assert abs(wrong.estimate().value - truth) > 10 * wrong.estimate().standard_error


def test_parts_merge() -> None:
    batch, _ = cascade_log(500, seed=3)
    whole = RankingValue(2, "cascade", True, reward_range=(0.0, 1.0))
    whole.add(batch)
    parts = []
    for rows in (slice(0, 0), slice(0, 123), slice(123, 500)):
        part = RankingValue(2, "cascade", True, reward_range=(0.0, 1.0))
        part.add(RankingBatch(batch.reward[rows], batch.propensity[rows], batch.evaluation_probability[rows]))
        parts.append(part)
    total = parts[2] + parts[0] + parts[1]
    assert total.estimate() == pytest.approx(whole.estimate(), rel=1e-12)
    assert total.interval() == pytest.approx(whole.interval(), rel=1e-12)
    with pytest.raises(ValueError, match="allowed: to merge with one that was made as"):
        whole.merge(RankingValue(2, "standard", True, reward_range=(0.0, 1.0)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"propensity": np.array([[0.4, 0.0], [0.8, 0.2]])},
            r"propensity of ranking 0, slot 1 is 0; allowed: \(0, 1\]",
        ),
        (
            {"evaluation_probability": np.full((2, 2), 1.5)},
            r"evaluation_probability of ranking 0, slot 0 is 1\.5",
        ),
        ({"reward": np.array([[1.0, np.nan], [0.0, 1.0]])}, r"reward of ranking 0, slot 1 is nan"),
        ({"propensity": np.ones(2)}, r"propensity has shape \(2,\); allowed: \(2, 2\)"),
    ],
)
def test_refusals(change: dict[str, np.ndarray], words: str) -> None:
    fields = {name: getattr(TWO, name) for name in ("reward", "propensity", "evaluation_probability")}
    with pytest.raises(DataError, match=words):
        RankingBatch(**{**fields, **change})
