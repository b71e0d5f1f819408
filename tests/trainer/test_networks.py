"""Several networks under one agent: their mean is the estimate, and each goes on from its own weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsletter_bandit.settings.use_case import UseCase
from tests.tiny import make_use_case
from tests.trainer.fitted import call, trained, users

NETWORK = {"hidden_layers": [8], "batch_size": 256, "epochs": 2, "learning_rate": 0.01}


def of(networks: int, agent: str = "boltzmann") -> UseCase:
    return make_use_case(agent={"type": agent, **NETWORK, "networks": networks}, warm_start={"enabled": True})


@pytest.mark.parametrize("agent", ["boltzmann", "neural_epsilon_greedy"])
def test_the_mean_of_the_networks_is_the_estimate(
    arrays: dict[str, Any], transform_output: Any, tmp_path: Path, agent: str
) -> None:
    import tensorflow as tf

    logged: list[str] = []
    alone = trained(of(1, agent), arrays, transform_output, slice(None))
    two = trained(
        of(2, agent),
        arrays,
        transform_output,
        slice(None),
        log=lambda name, _value, _step: logged.append(name),
    )
    one, other = two._reward_model._networks
    two.save(tmp_path)
    alike = {key: tf.constant(arrays[key][:30]) for key in ("numeric", "categorical") if key in arrays}
    first, second = (network(alike)[0].numpy() for network in (one, other))
    assert np.abs(first - second).max() > 1e-3
    mean = two._reward_model.estimates(alike).numpy()
    np.testing.assert_allclose(mean, (first + second) / 2, atol=1e-6)
    # The first of them is the network that is alone otherwise.
    np.testing.assert_allclose(first, alone._reward_model.estimates(alike).numpy(), atol=1e-6)
    # And the graph that is served holds them all.
    asked = users(30)
    served = call(tf.saved_model.load(str(tmp_path)).signatures["evaluation"], asked)
    np.testing.assert_allclose(
        served["reward_estimates"], call(two.evaluation, asked)["reward_estimates"], atol=1e-6
    )
    assert set(logged) == {"loss", "network_1/loss"}


def test_each_network_goes_on_from_its_own(arrays: dict[str, Any], transform_output: Any) -> None:
    first = trained(of(2), arrays, transform_output, slice(1000))
    names = set(first.warm_start.arrays)
    own = {name for name in names if not name.startswith("network_1/")}
    assert names == own | {f"network_1/{name}" for name in own}
    # With a step so small that nothing moves, each ends where it began.
    still = of(2).model_copy(
        update={"agent": of(2).agent.model_copy(update={"learning_rate": 1e-6, "weight_decay": 0.0})}
    )
    again = trained(still, arrays, transform_output, slice(1000), warm_start=first.warm_start)
    for name in names:
        np.testing.assert_allclose(again.warm_start.arrays[name], first.warm_start.arrays[name], atol=1e-4)
    # From a model with one network, the second begins from scratch.
    fewer = trained(of(1), arrays, transform_output, slice(1000))
    more = trained(still, arrays, transform_output, slice(1000), warm_start=fewer.warm_start)
    kernel = "dense/0/kernel"
    np.testing.assert_allclose(more.warm_start.arrays[kernel], fewer.warm_start.arrays[kernel], atol=1e-4)
    assert (
        np.abs(more.warm_start.arrays[f"network_1/{kernel}"] - fewer.warm_start.arrays[kernel]).max() > 0.01
    )
