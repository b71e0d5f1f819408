"""The vectorised pass reaches the state of TF-Agents' own training."""

from __future__ import annotations

import numpy as np
import pytest
from tiny import Prepared

from pipelines.agent_settings import LinUCB, PropensityWeighting


@pytest.mark.parametrize("weighted", [False, True])
def test_state_equals_that_of_agent_train(prepared: Prepared, weighted: bool) -> None:
    import tensorflow as tf
    import tensorflow_transform as tft

    from components.trainer.agents import lin_ucb, specs
    from components.trainer.data import WEIGHT, TrainingData
    from components.transform.layout import Layout, vocabulary_name

    layout = Layout.of(prepared.use_case)
    output = tft.TFTransformOutput(prepared.transform_output)
    data = TrainingData(
        prepared.files,
        layout,
        tuple(output.vocabulary_size_by_name(vocabulary_name(n)) + 1 for n in layout.categorical_features),
        PropensityWeighting(enabled=weighted, clip=5.0),
    )
    settings = LinUCB(type="lin_ucb", alpha=0.7, l2=2.0)
    ours, theirs = lin_ucb.make_agent(settings, data), lin_ucb.make_agent(settings, data)
    lin_ucb.fit(ours, data, batch_size=700)

    (batch,) = data.batches(len(prepared.rows))
    observation = lin_ucb.context(batch, data.vocabulary_sizes)
    weights = batch[WEIGHT] / tf.reduce_mean(batch[WEIGHT])
    theirs.train(specs.as_trajectory(observation, batch), weights=weights)

    for name in ("cov_matrix", "data_vector", "num_samples"):
        for mine, reference in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(mine.numpy(), reference.numpy(), rtol=1e-6, atol=1e-6, err_msg=name)
    assert sum(float(count) for count in ours.num_samples) == len(prepared.rows)
    # TF-Agents solves by conjugate gradient, we exactly.
    np.testing.assert_allclose(ours._theta.numpy(), theirs.theta.numpy(), atol=1e-4)


def test_estimates_and_optimism_are_the_policys_closed_form(prepared: Prepared) -> None:
    """One recommender, one feature, by hand: A = 1 + 4 + l2 = 6, b = 1 * 1 + 2 * 3 = 7."""
    import tensorflow as tf

    from components.trainer.agents.lin_ucb import _LinearModel
    from components.transform.layout import CATEGORICAL

    # A context of one string with a vocabulary of one is (1, 1): index 0 and the constant.
    a = np.array([[[6.0, 0.0], [0.0, 3.0]]])
    b = np.array([[7.0, 3.0]])
    theta = np.linalg.solve(a, b[..., None])[..., 0]
    model = _LinearModel(theta, np.linalg.inv(a), alpha=2.0, vocabulary_sizes=(1,))
    features = {CATEGORICAL: tf.constant([[0]], tf.int64)}
    assert float(model.estimates(features)) == pytest.approx(7 / 6 + 1)
    assert float(model.preference(features)) == pytest.approx(7 / 6 + 1 + 2 * np.sqrt(1 / 6 + 1 / 3))
