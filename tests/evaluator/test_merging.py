"""The Evaluator's sums merge: any split and order of the rows, and any number of Beam workers, give the same
figures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.evaluator.policy_values import Measuring, PolicyValues
from components.evaluator.rows import Known, Outcome, Scored, table

K = 4
NAMES = ["a", "b", "c", "d"]
MEASURING = Measuring(
    recommenders=K,
    weight_clip=20.0,
    confidence=0.9,
    reward_bounds=(-2.0, 1.0),
    max_unsubscribe_ratio=1.2,
)


def logged_rows(n: int, seed: int) -> npt.NDArray[np.float64]:
    """Compact rows of a log and two models; the default recommender is better where the best score is low."""
    rng = np.random.default_rng(seed)
    users = np.array([f"u{i}" for i in range(n)], dtype=object)
    propensities = rng.dirichlet(np.full(K, 2.0), n)
    action = (rng.random((n, 1)) > propensities.cumsum(axis=1)).sum(axis=1).clip(max=K - 1)
    default = rng.integers(0, 2, n)
    estimates = rng.uniform(0.0, 0.6, (n, K))
    low = estimates.max(axis=1) < 0.45
    clicked = rng.random(n) < np.where(low, np.where(action == default, 0.95, 0.02), 0.3)
    unsubscribed = clicked & (rng.random(n) < 0.1)
    outcome = Outcome(
        reward=clicked - 3.0 * unsubscribed,
        propensity=np.maximum(propensities[np.arange(n), action], 1e-3),
        clicked=clicked,
        unsubscribed=unsubscribed,
        user_id=users,
    )

    def output(q: npt.NDArray[np.float64]) -> dict[str, Any]:
        greedy = np.eye(K)[q.argmax(axis=1)]
        known = np.where(rng.random(n) < 0.05, -1, action)
        return {
            "user_id": users,
            "reward_estimates": q,
            "serving_probabilities": 0.9 * greedy + 0.1 / K,
            "eval_probabilities": greedy,
            "logged_action": known,
            "logged_score": (q[np.arange(n), action] + 2.0) / 3.0,
            "default_action": default,
            "best_score": q.max(axis=1),
            "eligible_recommenders": np.ones((n, K), bool),
        }

    outputs = [output(estimates), output(estimates + rng.normal(0.0, 0.1, (n, K)))]
    return table(outcome, outputs, MEASURING.reward_bounds, [Known(NAMES), Known(NAMES)])


def seen(rows: npt.NDArray[np.float64]) -> PolicyValues:
    values = PolicyValues(2, MEASURING)
    values.add(rows)
    values.add_recommenders(np.full((5, K), float(len(rows))))
    return values


def check(found: PolicyValues) -> None:
    """The figures are those of all rows at once."""
    for mine, theirs in zip(found.figures(), EXPECTED, strict=True):
        assert list(mine) == list(theirs)
        for name, value in mine.items():
            # 1e-12 of a figure, and of 1 where it is smaller.
            np.testing.assert_allclose(value, theirs[name], rtol=1e-12, atol=1e-12, err_msg=name)


_SHARES = 8

ROWS = logged_rows(4000, seed=11)
EXPECTED = seen(ROWS).figures()


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_any_split_and_order(seed: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.integers(0, len(ROWS) + 1, parts - 1))
    waiting = [seen(ROWS[rows]) for rows in np.split(rng.permutation(len(ROWS)), cuts)]
    # Any two are merged until one is left, as Beam's workers might.
    while len(waiting) > 1:
        one = waiting.pop(int(rng.integers(len(waiting))))
        other = waiting.pop(int(rng.integers(len(waiting))))
        waiting.append(one + other)
    check(waiting[0])


def test_the_rows_show_what_can_be_shown() -> None:
    # Otherwise the figures above would agree on being unknown.
    candidate, _ = EXPECTED
    unknown = [name for name, value in candidate.items() if not np.all(np.isfinite(value))]
    assert unknown == []


@pytest.mark.pipeline
def test_beam_with_one_and_two_workers() -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.testing.util import assert_that

    from components.evaluator.transforms import SumUp

    rows = logged_rows(6000, seed=12)
    expected = seen(rows).figures()

    def check(found: list[list[dict[str, Any]]]) -> None:
        (figures,) = found
        for mine, theirs in zip(figures, expected, strict=True):
            assert mine.keys() == theirs.keys()
            for name, value in mine.items():
                np.testing.assert_allclose(value, theirs[name], rtol=1e-12, atol=1e-12, err_msg=name)

    for workers in (1, 2):
        # Threads: processes would pay half a minute each to import TFMA, and merge the very same sums.
        options = PipelineOptions(direct_num_workers=workers, direct_running_mode="multi_threading")
        with beam.Pipeline("FnApiRunner", options=options) as pipeline:
            figures = (
                pipeline
                | beam.Create(range(_SHARES))
                # Each worker gets some of the shares.
                | beam.Reshuffle()
                | beam.Map(
                    lambda share: Scored(
                        rows[share::_SHARES], np.full((5, K), float(len(rows[share::_SHARES])))
                    )
                )
                | beam.CombineGlobally(SumUp(2, MEASURING))
            )
            assert_that(figures, check)
