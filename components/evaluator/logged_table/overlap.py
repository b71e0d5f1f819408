"""For each action, how often the log and the evaluation policy take it, and how well the one supports the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.evaluator.estimators import LoggedBatch
from components.evaluator.estimators.diagnostics import Weights
from components.evaluator.logged_table.arrays import coded
from components.evaluator.logged_table.figures import take
from components.evaluator.logged_table.reading import Rows


@dataclass(frozen=True)
class ActionFigures:
    """One action.

    Attributes:
      action: its name.
      rows: logged rows that took it.
      logged_share: share of the log.
      evaluation_share: how often the evaluation policy takes it: exact where its whole distribution is known, else
        estimated by importance weights, which can tell nothing of actions that were never logged.
      effective_sample_size: of the weights of its rows.
    """

    action: str
    rows: int
    logged_share: float
    evaluation_share: float
    effective_sample_size: float


class ActionOverlap:
    """Running sums for each action; past ``limit`` of them it gives up and holds none.

    Args:
      weight_clip: largest weight used.
      limit: most actions.
    """

    def __init__(self, weight_clip: float | None, limit: int = 10_000) -> None:
        self._clip = weight_clip
        self._limit = limit
        self._weights: dict[str, Weights] = {}
        self._chosen: dict[str, float] = {}
        self._rows = 0
        self.exact = False
        self.gave_up = False

    def add(self, rows: Rows, batch: LoggedBatch) -> None:
        """Adds logged rows; ``batch`` holds the same rows in the same order."""
        self._rows += len(rows)
        if self.gave_up:
            return
        for action, index in groups(rows.texts["action"]):
            weights = self._weights.setdefault(str(action), Weights(self._clip))
            weights.add(take(batch, index))
        if rows.actions:
            self._choose(dict(zip(rows.actions, rows.evaluation_propensities.sum(axis=0), strict=True)))
        elif "evaluation_action" in rows.texts:
            self._choose({str(a): float(len(index)) for a, index in groups(rows.texts["evaluation_action"])})
        self.gave_up = len(self._weights.keys() | self._chosen.keys()) > self._limit

    def figures(self) -> tuple[ActionFigures, ...]:
        """Every action, those the evaluation policy takes most first; empty where it gave up."""
        if self.gave_up or not self._rows:
            return ()
        found = []
        for action in self._weights.keys() | self._chosen.keys():
            weights = self._weights.get(action, Weights(self._clip))
            weighted = weights.mean * weights.n / self._rows if weights.n else 0.0
            found.append(
                ActionFigures(
                    action=action,
                    rows=weights.n,
                    logged_share=weights.n / self._rows,
                    evaluation_share=self._chosen.get(action, 0.0) / self._rows if self.exact else weighted,
                    effective_sample_size=weights.effective_sample_size,
                )
            )
        return tuple(sorted(found, key=lambda each: (-each.evaluation_share, -each.rows, each.action)))

    def _choose(self, chosen: dict[str, float]) -> None:
        self.exact = True
        for action, times in chosen.items():
            self._chosen[action] = self._chosen.get(action, 0.0) + float(times)


def groups(values: pa.Array) -> list[tuple[str | None, npt.NDArray[np.int64]]]:
    """Each different value with the rows that hold it, int64 [m]; null is a value."""
    codes, names = coded(values)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
    return [(name, order[bounds[code] : bounds[code + 1]]) for code, name in enumerate(names)]
