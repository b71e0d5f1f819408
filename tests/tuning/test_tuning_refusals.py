"""Every refusal of the ranges: each names the file, the hyperparameter, what was found and what is
allowed.
"""

from __future__ import annotations

from typing import Any

import pytest

from components.hyperparameters_gen.tuned_set import described, tunable
from newsletter_bandit.errors import SettingsError
from pipelines.tuning.space import check_ranges
from tests.tiny import make_use_case

LIN_UCB = {"type": "lin_ucb"}


def check(ranges: dict[str, Any], **changes: Any) -> None:
    check_ranges(make_use_case(tuning={"ranges": ranges}, **changes), "file.yaml")


def test_ranges_within_the_bounds_are_accepted() -> None:
    check(
        {
            "agent.learning_rate": {"low": 1e-4, "high": 1.0, "log": True},
            "agent.epochs": {"low": 1, "high": 10},
            "agent.weight_decay": {"low": 0, "high": 1},
            "agent.hidden_layers": {"choices": [[8], [64, 32]]},
            "propensity_weighting.enabled": {"choices": [True, False]},
            "propensity_weighting.clip": {"low": 1.0, "high": 10.0},
        }
    )
    check({"agent.l2": {"low": 0.1, "high": 10.0}}, agent=LIN_UCB)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "none": ({}, {}, ["tuning.ranges: none given", "agent.learning_rate: {low:"]),
    "unknown key": (
        {"agent.learning_rat": {"low": 0.1, "high": 0.2}},
        {},
        ["tuning.ranges.agent.learning_rat: no such hyperparameter", "agent.learning_rate"],
    ),
    "unknown section": (
        {"gate.min_rows": {"low": 1, "high": 2}},
        {},
        ["gate.min_rows: no such hyperparameter"],
    ),
    "no section": ({"epochs": {"low": 1, "high": 2}}, {}, ["tuning.ranges.epochs: no such", "agent.epochs"]),
    "of another agent": (
        {"agent.l2": {"low": 1.0, "high": 2.0}},
        {},
        ["agent.l2: no such hyperparameter", "agent.epochs"],
    ),
    "exploration": (
        {"exploration.epsilon": {"low": 0.0, "high": 0.2}},
        {},
        ["exploration.epsilon: changes no reward estimate", "allowed: agent.hidden_layers"],
    ),
    "optimism": (
        {"agent.alpha": {"low": 0.0, "high": 0.2}},
        {"agent": LIN_UCB},
        ["agent.alpha: changes no reward estimate", "allowed: agent.l2"],
    ),
    "batches of a sum": (
        {"agent.batch_size": {"low": 10, "high": 20}},
        {"agent": LIN_UCB},
        ["agent.batch_size: changes no reward estimate"],
    ),
    "type": (
        {"agent.type": {"choices": ["lin_ucb"]}},
        {},
        ["agent.type: the agent is neural_epsilon_greedy, and another has other hyperparameters"],
    ),
    "seed": ({"agent.seed": {"low": 1, "high": 9}}, {}, ["agent.seed: the luckiest seed"]),
    "low": (
        {"agent.learning_rate": {"low": 0.0, "high": 0.1}},
        {},
        ["agent.learning_rate: low: found 0.0; allowed: a number, more than 0"],
    ),
    "high": (
        {"agent.learning_rate": {"low": 0.1, "high": 2.0}},
        {},
        ["agent.learning_rate: high: found 2.0; allowed: a number, more than 0"],
    ),
    "both": (
        {"agent.weight_decay": {"low": -1.0, "high": 11.0}},
        {},
        [
            "weight_decay: low: found -1.0; allowed: a number, at least 0",
            "weight_decay: high: found 11.0",
        ],
    ),
    "choice": (
        {"agent.hidden_layers": {"choices": [[8], [0]]}},
        {},
        ["agent.hidden_layers: choice 2: found [0]; allowed: at least one layer of 1 to 4096 units"],
    ),
    "choice of another kind": (
        {"agent.epochs": {"choices": [3, "many"]}},
        {},
        ['agent.epochs: choice 2: found "many"; allowed: a whole number', '"many"'],
    ),
    "fractions of whole numbers": (
        {"agent.epochs": {"low": 1.5, "high": 3.5}},
        {},
        ["agent.epochs: found low 1.5, high 3.5; allowed: whole numbers"],
    ),
    "bounds of a list": (
        {"agent.hidden_layers": {"low": 8, "high": 64}},
        {},
        ["agent.hidden_layers: low and high are for numbers; use choices"],
    ),
    "bounds of a switch": (
        {"propensity_weighting.enabled": {"low": 0, "high": 1}},
        {},
        ["propensity_weighting.enabled: low and high are for numbers; use choices"],
    ),
    "without effect": (
        {"propensity_weighting.clip": {"low": 1.0, "high": 2.0}},
        {"propensity_weighting": {"enabled": False}},
        ["propensity_weighting.clip: has no effect while propensity_weighting.enabled is false"],
    ),
}


@pytest.mark.parametrize(("ranges", "changes", "words"), REFUSED.values(), ids=REFUSED)
def test_refused_ranges(ranges: dict[str, Any], changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(SettingsError) as refusal:
        check(ranges, **changes)
    text = str(refusal.value)
    for word in words:
        assert word in text
    assert all(line.startswith("file.yaml: tuning.ranges") for line in text.splitlines())


def test_all_that_can_be_searched_has_the_settings_own_value() -> None:
    use_case = make_use_case()
    own = tunable(use_case)
    assert own["agent.epochs"] == 8
    assert own["propensity_weighting.clip"] == use_case.propensity_weighting.clip
    assert not {"agent.type", "agent.seed", "exploration.epsilon"} & set(own)


def test_values_in_a_phrase() -> None:
    values = {"agent.learning_rate": 0.00123456, "agent.hidden_layers": [8], "propensity_weighting.clip": 2}
    assert (
        described(values)
        == "agent.learning_rate 0.001235, agent.hidden_layers [8], propensity_weighting.clip 2"
    )
    assert described({}) == "the settings' own"
