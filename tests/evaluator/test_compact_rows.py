"""Logged rows boiled down to a few floats each."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from components.evaluator.rows import PER_MODEL, SHARED, Known, Outcome, recommender_sums, table, view
from newsletter_bandit.errors import DataError

OUTCOME = Outcome(
    reward=np.array([1.0, -1.0, 0.0]),
    propensity=np.array([0.5, 0.25, 0.25]),
    clicked=np.array([True, True, False]),
    unsubscribed=np.array([False, True, False]),
    user_id=np.array([b"u1", b"u2", b"u3"], dtype=object),
)
OUTPUT: dict[str, npt.NDArray[Any]] = {
    "user_id": np.array([[b"u1"], [b"u2"], [b"u3"]], dtype=object),
    "reward_estimates": np.array([[0.4, 0.1, 0.2]] * 3, dtype=np.float32),
    "serving_probabilities": np.array([[0.8, 0.1, 0.1]] * 3, dtype=np.float32),
    "eval_probabilities": np.array([[1.0, 0.0, 0.0]] * 3, dtype=np.float32),
    "logged_action": np.array([[1], [2], [-1]]),
    "logged_score": np.array([[0.55], [0.6], [0.7]], dtype=np.float32),
    "default_action": np.array([[2], [2], [-1]]),
    "best_score": np.array([[0.4], [0.4], [0.4]], dtype=np.float32),
    "eligible_recommenders": np.ones((3, 3), bool),
}
NAMES = [f"r{i}" for i in range(13)]


def compact(outcome: Outcome, outputs: list[dict[str, npt.NDArray[Any]]]) -> npt.NDArray[np.float64]:
    """Rows of models that know the first of `NAMES`."""
    known = [Known(NAMES[: np.shape(output["reward_estimates"])[1]]) for output in outputs]
    return table(outcome, outputs, (-1.0, 1.0), known)


def random_rows(n: int, seed: int) -> tuple[Outcome, list[dict[str, npt.NDArray[Any]]]]:
    rng = np.random.default_rng(seed)
    outcome = Outcome(
        reward=rng.integers(-1, 2, n).astype(np.float32),
        propensity=rng.uniform(0.01, 1.0, n).astype(np.float32),
        clicked=rng.integers(0, 2, n),
        unsubscribed=rng.integers(0, 2, n),
        user_id=np.array([f"u{i}" for i in range(n)], dtype=object),
    )

    def output(k: int) -> dict[str, npt.NDArray[Any]]:
        return {
            "user_id": outcome.user_id[:, None],
            "reward_estimates": rng.normal(0.0, 1.0, (n, k)).astype(np.float32),
            "serving_probabilities": rng.dirichlet(np.ones(k), n).astype(np.float32),
            "eval_probabilities": np.eye(k, dtype=np.float32)[rng.integers(0, k, n)],
            "logged_action": rng.integers(-1, k, (n, 1)),
            "logged_score": rng.random((n, 1)).astype(np.float32),
            "default_action": rng.integers(-1, k, (n, 1)),
            "best_score": rng.normal(0.0, 1.0, (n, 1)).astype(np.float32),
            "eligible_recommenders": np.ones((n, k), bool),
        }

    return outcome, [output(13), output(12)]


def test_a_row_by_hand() -> None:
    rows = compact(OUTCOME, [OUTPUT])
    assert rows.shape == (3, SHARED + PER_MODEL)
    # The default, recommender 2, was not taken; its estimate is what it is expected to earn.
    users = [zlib.crc32(user) for user in (b"u1", b"u2", b"u3")]
    assert rows[0].tolist() == pytest.approx(
        [1, 0.5, 1, 0, users[0], 1, 0.4, 0, 0.2, 1, 0.55, 0.1, 0.1, 0.35, 0, 0.4, 0.1, 0.35]
    )
    assert rows[1].tolist() == pytest.approx(
        [-1, 0.25, 1, 1, users[1], 2, 0.4, 1, 0.2, 1, 0.6, 0.2, 0.1, 0.35, 0, 0.4, 0.2, 0.35]
    )
    # A recommender that the model does not know it never takes; without a default, the eval policy stands for
    # it.
    assert rows[2].tolist() == pytest.approx(
        [0, 0.25, 0, 0, users[2], -1, 0.4, 0, 0.4, 0, 0, 0, 0, 0.35, 0, 0.4, 0, 0.35]
    )


def test_the_columns_of_a_row_have_names() -> None:
    seen = view(compact(OUTCOME, [OUTPUT, {**OUTPUT, "logged_action": np.array([[0], [0], [0]])}]))
    candidate, production = seen.models
    assert seen.shared.reward.tolist() == [1.0, -1.0, 0.0]
    assert seen.shared.action.tolist() == [1.0, 2.0, -1.0]
    assert seen.shared.default_probability.tolist() == [0.0, 1.0, 0.0]
    assert seen.shared.default_value.tolist() == pytest.approx([0.2, 0.2, 0.4])
    assert candidate.known.tolist() == [1.0, 1.0, 0.0]
    assert candidate.serving_probability.tolist() == pytest.approx([0.1, 0.1, 0.0])
    assert candidate.serving_value.tolist() == pytest.approx([0.35] * 3)
    assert candidate.eval_probability.tolist() == [0.0, 0.0, 0.0]
    assert production.logged_estimate.tolist() == pytest.approx([0.4] * 3)
    assert production.eval_probability.tolist() == [1.0] * 3


def test_two_models_are_compared_by_estimates_that_they_share() -> None:
    """Production's, within the reward's bounds; of a recommender that it does not know, the candidate's."""
    outcome = Outcome(**{name: column[:1] for name, column in vars(OUTCOME).items() if name != "outcomes"})

    def output(estimates: list[float], serving: list[float], action: int) -> dict[str, npt.NDArray[Any]]:
        one = {name: values[:1] for name, values in OUTPUT.items()}
        return {
            **one,
            "reward_estimates": np.array([estimates]),
            "serving_probabilities": np.array([serving]),
            "eval_probabilities": np.array([serving]),
            "logged_action": np.array([[action]]),
            "eligible_recommenders": np.ones((1, len(estimates)), bool),
        }

    candidate = output([0.4, 3.0, 0.2], [0.5, 0.25, 0.25], 0)
    production = output([1.4, 0.6], [0.5, 0.5], 1)
    # Production's first recommender is the candidate's second, and its second the candidate's first.
    seen = view(
        table(outcome, [candidate, production], (-1.0, 1.0), [Known(["a", "b", "new"]), Known(["b", "a"])])
    )
    shared_a, shared_b = 0.6, 1.0
    mine, other = seen.models
    assert mine.common_estimate.tolist() == other.common_estimate.tolist() == pytest.approx([shared_a])
    assert mine.common_value.tolist() == pytest.approx([0.5 * shared_a + 0.25 * shared_b + 0.25 * 0.2])
    assert other.common_value.tolist() == pytest.approx([0.5 * shared_b + 0.5 * shared_a])
    assert mine.serving_value.tolist() == pytest.approx([0.5 * 0.4 + 0.25 * 3.0 + 0.25 * 0.2])
    # Without names nothing is shared.
    seen = view(table(outcome, [candidate, production], (-1.0, 1.0), [Known(["a", "b", "new"]), Known(None)]))
    assert [one.common_estimate.tolist() for one in seen.models] == [[0.0], [0.0]]


