"""The dictionary between HyperparametersGen and the Trainer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.hyperparameters_gen.hyperparameters import hyperparameters, parse, to_json
from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.agents import LinUCB, NeuralEpsilonGreedy
from tests.tiny import make_use_case


def test_the_dictionary_holds_the_use_cases_settings_and_survives_its_file() -> None:
    use_case = make_use_case(reward={"click": 2.0, "unsubscribe": -3.0})
    values = json.loads(to_json(hyperparameters(use_case)))
    assert set(values) == {"agent", "propensity_weighting", "exploration", "reward_bounds"}
    typed = parse(values)
    assert typed.agent == use_case.agent
    assert typed.propensity_weighting == use_case.propensity_weighting
    assert typed.exploration == use_case.exploration
    assert typed.reward_bounds == (-3.0, 2.0)


def test_an_override_changes_what_it_names_only() -> None:
    use_case = make_use_case()
    typed = parse(
        hyperparameters(use_case, {"agent": {"learning_rate": 0.5}, "exploration": {"epsilon": 0.0}})
    )
    assert isinstance(typed.agent, NeuralEpsilonGreedy)
    assert typed.agent == use_case.agent.model_copy(update={"learning_rate": 0.5})
    assert typed.exploration == use_case.exploration.model_copy(update={"epsilon": 0.0})


def test_an_agent_of_another_type_takes_nothing_over() -> None:
    typed = parse(hyperparameters(make_use_case(), {"agent": {"type": "lin_ucb", "alpha": 0.1}}))
    assert typed.agent == LinUCB(type="lin_ucb", alpha=0.1)


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"agents": {}}, "agents"),
        ({"reward_bounds": [0, 1]}, "reward_bounds"),
        ({"agent": 3}, "agent"),
        ({"agent": {"learning_rate": -1}}, "learning_rate"),
        ({"agent": {"alpha": 1}}, "alpha"),
        ({"exploration": {"epsilon": 2}}, "epsilon"),
    ],
)
def test_an_override_that_means_nothing_is_refused(overrides: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        hyperparameters(make_use_case(), overrides)


@pytest.mark.parametrize("missing", ["agent", "exploration", "reward_bounds"])
def test_a_missing_section_is_refused(missing: str) -> None:
    values = hyperparameters(make_use_case())
    del values[missing]
    with pytest.raises(SettingsError, match=f"{missing}: Field required"):
        parse(values)
