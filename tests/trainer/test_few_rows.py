"""A recommender with few rows or none in the training split, under every agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsletter_bandit.exported_model import EVALUATION, POLICIES
from newsletter_bandit.settings.agents import NewArm
from newsletter_bandit.settings.use_case import UseCase
from tests.each_agent import of_agents
from tests.tiny import make_use_case
from tests.trainer.fitted import USERS, call, trained, users

NETWORK = {"hidden_layers": [16], "batch_size": 256, "epochs": 3, "learning_rate": 0.01}
# An optimism that no estimate can match.
AGENTS: dict[str, dict[str, Any]] = {
    "neural_epsilon_greedy": NETWORK,
    "boltzmann": {**NETWORK, "temperature": 0.1},
    "recommender_features": {**NETWORK, "recommender_layers": [4]},
    "neural_lin_ucb": {**NETWORK, "encoding_dim": 8, "alpha": 5.0},
    "lin_ucb": {"alpha": 5.0},
    "lin_ts": {"alpha": 5.0, "samples": 50},
}
# Features of the third are those of the second, so that its estimates are not random.
FEATURES = {"a": {"like": "red"}, "b": {"like": "green"}, "c": {"like": "green"}}
BUDGET = {"until_rows": 500, "min_share": 0.02, "max_share": 0.06}


def use_case_of(agent: str, **changes: Any) -> UseCase:
    exploration = {"epsilon": 0.2, "new_arm": BUDGET}
    agents = {"type": agent, **AGENTS[agent]}
    return make_use_case(
        **{"agent": agents, "recommender_features": FEATURES, "exploration": exploration, **changes}
    )


@pytest.mark.parametrize(
    ("agent", "few"), of_agents([*((agent, 0) for agent in AGENTS), ("boltzmann", 30), ("lin_ucb", 30)])
)
def test_its_budget_is_in_the_exported_graph(
    agent: str, few: int, arrays: dict[str, Any], transform_output: Any, tmp_path: Path
) -> None:
    import tensorflow as tf

    action = arrays["action"]
    rows = (action != 2) | (np.cumsum(action == 2) <= few)
    model = trained(use_case_of(agent), arrays, transform_output, rows)
    signatures = {name: getattr(model, name) for name in (*POLICIES, EVALUATION)}
    if few:
        # The others' graphs are exported the same way.
        model.save(tmp_path / "model")
        model = tf.saved_model.load(str(tmp_path / "model"))
        signatures = model.signatures
    assert model.training_rows.numpy()[2] == few
    assert model.few_rows.numpy().tolist() == [False, False, True]

    served = call(signatures["serving_policy"], users())
    first = served["recommenders"][:, 0]
    share = np.mean(first == b"c")
    error = np.sqrt(0.06 * 0.94 / USERS)
    assert 0.02 - 4 * error < share < 0.06 + 4 * error
    judged = call(signatures["evaluation"], [{**row, "recommender": "a"} for row in users()])
    stated = judged["serving_probabilities"].astype(float)
    assert ((stated[:, 2] > 0.02 - 1e-6) & (stated[:, 2] < 0.06 + 1e-6)).all()
    place = np.array([[b"a", b"b", b"c"].index(name) for name in first])
    np.testing.assert_allclose(served["propensities"][:, 0], stated[np.arange(USERS), place], atol=1e-6)
    # Drawn as often as stated: chi-square of two degrees of freedom, of which 18.4 is the 99.99% quantile.
    expected, found = stated.sum(axis=0), np.bincount(place, minlength=3)
    assert ((found - expected) ** 2 / expected).sum() < 18.4

    greedy = call(signatures["eval_policy"], users())
    assert not (greedy["recommenders"][:, :2] == b"c").any()
    assert np.all(judged["eval_probabilities"][:, 2] == 0.0)
    chosen = judged["reward_estimates"][:, :2].max(axis=1)
    np.testing.assert_allclose(judged["best_score"][:, 0], chosen, rtol=1e-6)
    # Alone with the user, it is ranked nevertheless.
    alone = call(signatures["serving_policy"], users(50, ["c"]))
    assert set(alone["recommenders"][:, 0]) == {b"c"}
    assert np.all(alone["propensities"][:, 0] == 1.0)


def test_the_budget_also_holds_where_nothing_else_explores(
    arrays: dict[str, Any], transform_output: Any
) -> None:
    """An exploration that costs too much ends, but the new recommender is tried all the same."""
    model = trained(use_case_of("lin_ucb"), arrays, transform_output, arrays["action"] != 2)
    model.exploration_rate.assign(0.0)
    served = call(model.serving_policy, users())
    new = served["recommenders"][:, 0] == b"c"
    assert np.mean(new) == pytest.approx(0.02, abs=0.008)
    np.testing.assert_allclose(served["propensities"][new, 0], 0.02, rtol=1e-6)


def test_rows_of_earlier_trainings_count_with_a_warm_start(
    arrays: dict[str, Any], transform_output: Any, tmp_path: Path
) -> None:
    from components.trainer.warm_start import WarmStartState

    use_case = use_case_of("lin_ucb")
    trained(use_case, arrays, transform_output, slice(None)).save(tmp_path / "model")
    state = WarmStartState.load(str(tmp_path / "model"))
    assert state is not None
    assert state.rows == tuple(np.bincount(arrays["action"]).tolist())
    without = arrays["action"] != 2
    again = trained(use_case, arrays, transform_output, without, warm_start=state)
    assert again.few_rows.numpy().tolist() == [False] * 3
    assert again.training_rows.numpy()[2] == state.rows[2]
    cold = trained(use_case, arrays, transform_output, without)
    assert cold.few_rows.numpy().tolist() == [False, False, True]


def test_a_small_log_needs_fewer_rows() -> None:
    """Half of what the budget or an equal share gives there; else no recommender would ever have enough."""
    arm = NewArm(until_rows=500, max_share=0.05)
    assert arm.threshold(64_000, 12) == 500
    assert arm.threshold(4000, 2) == 100
    assert arm.threshold(10_000, 100) == 50
    assert NewArm(until_rows=0).threshold(4000, 2) == 0