def test_a_policy_is_measured_on_what_was_tried() -> None:
    """Eight and one tenths of the two that were tried, out of nine."""
    tried = np.array([True, True, False])
    seen = view(table(OUTCOME, [OUTPUT], (-1.0, 1.0), [Known(NAMES[:3], tried)]))
    (candidate,) = seen.models
    assert candidate.serving_probability.tolist() == pytest.approx([1 / 9, 0.0, 0.0])
    assert candidate.serving_value.tolist() == pytest.approx([(0.8 * 0.4 + 0.1 * 0.1) / 0.9] * 3)
    assert candidate.common_value.tolist() == candidate.serving_value.tolist()
    # Who has nothing else keeps what there is.
    alone = {**OUTPUT, "serving_probabilities": np.array([[0.0, 0.0, 1.0]] * 3)}
    (candidate,) = view(table(OUTCOME, [alone], (-1.0, 1.0), [Known(NAMES[:3], tried)])).models
    assert candidate.serving_value.tolist() == pytest.approx([0.2] * 3)


def test_the_candidates_shares_are_those_of_its_policy() -> None:
    eligible = np.array([[True, True, False], [True, False, False], [True, True, False]])
    sums = recommender_sums({**OUTPUT, "eligible_recommenders": eligible})
    assert sums[:2].tolist() == [[3, 2, 0], pytest.approx([2.4, 0.3, 0.3])]
    assert np.isnan(sums[2]).all()
    some = recommender_sums({**OUTPUT, "eligible_recommenders": eligible}, index=np.array([1]))
    assert some[:2].tolist() == [[1, 0, 0], pytest.approx([0.8, 0.1, 0.1])]
    # Production's stand under the candidate's names; of its own, one is missing there and one is new.
    ours, theirs = Known(["a", "b", "new"]), Known(["gone", "b", "a"])
    sums = recommender_sums({**OUTPUT, "eligible_recommenders": eligible}, OUTPUT, [ours, theirs])
    assert sums[2].tolist() == pytest.approx([0.3, 0.3, 0.0])
    assert np.isnan(
        recommender_sums({**OUTPUT, "eligible_recommenders": eligible}, OUTPUT, [ours, Known(None)])[2]
    ).all()


