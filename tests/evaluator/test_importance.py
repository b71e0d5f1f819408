"""What a feature is worth, on a policy whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from components.evaluator.policy_values import Measuring
from components.evaluator.rows import Known, Outcome
from components.evaluator.why.importance import Choices, Judged, importances

# Four rows of each of two colours, each colour with one of two sizes as often as the other.
COLOURS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
SIZES = np.array([0, 1, 0, 1, 0, 1, 0, 1])
SHOWN = np.array([0, 0, 1, 1, 0, 0, 1, 1])
MEASURING = Measuring(2, weight_clip=10.0, confidence=0.95, reward_bounds=(0.0, 1.0))


def policy(colours: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """Takes the recommender of the colour's number, in three of four cases; the estimates know the truth."""
    best = np.eye(2, dtype=np.float32)[colours]
    n = len(colours)
    return {
        "user_id": np.array([f"u{i}" for i in range(n)])[:, None],
        "reward_estimates": best,
        "serving_probabilities": 0.5 * best + 0.25,
        "eval_probabilities": best,
        "logged_action": SHOWN[:, None],
        "logged_score": np.full((n, 1), 0.5),
        "default_action": np.zeros((n, 1)),
        "best_score": np.ones((n, 1)),
        "eligible_recommenders": np.ones((n, 2), bool),
    }


def judged() -> Judged:
    """A log that shows each recommender with probability 1/2; a click where it is that of the colour."""
    clicked = (SHOWN == COLOURS).astype(float)
    users = np.array([f"u{i}" for i in range(len(COLOURS))])
    half, none = np.full(len(COLOURS), 0.5), np.zeros(len(COLOURS))
    return Judged(Outcome(clicked, half, clicked, none, users), policy(COLOURS), Known(("a", "b")))


@pytest.mark.parametrize("permutations", [1, 3])
def test_a_feature_that_is_read_is_worth_what_it_earns_and_another_nothing(permutations: int) -> None:
    orders: list[npt.NDArray[np.int64]] = []

    def scrambled(feature: str, order: npt.NDArray[np.int64]) -> Choices:
        assert sorted(order) == list(range(len(COLOURS)))
        if feature == "colour":
            orders.append(order)
            return Choices.of(policy(COLOURS[order]))
        return Choices.of(policy(COLOURS))  # what it does with another size

    colour, size = importances(judged(), ("colour", "size"), scrambled, permutations, MEASURING)

    # The policy earns 3/4 with the right colour and 1/4 with the wrong one.
    wrong = float(np.mean([COLOURS[order] != COLOURS for order in orders]))
    assert 0.0 < wrong < 1.0
    assert colour.changed == pytest.approx(wrong)
    assert colour.loss.value == pytest.approx(0.5 * wrong)
    assert colour.loss.low is not None
    assert colour.loss.high is not None
    assert colour.loss.low < 0.5 * wrong < colour.loss.high
    # Exactly nothing, so that the page can say so.
    assert (size.loss.value, size.loss.low, size.loss.high, size.changed) == (0.0, 0.0, 0.0, 0.0)


def test_the_order_of_a_feature_does_not_depend_on_the_others() -> None:
    def scrambled(feature: str, order: npt.NDArray[np.int64]) -> Choices:
        return Choices.of(policy(COLOURS[order]))

    alone = importances(judged(), ("colour",), scrambled, 2, MEASURING)
    assert importances(judged(), ("size", "colour"), scrambled, 2, MEASURING)[1] == alone[0]


def test_a_row_in_which_nothing_is_eligible_has_no_first_choice() -> None:
    outputs = policy(COLOURS)
    outputs["eval_probabilities"] = outputs["eval_probabilities"] * (np.arange(8) > 0)[:, None]
    assert Choices.of(outputs).first.tolist() == [-1, 0, 0, 0, 1, 1, 1, 1]
