"""The worth of a set: hand-sized rows, and a real fit on the tiny use case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from newsletter_bandit.off_policy.estimators import ESTIMATORS
from newsletter_bandit.settings.agents import TunedRange
from tests.tiny import BEST, Prepared


def test_rows_seen_by_a_policy_give_its_doubly_robust_value_by_hand() -> None:
    from components.evaluator.seen_by import seen_by

    batch = seen_by(
        estimates=np.array([[0.5, 0.2], [0.1, 0.3], [0.4, 0.0]]),
        probabilities=np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]),
        action=np.array([0, 0, -1]),
        reward=np.array([1.0, -1.0, 1.0]),
        propensity=np.array([0.25, 0.5, 0.5]),
    )
    estimator = ESTIMATORS["dr"]()
    estimator.add(batch)
    # 0.5 + (1 - 0.5) / 0.25; 0.3, the logged one is not taken; 0.4, the logged one is unknown.
    assert estimator.estimate().value == pytest.approx((2.5 + 0.3 + 0.4) / 3)


def test_rows_come_in_one_order_whatever_order_and_bytes_they_are_read_in(prepared: Prepared) -> None:
    import tensorflow as tf

    from pipelines.tuning.objective import in_order

    def rewritten(example: bytes) -> bytes:
        """The same example with its features in another order."""
        features = sorted(tf.train.Example.FromString(example).features.feature.items(), reverse=True)
        return b"".join(
            tf.train.Example(features=tf.train.Features(feature={name: value})).SerializeToString()
            for name, value in features
        )

    rows = in_order(prepared.serialized)
    others = [rewritten(example) for example in reversed(prepared.serialized)]
    assert sorted(others) != sorted(prepared.serialized)
    again = in_order(others)
    assert np.array_equal(rows.examples, again.examples)
    assert rows.digest == again.digest
    assert in_order(prepared.serialized[1:]).digest != rows.digest
    assert {user.decode() for user in rows.user_ids} == {row["user_id"] for row in prepared.rows}
    assert all(user in example for user, example in zip(rows.user_ids, rows.examples, strict=True))


def test_a_search_over_real_fits_finds_that_learning_pays(prepared: Prepared, tmp_path: Path) -> None:
    import tensorflow_transform as tft

    from pipelines.tuning.objective import OffPolicyValue, in_order
    from pipelines.tuning.result import winner
    from pipelines.tuning.search import search

    # The settings' own learning rate is too small to learn much; the ranges hold one that is not.
    agent = prepared.use_case.agent.model_copy(update={"learning_rate": 5e-4})
    tuning = prepared.use_case.tuning.model_copy(update={"validation_share": 0.4})
    use_case = prepared.use_case.model_copy(update={"agent": agent, "tuning": tuning})
    rows = in_order(prepared.serialized)
    objective = OffPolicyValue(use_case, tft.TFTransformOutput(prepared.transform_output), rows)
    assert objective.fit_rows + objective.validation_rows == len(prepared.rows)
    assert objective.validation_rows == pytest.approx(0.4 * len(prepared.rows), rel=0.15)

    ranges = {
        "agent.learning_rate": TunedRange(choices=(0.02,)),
        "agent.epochs": TunedRange(choices=(20,)),
        "propensity_weighting.clip": TunedRange(low=2, high=3),
    }
    default = {"agent.learning_rate": 5e-4, "agent.epochs": 8, "propensity_weighting.clip": 5.0}
    trials = search(ranges, default, objective, 3, 1, tmp_path / "trials.sqlite", "tiny")
    best = winner(trials, objective.validation_rows, 0.95)
    assert best.trial.number > 0
    assert best.is_better
    # The truth: 0.6 where the best of the three is shown, 0.1 elsewhere; some rows may not show the best.
    clicks = sum(0.6 if eligible(row) else 0.1 for row in prepared.rows) / len(prepared.rows)
    assert best.score.value == pytest.approx(clicks, abs=4 * best.score.standard_error)
    own = trials[0].score
    assert own is not None
    assert own.gain == 0.0
    assert best.score.gain == pytest.approx(best.score.value - own.value, abs=1e-9)


def eligible(row: dict[str, object]) -> bool:
    """The row may show the recommender that is best for its colour."""
    colour, names = row["colour"], row["eligible_recommenders"]
    return isinstance(colour, str) and (not isinstance(names, list) or BEST[colour] in names)
