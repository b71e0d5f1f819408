"""The dictionary between HyperparametersGen and the Trainer, and the one merge of what a search found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.hyperparameters_gen.hyperparameters import (
    hyperparameters,
    joined,
    merged,
    to_json,
    without_hyperparameters,
)
from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.agents import NeuralEpsilonGreedy
from tests.tiny import make_use_case


def test_the_dictionary_holds_the_use_cases_settings_and_survives_its_file() -> None:
    use_case = make_use_case(reward={"terms": {"clicked": 2.0, "unsubscribed": -3.0}})
    values = json.loads(to_json(hyperparameters(use_case)))
    assert set(values) == {"agent", "propensity_weighting", "exploration"}
    rest = without_hyperparameters(use_case)
    assert not set(json.loads(rest)) & set(values)
    assert joined(rest, values) == use_case


def test_a_search_changes_what_it_names_only() -> None:
    use_case = make_use_case()
    found = merged(
        use_case,
        {
            "agent.learning_rate": 0.5,
            "agent.hidden_layers": [8, 4],
            "propensity_weighting.clip": 3.0,
            "exploration.epsilon": 0.0,
        },
    )
    assert isinstance(found.agent, NeuralEpsilonGreedy)
    assert found.agent == use_case.agent.model_copy(update={"learning_rate": 0.5, "hidden_layers": (8, 4)})
    assert found.propensity_weighting == use_case.propensity_weighting.model_copy(update={"clip": 3.0})
    assert found.exploration == use_case.exploration.model_copy(update={"epsilon": 0.0})
    assert without_hyperparameters(found) == without_hyperparameters(use_case)


def test_nothing_found_is_the_use_case_itself() -> None:
    use_case = make_use_case()
    assert merged(use_case, {}) is use_case


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"agents.epochs": 1}, r"found agents\.epochs; allowed: SECTION\.KEY"),
        ({"reward.click": 1.0}, r"found reward\.click; allowed: SECTION\.KEY"),
        ({"agent": 3}, "found agent; allowed: SECTION.KEY"),
        ({"agent.learning_rate": -1}, "learning_rate: found -1; allowed: a number, more than 0"),
        ({"agent.alpha": 1}, "alpha: unknown key"),
        ({"exploration.epsilon": 2}, r"exploration\.epsilon: found 2; allowed: a number, at least 0"),
    ],
)
def test_a_value_that_means_nothing_is_refused(values: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        merged(make_use_case(), values)


@pytest.mark.parametrize("missing", ["agent", "exploration", "propensity_weighting"])
def test_a_missing_section_is_refused(missing: str) -> None:
    use_case = make_use_case()
    values = hyperparameters(use_case)
    del values[missing]
    with pytest.raises(SettingsError, match=rf"hyperparameters: found .*; allowed: .*{missing}"):
        joined(without_hyperparameters(use_case), values)


def test_an_unknown_section_is_refused() -> None:
    use_case = make_use_case()
    with pytest.raises(SettingsError, match=r"hyperparameters: found .*reward; allowed: "):
        joined(
            without_hyperparameters(use_case),
            {**hyperparameters(use_case), "reward": {"terms": {"clicked": 9.0}}},
        )
