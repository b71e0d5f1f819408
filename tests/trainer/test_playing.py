"""This project's agents on TF-Agents' environments."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.reading import load_agent, load_use_case
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation.world import World

CONFIGS = Path(__file__).parents[2] / "configs"
ARMS = 3


def use_case(agent: str, recommenders: tuple[str, ...]) -> UseCase:
    made = load_agent(CONFIGS / "agents", agent, load_use_case(CONFIGS / "newsletter.yaml"))
    return made.model_copy(update={"recommenders": recommenders})


def one_best_arm_each() -> Any:
    """Users of three kinds; the arm of a user's kind earns 1, the others nothing."""
    from tf_agents.bandits.environments import bandit_py_environment
    from tf_agents.specs import array_spec

    class Environment(bandit_py_environment.BanditPyEnvironment):
        batched, batch_size = True, 300

        def __init__(self) -> None:
            self._rng = np.random.default_rng(1)
            self.kind = self.rewarded = np.zeros(0, np.int64)
            super().__init__(
                array_spec.ArraySpec((ARMS,), np.float32),
                array_spec.BoundedArraySpec((), np.int32, 0, ARMS - 1),
            )

        def _observe(self) -> Any:
            self.kind = self._rng.integers(0, ARMS, self.batch_size)
            return np.eye(ARMS, dtype=np.float32)[self.kind]

        def _apply_action(self, action: Any) -> Any:
            self.rewarded = self.kind
            return (action == self.kind).astype(np.float32)

    return Environment()


def test_an_agent_learns_from_all_that_happened() -> None:
    from components.trainer.playing import play

    environment = one_best_arm_each()
    settings = use_case("lin_ucb", ("a", "b", "c"))
    curves = play(
        environment, settings, lambda _: np.ones(300), lambda _: environment.rewarded, 6, retrain_every=3
    )
    # Uniform until the training, then the best arm but for epsilon.
    assert curves.suboptimal_arms[:3].mean() == pytest.approx(2 / 3, abs=0.05)
    assert curves.suboptimal_arms[3:].mean() == pytest.approx(settings.exploration.epsilon * 2 / 3, abs=0.02)
    np.testing.assert_allclose(curves.regret, curves.suboptimal_arms)


def test_only_eligible_recommenders_are_served() -> None:
    from components.trainer.agents.environment import NewsletterEnvironment
    from components.trainer.playing import play

    world = World(3, 1_000, dt.date(2026, 4, 6))
    environment = NewsletterEnvironment(world, 500)
    settings = use_case("lin_ts", world.recommenders)
    # The environment refuses whatever a user may not be sent.
    curves = play(environment, settings, environment.oracle_reward, environment.oracle_action, 3, 1)
    assert curves.suboptimal_arms.shape == (3,)
    assert 0 < curves.suboptimal_arms.mean() < 1


def test_what_does_not_fit_the_environment_is_refused() -> None:
    from components.trainer.playing import play

    environment = one_best_arm_each()
    with pytest.raises(SettingsError, match="found 2 recommenders in use case newsletter; allowed: 3"):
        play(environment, use_case("lin_ucb", ("a", "b")), np.ones, np.ones, 3, 1)
    with pytest.raises(SettingsError, match="retrain_every 0"):
        play(environment, use_case("lin_ucb", ("a", "b", "c")), np.ones, np.ones, 3, 0)
