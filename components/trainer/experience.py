"""The rows that a model learned from, by recommender: what it can know of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.trainer.data import Totals
from components.trainer.warm_start import WarmStartState
from newsletter_bandit.settings.use_case import UseCase


@dataclass(frozen=True)
class Experience:
    """Rows by recommender.

    Attributes:
      rows: rows that showed each recommender, [K]; with a warm start those of the earlier trainings as well,
        in which rows of weeks that windows share count each time.
      window: rows of this training that show a recommender of the use case.
    """

    rows: Sequence[int]
    window: int

    @classmethod
    def of(cls, totals: Totals, use_case: UseCase, earlier: WarmStartState | None = None) -> Experience:
        """Those of the training split, and of the model that the training started from."""
        before = {} if earlier is None else dict(zip(earlier.names.recommenders, earlier.rows, strict=False))
        rows = [
            own + before.get(name, 0)
            for name, own in zip(use_case.recommenders, totals.per_recommender, strict=True)
        ]
        return cls(rows, totals.rows - totals.unknown_recommender)

    def few_rows(self, use_case: UseCase) -> list[bool]:
        """True for each recommender that has a budget instead of its estimate, [K]."""
        known = use_case.exploration.new_arm.threshold(self.window, len(self.rows))
        return [rows < known for rows in self.rows]

    def never_tried(self, use_case: UseCase) -> tuple[str, ...]:
        """Names of the recommenders without a row that may be ranked."""
        return tuple(
            name
            for name, rows in zip(use_case.recommenders, self.rows, strict=True)
            if not rows and name in use_case.offered
        )
