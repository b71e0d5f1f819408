"""The vectorised pass reaches the state of TF-Agents' own training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from newsletter_bandit.settings.agents import LinTS, LinUCB
from tests.tiny import Prepared
from tests.trainer.linear_tasks import make_task


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["lin_ucb", "lin_ts"])
def test_state_equals_that_of_agent_train(prepared: Prepared, kind: str, weighted: bool) -> None:
    import tensorflow as tf

    from components.trainer.agents import lin_ts, lin_ucb, linear, linear_state, specs
    from components.trainer.data import WEIGHT

    settings: Any
    if kind == "lin_ucb":
        make_agent, settings = lin_ucb.make_agent, LinUCB(type="lin_ucb", alpha=0.7, l2=2.0)
    else:
        make_agent, settings = lin_ts.make_agent, LinTS(type="lin_ts", alpha=0.7, l2=2.0)
    task = make_task(prepared, settings, weighted)
    ours, theirs = make_agent(settings, task.data), make_agent(settings, task.data)
    totals = linear.fit(ours, task, batch_size=700)

    (batch,) = task.data.batches(len(prepared.rows))
    observation = linear.context(batch, task.data.vocabulary_sizes)
    weights = batch[WEIGHT] / tf.reduce_mean(batch[WEIGHT])
    theirs.train(specs.as_trajectory(batch, observation), weights=weights)

    for name in ("cov_matrix", "data_vector", "num_samples"):
        for mine, reference in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(mine.numpy(), reference.numpy(), rtol=1e-6, atol=1e-6, err_msg=name)
    assert totals.rows.sum() == len(prepared.rows)
    # TF-Agents solves by conjugate gradient, we exactly.
    np.testing.assert_allclose(linear_state.theta(ours), theirs.theta.numpy(), atol=1e-4)


def by_hand() -> Any:
    """One recommender; its context is one string with a vocabulary of one, so (1, 1): index 0 and the
    constant.

    With l2 = 1: A + l2 I = diag(6, 3) and b = (7, 3).
    """
    from components.trainer.agents.linear import Sums

    return Sums(np.array([[[5.0, 0.0], [0.0, 2.0]]]), np.array([[7.0, 3.0]]), np.array([5.0]))


def test_estimates_and_optimism_are_the_closed_form() -> None:
    import tensorflow as tf

    from components.trainer.agents.lin_ucb import _OptimisticModel
    from components.transform.layout import CATEGORICAL

    model = _OptimisticModel(by_hand(), LinUCB(type="lin_ucb", alpha=2.0, l2=1.0), (1,))
    features = {CATEGORICAL: tf.constant([[0]], tf.int64)}
    assert model.estimates(features).numpy().item() == pytest.approx(7 / 6 + 1)
    assert model.optimistic(features).numpy().item() == pytest.approx(7 / 6 + 1 + 2 * np.sqrt(1 / 6 + 1 / 3))


def test_posterior_draws_have_the_closed_forms_mean_and_spread() -> None:
    import tensorflow as tf

    from components.trainer.agents.lin_ts import _PosteriorModel
    from components.transform.layout import CATEGORICAL

    settings = LinTS(type="lin_ts", alpha=2.0, l2=1.0, samples=4000, seed=3)
    model = _PosteriorModel(by_hand(), settings, (1,))
    x = model.context({CATEGORICAL: tf.constant([[0]], tf.int64)}).numpy()[0]
    scores = model._draws.numpy()[:, 0] @ x
    spread = 2 * np.sqrt(1 / 6 + 1 / 3)
    assert scores.mean() == pytest.approx(7 / 6 + 1, abs=4.5 * spread / np.sqrt(4000))
    # Standard error of a standard deviation: sd / sqrt(2 n).
    assert scores.std() == pytest.approx(spread, rel=4.5 / np.sqrt(2 * 4000))


def test_a_warm_start_adds_the_decayed_earlier_sums(prepared: Prepared) -> None:
    from dataclasses import replace

    from components.trainer.agents import lin_ucb, linear
    from components.trainer.warm_start import Names, WarmStartState

    settings = LinUCB(type="lin_ucb")
    cold = make_task(prepared, settings, False)
    first = linear.fit(lin_ucb.make_agent(settings, cold.data), cold, 1000)
    state = WarmStartState(cold.names, "lin_ucb", {"a": first.a, "b": first.b, "rows": first.rows})
    warm = linear.fit(lin_ucb.make_agent(settings, cold.data), replace(cold, warm_start=state), 1000)
    decay = cold.use_case.warm_start.decay
    np.testing.assert_allclose(warm.a, (1 + decay) * first.a)
    np.testing.assert_allclose(warm.rows, (1 + decay) * first.rows)

    # The earlier model knew the recommenders in another order, and one of them not at all.
    turned = Names(("c", "a"), cold.names.numeric, cold.names.vocabularies)
    order = [2, 0]
    state = WarmStartState(turned, "lin_ucb", {k: v[order] for k, v in state.arrays.items()})
    warm = linear.fit(lin_ucb.make_agent(settings, cold.data), replace(cold, warm_start=state), 1000)
    np.testing.assert_allclose(warm.b, np.array([1 + decay, 1, 1 + decay])[:, None] * first.b)
