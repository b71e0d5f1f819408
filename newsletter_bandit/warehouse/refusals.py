"""Refused rows: counted by reason, with what they have in common, and kept in a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from newsletter_bandit.files import filled
from newsletter_bandit.quoting import quoted
from newsletter_bandit.table_files.faults import found_text
from newsletter_bandit.warehouse.common_traits import common_traits
from newsletter_bandit.warehouse.staging import FOUND, ORDINAL, PER_FILE, PROBLEM, Staged

# Reasons whose rows are looked through for what they have in common.
_MAX_REASONS = 5


@dataclass(frozen=True)
class Refusal:
    """Rows that were refused for one reason, and the first of them (`row` counts from 1, `found` its
    value). `traits` are sentences on what they have in common; see `common_traits`. `column` is the files'
    name of the column at fault, if it is another than the table's. `remedy` says what to do.
    """

    reason: str
    allowed: str
    rows: int
    file: str
    row: int
    found: str | None
    traits: tuple[str, ...] = ()
    column: str | None = None
    remedy: str = ""

    def __str__(self) -> str:
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        where = "" if self.column is None else f" (column {self.column} of the file)"
        first = f"first {self.file} row {self.row}: found {found_text(self.found)}"
        told = [*self.traits, f"to load them, {self.remedy}"] if self.remedy else self.traits
        traits = "".join(f"\n    {each}" for each in told)
        return f"{self.reason}{where}: {rows}, {first}; allowed: {self.allowed}{traits}"


def refusals_of(
    connection: duckdb.DuckDBPyConnection, staged: Staged, files: Sequence[Path]
) -> tuple[Refusal, ...]:
    """The refused rows by reason, most rows first."""
    groups = connection.execute(
        f"SELECT {PROBLEM}, count(*), min({ORDINAL}), arg_min_null({FOUND}, {ORDINAL}) FROM staged "
        f"WHERE {PROBLEM} IS NOT NULL GROUP BY {PROBLEM} ORDER BY count(*) DESC, {PROBLEM}"
    ).fetchall()
    found: list[Refusal] = []
    for problem, rows, first, value in groups:
        check = staged.reasons[problem]
        traits = _traits(connection, staged, problem) if len(found) < _MAX_REASONS else []
        column = staged.at_fault(problem)
        found.append(
            Refusal(
                reason=check.reason,
                allowed=check.allowed,
                rows=rows,
                file=str(files[first // PER_FILE]),
                row=first % PER_FILE,
                found=value,
                traits=tuple(traits),
                column=None if column == check.column else column,
                remedy=check.remedy(value),
            )
        )
    return tuple(found)


def _traits(connection: duckdb.DuckDBPyConnection, staged: Staged, problem: int) -> list[str]:
    columns = list(dict.fromkeys(column for raw in staged.raw for column in raw))
    first = staged.at_fault(problem)
    refused, kept = (
        _raw_rows(staged, columns, condition)
        for condition in (f"{PROBLEM} = {problem}", f"{PROBLEM} IS NULL")
    )
    return common_traits(connection, refused, kept, columns, first)


def _raw_rows(staged: Staged, columns: Sequence[str], condition: str) -> str:
    """Query of the files' own rows of which ``condition`` holds, each column a text."""
    parts = []
    for number, raw in enumerate(staged.raw):
        texts = ", ".join(
            f"CAST(raw.{quoted(column)} AS VARCHAR) AS {quoted(column)}"
            if column in raw
            else f"CAST(NULL AS VARCHAR) AS {quoted(column)}"
            for column in columns
        )
        parts.append(
            f"SELECT {texts} FROM staged JOIN raw_{number} AS raw "
            f"ON raw.rowid = {ORDINAL} - {number * PER_FILE} - 1 "
            f"WHERE {condition} AND {ORDINAL} // {PER_FILE} = {number}"
        )
    return " UNION ALL ".join(parts)


def write_rejects(
    connection: duckdb.DuckDBPyConnection, staged: Staged, files: Sequence[Path], rejects: Path
) -> None:
    """Replaces the rejects file as a whole."""
    rejects.parent.mkdir(parents=True, exist_ok=True)
    with filled(rejects) as temporary, temporary.open("w", encoding="utf-8") as lines:
        for number, file in enumerate(files):
            connection.execute(
                f"SELECT {ORDINAL} % {PER_FILE}, {PROBLEM}, {FOUND}, to_json(raw) FROM staged "
                f"JOIN raw_{number} AS raw ON raw.rowid = {ORDINAL} - {number * PER_FILE} - 1 "
                f"WHERE {PROBLEM} IS NOT NULL AND {ORDINAL} // {PER_FILE} = {number} ORDER BY {ORDINAL}"
            )
            while rows := connection.fetchmany(10_000):
                for row, problem, found, values in rows:
                    check = staged.reasons[problem]
                    refused = {
                        "file": str(file),
                        "row": row,
                        "reason": check.reason,
                        "found": found,
                        "allowed": check.allowed,
                        # NaN is not JSON.
                        "values": json.loads(values, parse_constant=str),
                    }
                    lines.write(json.dumps(refused, ensure_ascii=False) + "\n")