def test_rows_from_before_a_recommender_came_do_not_count_for_it() -> None:
    """Their lists are empty, which stands for all of today's."""
    everyone = {**OUTPUT, "eligible_recommenders": np.ones((3, 3), dtype=bool)}
    ours = Known(["a", "b", "new"])
    for tried, counted in ((None, [3, 3, 0]), (np.array([True, False]), [3, 0, 0])):
        sums = recommender_sums(everyone, OUTPUT, [ours, Known(["a", "b"], tried)])
        assert sums[0].tolist() == counted


def test_rows_do_not_depend_on_each_other() -> None:
    n = 50
    outcome, outputs = random_rows(n, seed=3)
    whole = compact(outcome, outputs)
    for i in range(n):
        one = Outcome(
            **{name: column[i : i + 1] for name, column in vars(outcome).items() if name != "outcomes"}
        )
        alone = compact(one, [{name: values[i : i + 1] for name, values in out.items()} for out in outputs])
        assert alone.tolist() == [whole[i].tolist()]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("propensity", 0.0, "user u2: propensity is 0"),
        ("propensity", 1.5, "user u2: propensity is 1.5"),
        ("propensity", math.nan, "user u2: propensity is nan"),
        ("reward", math.nan, "user u2: reward is nan"),
    ],
)
def test_a_value_out_of_range_names_its_user(name: str, value: float, message: str) -> None:
    changed = getattr(OUTCOME, name).copy()
    changed[1] = value
    outcome = Outcome(**{**vars(OUTCOME), name: changed})
    with pytest.raises(DataError, match=message):
        compact(outcome, [OUTPUT])


@pytest.mark.parametrize("name", ["logged_score", "eval_probabilities", "default_action"])
def test_outputs_of_another_shape_are_refused(name: str) -> None:
    with pytest.raises(DataError, match=f"evaluation rows: {name} has shape"):
        compact(OUTCOME, [{**OUTPUT, name: np.zeros((2, 1))}])
    without = {key: values for key, values in OUTPUT.items() if key != name}
    with pytest.raises(DataError, match=f"signature evaluation: no output {name}"):
        compact(OUTCOME, [without])
