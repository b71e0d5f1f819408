"""How new the tables are: the newest newsletter, and the day whose users there are; one small query each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from newsletter_bandit.settings.environment import DuckDBWarehouse
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.queries import Warehouse, table_name
from newsletter_bandit.warehouse.tables.engines import Engine, open_engine
from newsletter_bandit.warehouse.tables.literals import date_literal, midnight_literal

_COMMAND = "check-age"  # label of BigQuery's jobs
# The table that a run reads -> the raw one that it is built from.
_SOURCE = {"training": "sends", "inference": "users"}


@dataclass(frozen=True)
class Newest:
    """The newest day of a table that a run reads, and of the raw one that it is built from.

    Attributes:
      table, source: their names.
      exists: there is such a table.
      dated: it has a column that names the day, which an inference table may lack.
      day: of its newest row; None if it has none, or names none.
      source_day: the same of the raw table; None without one, and where it was not looked at.
    """

    table: str
    source: str
    exists: bool
    dated: bool
    day: dt.date | None
    source_day: dt.date | None

    @property
    def newest(self) -> dt.date | None:
        """The later of the two days."""
        return max(filter(None, (self.day, self.source_day)), default=None)


def newest(
    warehouse: Warehouse,
    use_case: UseCase,
    table: Literal["training", "inference"],
    today: dt.date,
    enough: dt.date,
) -> Newest:
    """The newest newsletter that is trained on, or the newest day of the users who are predicted for.

    Each query reads one column. With BigQuery the raw table costs a part of it, and nothing where the other
    one is new enough.

    Args:
      warehouse, use_case: where the tables are, and their names.
      table: `training` for newsletters, `inference` for users.
      today: later days do not count.
      enough: the raw table is looked at only if the newest day of the other one is before this.

    Raises:
      UserError: the warehouse cannot be read.
    """
    name, source = use_case.table_name(table), use_case.table_name(_SOURCE[table])
    with reading(warehouse, use_case) as engine:
        if engine is None:
            return Newest(name, source, False, False, None, None)
        exists, dated = engine.columns(name) is not None, has_column(engine, name, _column(table))
        day = _newest(engine, table, table_name(name, warehouse), None, today) if dated else None
        source_day = None
        if dated == exists and (day is None or day < enough) and has_column(engine, source, _column(table)):
            source_day = _newest(engine, table, table_name(source, warehouse), day, today)
    return Newest(name, source, exists, dated, day, source_day)


@contextmanager
def reading(warehouse: Warehouse, use_case: UseCase) -> Iterator[Engine | None]:
    """The warehouse's engine; None where there is no such file."""
    if isinstance(warehouse, DuckDBWarehouse) and not Path(warehouse.path).exists():
        yield None
        return
    with open_engine(warehouse, use_case.name, _COMMAND, read_only=True) as engine:
        yield engine


def has_column(engine: Engine, table: str, column: str) -> bool:
    """Whether there is such a table, with such a column."""
    return column in {name.lower() for name in engine.columns(table) or {}}


def day_of(engine: Engine, query: str) -> dt.date | None:
    """The value `day` of the one row of a query."""
    (row,) = engine.rows(query)
    day: dt.date | None = row["day"]
    return day


def _column(table: str) -> str:
    return "sent_at" if table == "training" else "snapshot_date"


def _newest(engine: Engine, table: str, name: str, after: dt.date | None, today: dt.date) -> dt.date | None:
    """The newest day from ``after``, which spares a table in partitions, to ``today``."""
    literal = midnight_literal if table == "training" else date_literal
    column, tomorrow = _column(table), today + dt.timedelta(days=1)
    found = f"DATE(MAX({column}))" if table == "training" else f"MAX({column})"
    since = "" if after is None else f" AND {column} >= {literal(after)}"
    return day_of(engine, f"SELECT {found} AS day FROM {name} WHERE {column} < {literal(tomorrow)}{since}")
