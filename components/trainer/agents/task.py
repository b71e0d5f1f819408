"""The task of an agent: the data and settings that it learns from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from components.trainer.data import TrainingData
from components.trainer.distribution import Workers
from components.trainer.warm_start import Names, WarmStartState
from newsletter_bandit.settings.use_case import UseCase

# (name, value, step) of a figure for TensorBoard.
Log = Callable[[str, float, int], None]


@dataclass(frozen=True)
class Task:
    """One training.

    Attributes:
      use_case: the use case; its `agent` holds the agent's own settings.
      data: the training split.
      names: meaning of the indices in the data.
      log: called with each figure that the agent measures.
      warm_start: state of an earlier agent of the same type; None starts from scratch.
      workers: the workers that train together; `data` is then this one's share.
    """

    use_case: UseCase
    data: TrainingData
    names: Names
    log: Log
    warm_start: WarmStartState | None = None
    workers: Workers = field(default_factory=Workers)
