"""Trainings that do not learn are refused; those that do, or start where another ended, are not."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.trainer.learning import NotLearntError, check_losses
from newsletter_bandit.errors import DataError
from tests.each_agent import of_agents
from tests.tiny import make_use_case
from tests.trainer.fitted import trained

ROOT = Path(__file__).parents[2]
NETWORK = {"hidden_layers": [16], "batch_size": 64, "epochs": 6}


@pytest.mark.parametrize(
    ("first", "last", "constant", "learnt"),
    [
        (0.60, 0.09, 0.09, True),  # from scratch
        (0.09, 0.091, 0.09, True),  # a warm start, and noise
        (0.60, 0.30, 0.09, True),  # on its way
        (0.60, 0.59, 0.09, False),  # stuck
        (0.60, 0.70, 0.09, False),  # diverging
        (0.60, math.nan, 0.09, False),
        (math.inf, math.inf, 0.09, False),
    ],
)
def test_losses(first: float, last: float, constant: float, learnt: bool) -> None:
    if learnt:
        check_losses(first, last, constant)
    else:
        with pytest.raises(NotLearntError, match="the network did not learn: its loss was"):
            check_losses(first, last, constant)


@pytest.mark.parametrize("agent", of_agents(["boltzmann", "neural_lin_ucb"]))
def test_a_learning_rate_that_moves_nothing_or_too_much_is_refused(
    agent: str, arrays: dict[str, Any], transform_output: Any
) -> None:
    for rate in (1e-30, 1e-7):
        use_case = make_use_case(agent={"type": agent, **NETWORK, "learning_rate": rate, "weight_decay": 0})
        with pytest.raises(DataError, match="the network did not learn"):
            trained(use_case, arrays, transform_output, slice(None))


@pytest.mark.parametrize("agent", of_agents(["boltzmann", "neural_lin_ucb", "recommender_features"]))
def test_noise_and_a_warm_start_are_no_reason(
    agent: str, arrays: dict[str, Any], transform_output: Any, tmp_path: Path
) -> None:
    """Rewards that no feature explains: the loss ends where a constant's is."""
    from components.trainer.warm_start import WarmStartState

    noise = {**arrays, "reward": np.random.default_rng(1).binomial(1, 0.03, 3000).astype(np.float32)}
    features = {name: {"like": i} for i, name in enumerate("abc")}
    use_case = make_use_case(agent={"type": agent, **NETWORK}, recommender_features=features)
    trained(use_case, noise, transform_output, slice(None)).warm_start.save(str(tmp_path))
    state = WarmStartState.load(str(tmp_path))
    trained(use_case, noise, transform_output, slice(None), warm_start=state)


PROGRAM = """
{imports}
from components.trainer.learning import require_keras_2
require_keras_2()
print("ready")
"""


def ran(imports: str) -> subprocess.CompletedProcess[str]:
    """A process without the variable; the package is imported first, or TensorFlow."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(imports=imports)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_right_keras_is_chosen_or_the_wrong_one_refused() -> None:
    assert ran("import components").stdout == "ready\n"
    late = ran("import tensorflow as tf; tf.keras.Model")
    assert late.returncode == 1
    assert "TF_USE_LEGACY_KERAS: TensorFlow was imported with Keras 3" in late.stderr
