"""Overlap per action: how often the log and the evaluation policy take it, and the log's support."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from newsletter_bandit.off_policy.estimators import LoggedBatch
from newsletter_bandit.off_policy.logged_table.arrays import coded
from newsletter_bandit.off_policy.logged_table.reading import Rows

_NOTHING = np.zeros(5)


@dataclass(frozen=True)
class ActionFigures:
    """Figures of one action.

    Attributes:
      action: name of the action.
      rows: logged rows that took it.
      logged_share: share of the log.
      evaluation_share: how often the evaluation policy takes it. It is exact if the whole distribution is
        known; otherwise importance weights estimate it, which say nothing about actions that were never
        logged.
      effective_sample_size: effective sample size of the weights of its rows.
      sample_ratio: its rows, each weighted by 1 / propensity, over all rows: at most 1, up to chance, if the
        propensities are right, and less where it could not always be taken.
      sample_ratio_distance: distance of that from 1 in standard errors.
    """

    action: str
    rows: int
    logged_share: float
    evaluation_share: float
    effective_sample_size: float
    sample_ratio: float
    sample_ratio_distance: float


class ActionOverlap:
    """Running sums for each action; above ``limit`` actions it gives up and holds none.

    Args:
      weight_clip: largest weight used.
      limit: most actions.
    """

    def __init__(self, weight_clip: float | None, limit: int = 10_000) -> None:
        self._clip = weight_clip
        self._limit = limit
        # Rows, and the sums of their weights, of 1 / propensity, and of the squares of both.
        self._sums: dict[str, npt.NDArray[np.float64]] = {}
        self._chosen: dict[str, float] = {}
        self._rows = 0
        self._largest = 0.0
        self.exact = False
        self.gave_up = False

    def add(self, rows: Rows, batch: LoggedBatch) -> None:
        """Adds logged rows; ``batch`` holds the same rows in the same order."""
        self._rows += len(rows)
        if self.gave_up:
            return
        codes, names = coded(rows.texts["action"])
        weights = batch.weights(self._clip)
        inverse = 1.0 / batch.propensity
        self._largest = max(self._largest, float(inverse.max(initial=0.0)))
        sums = [
            np.bincount(codes, each, minlength=len(names))
            for each in (None, weights, weights**2, inverse, inverse**2)
        ]
        for action, *seen in zip(names, *sums, strict=True):
            self._sums[str(action)] = self._sums.get(str(action), _NOTHING) + seen
        if rows.actions:
            self._choose(dict(zip(rows.actions, rows.evaluation_probabilities.sum(axis=0), strict=True)))
        elif "evaluation_action" in rows.texts:
            codes, names = coded(rows.texts["evaluation_action"])
            self._choose(dict(zip(map(str, names), np.bincount(codes, minlength=len(names)), strict=True)))
        self.gave_up = len(self._sums.keys() | self._chosen.keys()) > self._limit

    def figures(self) -> tuple[ActionFigures, ...]:
        """Every action, those that the evaluation policy takes most first; empty if it gave up."""
        if self.gave_up or not self._rows:
            return ()
        found = []
        for action in self._sums.keys() | self._chosen.keys():
            n, weight, squares, inverse, inverse_squares = map(float, self._sums.get(action, _NOTHING))
            # As in `newsletter_bandit.off_policy.sample_ratio`.
            spread = inverse_squares * max(self._rows / inverse, 1.0) + self._largest**2 if n else math.nan
            taken = self._chosen.get(action, 0.0) if self.exact else weight
            found.append(
                ActionFigures(
                    action=action,
                    rows=int(n),
                    logged_share=n / self._rows,
                    evaluation_share=taken / self._rows,
                    effective_sample_size=weight**2 / squares if squares else 0.0,
                    sample_ratio=inverse / self._rows if n else math.nan,
                    sample_ratio_distance=(inverse - self._rows) / math.sqrt(spread) if n else math.nan,
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
    if len(names) <= np.iinfo(np.uint16).max:
        # NumPy sorts numbers this short by their digits.
        codes = codes.astype(np.uint16)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
    return [(name, order[bounds[code] : bounds[code + 1]]) for code, name in enumerate(names)]
