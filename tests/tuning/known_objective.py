"""A search whose objective is known in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newsletter_bandit.settings.agents import TunedRange
from pipelines.tuning.search import Score, Trial, search

RANGES = {
    "agent.learning_rate": TunedRange(low=1e-4, high=1e-1, log=True),
    "agent.epochs": TunedRange(low=1, high=10),
    "agent.hidden_layers": TunedRange(choices=([8], [64, 32])),
}
DEFAULT = {"agent.learning_rate": 1e-4, "agent.epochs": 6, "agent.hidden_layers": (64, 32)}
DEFAULT_VALUE = -4.04


def worth(values: Mapping[str, Any]) -> Score:
    """Best at a learning rate of 0.01 and 4 epochs."""
    tried = {**DEFAULT, **values}
    value = -((math.log10(tried["agent.learning_rate"]) + 2) ** 2) - 0.01 * (tried["agent.epochs"] - 4) ** 2
    return Score(value, 0.1, value - DEFAULT_VALUE, 0.05)


def run(
    storage: Path, objective: Any, trials: int, seed: int = 1, ranges: Any = RANGES, name: str = "n"
) -> list[Trial]:
    """`search` with these ranges and default; ``storage`` is its SQLite file."""
    return search(ranges, DEFAULT, objective, trials, seed, storage, name)
