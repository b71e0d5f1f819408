"""What the training table holds of a window: by recommender, by day and by propensity."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsletter_bandit import records
from newsletter_bandit.errors import DataError
from newsletter_bandit.files import files_of, write_text
from newsletter_bandit.records import Fields
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.arms import ArmSummary
from newsletter_bandit.warehouse.loading import Loading
from newsletter_bandit.warehouse.outcomes import missing_of
from newsletter_bandit.warehouse.queries import Warehouse, render_window_query
from newsletter_bandit.warehouse.reading import read

# Lower ends of the bins of propensities, each half of the one before; a last bin holds what is below.
BOUNDS = tuple(2.0**-power for power in range(1, 10))
FILE = "window_log.json"  # in the folder of a step that looked


@dataclass(frozen=True)
class WindowLog:
    """Newsletters of a window.

    Attributes:
      arms: figures of each recommender.
      start: first day.
      days: newsletters of each day from ``start`` on, 0 where there is none.
      propensities: newsletters by propensity: at least `BOUNDS[0]`, of the rest at least `BOUNDS[1]`, and so
        on; the last are below all.
      load: how the table was loaded last; None where that was not noted.
    """

    arms: tuple[ArmSummary, ...]
    start: dt.date
    days: tuple[int, ...]
    propensities: tuple[int, ...]
    load: Loading | None = None

    @property
    def newsletters(self) -> int:
        """All of them."""
        return sum(arm.newsletters for arm in self.arms)

    @property
    def left_out(self) -> int:
        """Further newsletters of which an outcome of the reward is not known."""
        return sum(arm.unknown for arm in self.arms)

    @property
    def left_out_share(self) -> float:
        """Their share of all that were sent in the window, in [0, 1]."""
        return self.left_out / (self.left_out + self.newsletters) if self.left_out else 0.0

    @property
    def missing(self) -> dict[str, int]:
        """Of how many newsletters an outcome of the reward is not known, the outcome with most first."""
        return missing_of(self.arms)

    @property
    def empty_days(self) -> tuple[dt.date, ...]:
        """Days without a newsletter between the first and the last that have one."""
        sent = [index for index, newsletters in enumerate(self.days) if newsletters]
        between = range(sent[0], sent[-1]) if sent else ()
        return tuple(self.start + dt.timedelta(days=index) for index in between if not self.days[index])

    @classmethod
    def of(cls, fields: Fields) -> WindowLog:
        """The log that fields hold, as `body` gives them; raises `DataError` for a fault."""
        rates = [field.name for field in dataclasses.fields(ArmSummary)][2:-2]
        try:
            start = dt.date.fromisoformat(fields.text("start"))
        except ValueError as error:
            raise DataError(f"{fields.source}: start: {error}; allowed: a day, YYYY-MM-DD") from None
        return cls(
            arms=tuple(
                ArmSummary(
                    one.text("recommender"),
                    one.whole("newsletters"),
                    **{name: one.figure(name) for name in rates},
                    unknown=one.whole("unknown") if "unknown" in one else 0,
                    missing=_wholes(one.object("missing")) if "missing" in one else {},
                )
                for one in fields.objects("arms")
            ),
            start=start,
            days=fields.wholes("days"),
            propensities=fields.wholes("propensities"),
            load=fields.optional("load", lambda name: Loading.of(fields.object(name))),
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {
            "arms": [dataclasses.asdict(arm) for arm in self.arms],
            "start": self.start.isoformat(),
            "days": list(self.days),
            "propensities": list(self.propensities),
            "load": None if self.load is None else self.load.body(),
        }


def _wholes(fields: Fields) -> dict[str, int]:
    return {name: fields.whole(name) for name in fields.content}


def window_log(
    warehouse: Warehouse,
    use_case: UseCase,
    window: tuple[dt.date, dt.date],
    arms: tuple[ArmSummary, ...],
    load: Loading | None = None,
    configs: Path | None = None,
) -> WindowLog:
    """Runs window.sql.

    Args:
      warehouse: where the training table is.
      use_case: names it.
      window: first day, and day after the last.
      arms: of the same window.
      load: how the table was loaded last; None where that was not noted.
      configs: see `render_training_query`.

    Raises:
      UserError: the warehouse or the table is missing; see `read`.
    """
    start, end = window
    days, bins = [0] * (end - start).days, [0] * (len(BOUNDS) + 1)
    for batch in read(warehouse, render_window_query(use_case, warehouse, start, end, BOUNDS, configs)):
        for row in batch.to_pylist():
            days[(row["day"] - start).days] += row["newsletters"]
            bins[row["bin"]] += row["newsletters"]
    return WindowLog(arms, start, tuple(days), tuple(bins), load)


def keep(folder: str, log: WindowLog) -> None:
    """Writes a log into a step's folder, on this machine or in a bucket."""
    write_text(os.path.join(folder, FILE), records.to_json(log.body()))


def kept(folder: str) -> WindowLog | None:
    """The log in a step's folder; None if there is none, as where an earlier version ran the step. Raises
    `DataError` if it is damaged.
    """
    path = os.path.join(folder, FILE)
    return WindowLog.of(records.read(path)) if files_of(path).exists(path) else None
