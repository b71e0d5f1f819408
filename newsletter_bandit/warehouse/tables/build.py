"""Builds the training and inference tables from the raw sources; running it again gives the same tables."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.settings.environment import BigQueryWarehouse
from newsletter_bandit.settings.tables import OPTIONAL_COLUMNS, RAW_COLUMNS
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.outcomes import Outcomes
from newsletter_bandit.warehouse.queries import Warehouse
from newsletter_bandit.warehouse.tables import orphans
from newsletter_bandit.warehouse.tables.engines import Engine, open_engine
from newsletter_bandit.warehouse.tables.report import BuildReport, DryRun, TableReport, days, reasons
from newsletter_bandit.warehouse.tables.sql import Statements

# Fields of `Outcomes` that the counting query gives.
_OUTCOMES = tuple(field.name for field in fields(Outcomes) if field.name not in ("newsletters", "values"))


@dataclass(frozen=True)
class Plan:
    """The rows to build.

    Attributes:
      start, end: training rows are those sent from ``start`` to before ``end``, midnight UTC.
      run_date: the inference table is refilled for this day; None leaves it alone.
      campaign: campaign of the inference rows; by default the run date's ISO week.
      training: build the training rows.
    """

    start: dt.date
    end: dt.date
    run_date: dt.date | None = None
    campaign: str | None = None
    training: bool = True

    @classmethod
    def of_day(cls, use_case: UseCase, run_date: dt.date, campaign: str | None = None) -> Plan:
        """The days from the newest complete training window to the day before, and the users of the day.

        This range holds every send whose outcome can still have changed, and repairs what an earlier run
        missed.

        Raises:
          SettingsError: ``run_date`` is not after the first window's first day.
        """
        try:
            start, _ = use_case.window.latest(run_date, use_case.final_after_days)
        except SettingsError:
            start = use_case.window.anchor
        if start >= run_date:
            raise SettingsError(f"run date {run_date}: allowed: after {start}, the first day of window 0")
        return cls(start, run_date, run_date, campaign)

    def only(self, table: Literal["training", "inference"]) -> Plan:
        """The part of the plan that builds one of the two tables."""
        if table == "training":
            return replace(self, run_date=None, campaign=None)
        return replace(self, training=False)

    @property
    def inference_campaign(self) -> str:
        """Campaign of the inference rows."""
        if self.campaign is not None or self.run_date is None:
            return self.campaign or ""
        year, week, _ = self.run_date.isocalendar()
        return f"{year}-W{week:02d}"


def build(warehouse: Warehouse, use_case: UseCase, plan: Plan, configs: Path | None = None) -> BuildReport:
    """Builds what the plan says; each table is replaced as a whole range or stays as it was.

    Args:
      warehouse: where the raw tables are and the two tables will be.
      use_case: names all of them.
      plan: what to build.
      configs: see `render_training_query`.

    Raises:
      SettingsError: see `Statements`.
      DataError: a raw table or column is missing, the range has no send that can be used, there is no
        snapshot of the users, or the table has other columns than the use case needs.
    """
    started = time.perf_counter()
    statements = Statements(use_case, warehouse, configs)
    with open_engine(warehouse, use_case.name) as engine:
        tables = [_build_training(engine, use_case, statements, plan)] if plan.training else []
        if plan.run_date is not None:
            tables.append(_build_inference(engine, use_case, statements, plan, plan.run_date))
        return BuildReport(tuple(tables), tuple(engine.jobs), time.perf_counter() - started)


def dry_run(warehouse: Warehouse, use_case: UseCase, plan: Plan, configs: Path | None = None) -> DryRun:
    """Reports the bytes that `build` would read; writes nothing.

    It assumes that the snapshot of the users is the run date's, because only the build itself looks for the
    newest.

    Raises:
      SettingsError: a query would read more than the environment allows.
      UserError: as `build`, except for errors that only the rows can show.
    """
    words = use_case.words
    statements = Statements(use_case, warehouse, configs)
    with open_engine(warehouse, use_case.name) as engine:
        there = {"bots": _marks_bots(engine, use_case), "contexts": _has_contexts(engine, use_case)}
        queries = {
            "Count the sends": statements.count_training(plan.start, plan.end, **there),
            "Build the training table": statements.training_rows(plan.start, plan.end, **there),
        }
        for events, query in statements.count_events(plan.start, plan.end).items():
            queries[f"Count the {events}"] = query
        if plan.run_date is not None:
            queries[f"Count the {words.subjects}"] = statements.count_inference(plan.run_date)
            queries["Build the inference table"] = statements.inference_rows(
                plan.run_date, plan.run_date, plan.inference_campaign, bots=there["bots"]
            )
        limit = warehouse.maximum_bytes_billed if isinstance(warehouse, BigQueryWarehouse) else None
        return DryRun({name: engine.estimate(query) for name, query in queries.items()}, limit)


def create_raw(warehouse: Warehouse, use_case: UseCase) -> list[str]:
    """Creates missing raw tables (empty, partitioned, clustered), that of outcomes if the reward has any.

    That of contexts comes with its first rows: it is no part of what a newsletter needs.

    Returns the names of the new ones.
    """
    statements = Statements(use_case, warehouse)
    made = []
    with open_engine(warehouse, use_case.name) as engine:
        for table in RAW_COLUMNS:
            if table == "contexts" or (table == "outcomes" and not use_case.reward.outcomes):
                continue
            name = use_case.table_name(table)
            if engine.columns(name) is None:
                engine.create(statements.create_raw(table))
                made.append(name)
    return made


def _build_training(engine: Engine, use_case: UseCase, statements: Statements, plan: Plan) -> TableReport:
    there = {"bots": _marks_bots(engine, use_case), "contexts": _has_contexts(engine, use_case)}
    counting = statements.count_training(plan.start, plan.end, **there)
    counts = {row["left_out"]: row for row in engine.rows(counting)}
    good = counts.pop(None, None)
    left_out = {reason: row["sends"] for reason, row in counts.items()}
    if good is None:
        unusable = _listed("sends", left_out, use_case)
        raise DataError(
            f"{use_case.raw.sends}: no {days(plan.start, plan.end)} can be used{unusable}; "
            f"{use_case.tables.training} stays as it was"
        )
    _create(engine, use_case, statements, "training")
    written, removed = engine.replace(statements.build_training(plan.start, plan.end, **there))
    lost = orphans.notes(engine, use_case, statements.count_events(plan.start, plan.end))
    values = {
        name: (good[f"with_{index}"], good[f"sum_{index}"])
        for index, name in enumerate(use_case.reward.outcomes)
    }
    outcomes = Outcomes(good["sends"], **{name: good[name] for name in _OUTCOMES}, values=values)
    return TableReport(
        table=use_case.tables.training,
        content=days(plan.start, plan.end),
        source="sends",
        written=written,
        removed=removed,
        left_out=left_out,
        without_features=good["without_features"],
        outcomes=outcomes,
        notes=(*outcomes.lines(use_case), *lost),
        words=use_case.words,
        key=use_case.key,
    )


def _build_inference(
    engine: Engine, use_case: UseCase, statements: Statements, plan: Plan, run_date: dt.date
) -> TableReport:
    words = use_case.words
    counts = engine.rows(statements.count_inference(run_date))
    if not counts or not counts[0]["users"]:
        raise DataError(
            f"{use_case.raw.users}: no snapshot with {words.subjects} at or before {run_date}; "
            f"{use_case.tables.inference} stays as it was"
        )
    count, *before = counts
    for previous in before:
        _require_whole_snapshot(use_case, count, previous)
    snapshot, campaign = count["snapshot_date"], plan.inference_campaign
    bots = bool(use_case.history) and _marks_bots(engine, use_case)
    _create(engine, use_case, statements, "inference")
    written, removed = engine.replace(statements.build_inference(run_date, snapshot, campaign, bots=bots))
    left_out = {
        "unnamed_user": count["deliveries"] - count["named"],
        "second_row": count["named"] - count["users"],
    }
    return TableReport(
        table=use_case.tables.inference,
        content=f"{words.subjects} of the snapshot of {snapshot} for campaign {campaign}",
        source="rows",
        written=written,
        removed=removed,
        left_out={reason: rows for reason, rows in left_out.items() if rows},
        words=words,
        key=use_case.key,
    )


def _require_whole_snapshot(use_case: UseCase, newest: dict[str, Any], previous: dict[str, Any]) -> None:
    """Raises `DataError` if the newest snapshot holds far fewer users than the one before: a part of it."""
    words = use_case.words
    least = use_case.raw.min_snapshot_share
    if newest["users"] < least * previous["users"]:
        raise DataError(
            f"{use_case.raw.users}: the snapshot of {newest['snapshot_date']} holds {newest['users']:,} "
            f"{words.subjects}, the one before, of {previous['snapshot_date']}, {previous['users']:,}; "
            f"allowed: at least {least:.0%} of them (raw.min_snapshot_share), because a snapshot holds all "
            f"{words.subjects}; deliver the rest of it, and build again; {use_case.tables.inference} stays "
            "as it was"
        )


def _marks_bots(engine: Engine, use_case: UseCase) -> bool:
    """Whether the clicks have the column `bot`."""
    found = {name.lower(): type_ for name, type_ in (engine.columns(use_case.raw.clicks) or {}).items()}
    needed = OPTIONAL_COLUMNS["clicks"]["bot"]
    if found.get("bot", needed) != needed:
        raise DataError(
            f"{use_case.raw.clicks}: column bot is {found['bot']}; allowed: {needed}, or no such column"
        )
    return "bot" in found


def _has_contexts(engine: Engine, use_case: UseCase) -> bool:
    """Whether there is a raw table of features by send."""
    name, needed = use_case.raw.contexts, use_case.table_columns("contexts")
    there = engine.columns(name)
    if there is None:
        return False
    found = {column.lower(): type_ for column, type_ in there.items()}
    faults = [
        f"{column} ({found.get(column.lower(), 'missing')}, needed {type_})"
        for column, type_ in needed.items()
        if found.get(column.lower()) != type_
    ]
    if faults:
        raise DataError(
            f"{name}: the table does not fit the use case: {', '.join(faults)}; add the columns with ALTER "
            "TABLE, or load it again"
        )
    return True


def _create(
    engine: Engine, use_case: UseCase, statements: Statements, table: Literal["training", "inference"]
) -> None:
    name, needed = use_case.table_name(table), use_case.table_columns(table)
    there = engine.columns(name)
    if there is None:
        engine.create(statements.create(table))
        return
    found = {column.lower(): type_ for column, type_ in there.items()}
    for column, type_ in OPTIONAL_COLUMNS.get(table, {}).items():
        if column not in found:
            engine.add_column(name, column, type_)
            found[column] = type_
    faults = [
        f"{column} ({found.get(column.lower(), 'missing')}, needed {type_})"
        for column, type_ in needed.items()
        if found.get(column.lower()) != type_
    ]
    if faults:
        raise DataError(
            f"{name}: the table does not fit the use case: {', '.join(faults)}; add the columns with ALTER "
            "TABLE, or drop the table and build all of its days again"
        )


def _listed(source: str, left_out: dict[str, int], use_case: UseCase) -> str:
    meanings = reasons(use_case.words, use_case.key)
    found = [f"{rows:,} {meanings[reason]}" for reason, rows in sorted(left_out.items())]
    return f" ({source} left out: {', '.join(found)})" if found else ""
