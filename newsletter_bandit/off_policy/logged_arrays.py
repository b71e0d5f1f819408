"""Off-policy evaluation of logged arrays in memory; `logged_table` does the same for files of any size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.off_policy import intervals
from newsletter_bandit.off_policy.checks import mean_weight
from newsletter_bandit.off_policy.estimators import LoggedBatch
from newsletter_bandit.off_policy.logged_table import hashing, sentences
from newsletter_bandit.off_policy.logged_table.figures import Figures, Measures
from newsletter_bandit.off_policy.logged_table.options import Options
from newsletter_bandit.off_policy.logged_table.result import Evaluation
from newsletter_bandit.off_policy.logged_table.support import checks


def estimate_policy_value(
    reward: npt.ArrayLike,
    propensity: npt.ArrayLike,
    evaluation_probability: npt.ArrayLike,
    *,
    expected_reward: npt.ArrayLike | None = None,
    logged_estimate: npt.ArrayLike | None = None,
    user: npt.ArrayLike | None = None,
    options: Options | None = None,
) -> Evaluation:
    """Value of the evaluation policy: every registered estimator, its interval, and whether the log supports
    it.

    One entry per logged decision i, with context x_i, action a_i and reward r_i:

    Args:
      reward: r_i, finite, [n].
      propensity: pi_b(a_i | x_i) in (0, 1], the logging policy's own at that time, [n]; `pscore` elsewhere.
      evaluation_probability: pi_e(a_i | x_i) in [0, 1], [n].
      expected_reward: sum over a of pi_e(a | x_i) q(x_i, a), with q your reward model, [n]. The doubly robust
        estimators need it and ``logged_estimate``; without both they are left out.
      logged_estimate: q(x_i, a_i), [n].
      user: whose decision it is, any type, [n]. Rows of one user then count together: the intervals come from
        a bootstrap of users, unless ``options`` name a method.
      options: how to evaluate; ``click_model``, ``folds`` and ``sample_rows`` are for tables.

    Raises:
      DataError: an array has another length, a value outside its range, or no entry.
      SettingsError: one of ``expected_reward`` and ``logged_estimate`` is given without the other.

    Example:
      >>> rng = np.random.default_rng(1)
      >>> shown = rng.integers(0, 2, 10_000)          # a coin chose one of two recommenders
      >>> clicked = rng.random(10_000) < np.where(shown == 1, 0.3, 0.1)
      >>> found = estimate_policy_value(clicked, np.full(10_000, 0.5), shown == 1)   # "always the second"
      >>> found.verdict, round(found.overall.estimates["snips"].value, 1)
      ('supported', 0.3)
    """
    options = options or Options()
    if (expected_reward is None) != (logged_estimate is None):
        raise SettingsError("expected_reward, logged_estimate: found one of them; allowed: both or neither")
    rewards = np.asarray(reward, dtype=np.float64)
    if not rewards.size:
        raise DataError("logged rows: none; allowed: one or more")
    nothing = np.zeros(rewards.shape)
    method = options.interval or ("bootstrap" if user is not None else intervals.DEFAULT)
    measures = Measures(
        reward_model=expected_reward is not None,
        weight_clip=options.weight_clip,
        reward_range=options.reward_range,
        confidence=options.confidence,
        interval=method,
    )
    batch = LoggedBatch(
        reward=rewards,
        propensity=np.asarray(propensity, dtype=np.float64),
        evaluation_probability=np.asarray(evaluation_probability, dtype=np.float64),
        expected_reward=nothing if expected_reward is None else np.asarray(expected_reward, dtype=np.float64),
        logged_estimate=nothing if logged_estimate is None else np.asarray(logged_estimate, dtype=np.float64),
        user=_hashed(user, len(rewards)) if measures.samples else None,
    )
    _within(rewards, options.reward_range)
    figures = Figures(measures)
    figures.add(batch)
    found = figures.figures()
    mean, reach = found.weights.mean_weight, found.weights.mean_weight_reach
    fit = mean_weight(mean, reach, options.bounds.mean_weight_tolerance)
    return Evaluation(
        files=(),
        unit="row",
        confidence=measures.confidence,
        interval=measures.interval,
        weight_clip=measures.weight_clip,
        reward_range=measures.reward_range,
        propensities="logged",
        reward_model="given" if measures.reward_model else "none",
        click_model=None,
        overall=found,
        slices={},
        policy_versions={},
        actions=(),
        checks=(*checks(found.weights, options.bounds), fit),
        warnings=tuple(sentences.of_weights(found, "row", options.weight_clip)),
    )


def _hashed(user: npt.ArrayLike | None, rows: int) -> hashing.HashArray:
    """One hash per row of its user; without users every row is a user of its own."""
    if user is None:
        return hashing.mixed(np.arange(rows, dtype=np.uint64))
    return hashing.of_texts(pa.array([str(each) for each in np.asarray(user)], pa.string()))


def _within(rewards: npt.NDArray[np.float64], allowed: tuple[float, float] | None) -> None:
    if allowed is None:
        return
    low, high = allowed
    outside = ~((rewards >= low) & (rewards <= high))
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            f"logged rows: reward of row {row} is {rewards[row]:g}; allowed: {low:g} to {high:g}, the reward "
            "range"
        )
