"""The private parts of TF-Agents that we rely on; a test here fails when one of them changes."""

from __future__ import annotations

from typing import Any

import numpy as np

RECOMMENDERS, WIDTH = 3, 2


def made(l2: float) -> Any:
    import tensorflow as tf
    from tf_agents.bandits.agents import lin_ucb_agent
    from tf_agents.specs import tensor_spec
    from tf_agents.trajectories import time_step

    return lin_ucb_agent.LinearUCBAgent(
        time_step.time_step_spec(tensor_spec.TensorSpec([WIDTH], tf.float32)),
        tensor_spec.BoundedTensorSpec((), tf.int32, 0, RECOMMENDERS - 1),
        alpha=0.0,
        tikhonov_weight=l2,
        dtype=tf.float64,
    )


def totals() -> Any:
    from components.trainer.agents.linear_sums import Sums

    a = np.stack([np.diag([1.0 + k, 3.0]) for k in range(RECOMMENDERS)])
    b = np.array([[2.0, 0.0], [0.0, 5.0], [-6.0, -6.0]])
    return Sums(a, b, np.array([4.0, 5.0, 6.0]))


def test_an_agent_remembers_its_l2() -> None:
    from components.trainer.agents import linear_state

    assert linear_state.l2(made(2.5)) == 2.5, "the ridge would be another one than the agent trains with"


def test_a_written_agent_holds_the_state_and_its_policy_chooses_by_it() -> None:
    import tensorflow as tf
    from tf_agents.trajectories import time_step

    from components.trainer.agents import linear_state

    agent, sums = made(2.0), totals()
    assert linear_state.theta(agent).shape == (RECOMMENDERS, WIDTH)
    linear_state.write(agent, sums)
    expected = [[2 / 3, 0.0], [0.0, 1.0], [-6 / 5, -6 / 5]]
    np.testing.assert_allclose(
        linear_state.theta(agent), expected, err_msg="theta is set, and solved exactly"
    )
    # The library's own solution, from the public parts of the state.
    np.testing.assert_allclose(linear_state.theta(agent), agent.theta.numpy(), atol=1e-6)
    for k in range(RECOMMENDERS):
        np.testing.assert_array_equal(agent.cov_matrix[k].numpy(), sums.a[k])
        np.testing.assert_array_equal(agent.data_vector[k].numpy(), sums.b[k])
        assert agent.num_samples[k].numpy() == sums.rows[k]

    contexts = tf.constant([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    chosen = agent.policy.action(time_step.restart(contexts, batch_size=3)).action.numpy()
    np.testing.assert_array_equal(
        chosen, [0, 1, 2], err_msg="the policy does not read the theta that was set"
    )
