"""DuckDB expressions that turn the columns of a raw file into those of a table, NULL where they cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from newsletter_bandit.errors import DataError
from newsletter_bandit.quoting import quoted, text
from newsletter_bandit.settings.tables import (
    ColumnSource,
    FromColumn,
    FromConstant,
    FromRowNumber,
    ValueNames,
)
from newsletter_bandit.table_files.cells import FLOAT_TYPES, boolean, is_number, trimmed
from newsletter_bandit.table_files.faults import names_listed

DUCKDB_TYPE = {
    "STRING": "VARCHAR",
    "FLOAT64": "DOUBLE",
    "BOOL": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP WITH TIME ZONE",
    "ARRAY<STRING>": "VARCHAR[]",
    "ARRAY<FLOAT64>": "DOUBLE[]",
}
ALLOWED = {
    "STRING": "text",
    "FLOAT64": "a finite number such as 1234.5",
    "BOOL": "true, false, 1 or 0",
    "DATE": "a date such as 2026-01-31",
    "TIMESTAMP": "a time such as 2026-01-31 08:00:00 (UTC where it names no zone)",
    "ARRAY<STRING>": "a list of names, in CSV written a|b|c",
    "ARRAY<FLOAT64>": "a list of finite numbers, in CSV written 0.5|1.0",
}
# What a value that does not fit is, and what a column of the type holds, for people.
MISFIT = {
    "STRING": "not a text",
    "FLOAT64": "not a number",
    "BOOL": "neither true nor false",
    "DATE": "not a date",
    "TIMESTAMP": "not a time",
    "ARRAY<STRING>": "not a list of names",
    "ARRAY<FLOAT64>": "not a list of numbers",
}
HOLDS = {
    "VARCHAR": "text",
    "DOUBLE": "numbers",
    "BOOLEAN": "true or false",
    "DATE": "dates",
    "TIMESTAMP WITH TIME ZONE": "times",
    "VARCHAR[]": "lists of names",
    "DOUBLE[]": "lists of numbers",
}
# A list's type -> the lists of a file that can become it.
_LISTS = {"ARRAY<STRING>": ("VARCHAR[]",), "ARRAY<FLOAT64>": ("DOUBLE[]", "FLOAT[]")}
# Names with spaces, which no column of a table has.
ROW = '"row of the file"'


@dataclass(frozen=True)
class Column:
    """A column of the table and where a raw file has it.

    Attributes:
      name: the table's column.
      type: its BigQuery type.
      source: expression over the raw file's columns, their texts trimmed, and `ROW`; NULL where the file has
        no value.
      value: expression over `source_of` the column, in the table's type; NULL also where it cannot be
        converted.
    """

    name: str
    type: str
    source: str
    value: str


def source_of(name: str) -> str:
    """Identifier of a column's value before conversion."""
    return quoted(f"source of {name}")


def asked(table_columns: Mapping[str, str], sources: Mapping[str, ColumnSource]) -> set[str]:
    """The columns of a file that `plan` looks for."""
    found = [sources.get(name, FromColumn(column=name)) for name in table_columns]
    return {source.column for source in found if isinstance(source, FromColumn)}


def plan(
    table_columns: Mapping[str, str],
    sources: Mapping[str, ColumnSource],
    raw: Mapping[str, str],
    file: str,
    names: Mapping[str, ValueNames],
    absent: Mapping[str, ColumnSource] | None = None,
) -> list[Column]:
    """A plan of how each column of the table is made from the file.

    Args:
      table_columns: name and BigQuery type of the table's columns.
      sources: the columns that are not the file's column of the same name.
      raw: name and DuckDB type of the file's columns.
      file: named in errors.
      names: column of the table -> the names that replace values of the file.
      absent: sources of the columns that the file may lack.

    Raises:
      DataError: the file lacks a column, or holds it in a type that has no conversion.
    """
    columns, missing = [], []
    for name, type_ in table_columns.items():
        own = FromColumn(column=name)
        otherwise = own if absent is None or name in raw else absent.get(name, own)
        source = sources.get(name, otherwise)
        if isinstance(source, FromRowNumber):
            expression, found = f"{text(source.row_number)} || {ROW}", "VARCHAR"
        elif isinstance(source, FromConstant):
            expression, found = constant(source)
        elif source.column in raw:
            expression, found = quoted(source.column), raw[source.column]
        else:
            missing.append(name if source.column == name else f"{source.column} (for {name})")
            continue
        columns.append(column(name, type_, expression, found, file, names.get(name)))
    if missing:
        raise DataError(
            f"{file}: no column {', '.join(missing)}; found: {names_listed(raw)}; "
            "if a column has another name, map it under `ingest` of the use case"
        )
    return columns


def constant(source: FromConstant) -> tuple[str, str]:
    """The constant as an expression, and its DuckDB type; an empty string is NULL."""
    value = source.constant
    if isinstance(value, bool):
        return ("TRUE" if value else "FALSE"), "BOOLEAN"
    if isinstance(value, float):
        return f"CAST({value!r} AS DOUBLE)", "DOUBLE"
    return (text(value) if value else "CAST(NULL AS VARCHAR)"), "VARCHAR"


def column(
    name: str, type_: str, expression: str, found: str, file: str, names: ValueNames | None = None
) -> Column:
    """A column made from an expression whose DuckDB type is `found`; raises `DataError` as `plan` does."""
    nested = found.endswith("]") or found.startswith(("STRUCT", "MAP", "UNION"))
    if (nested and found not in _LISTS.get(type_, ())) or found == "BLOB":
        raise DataError(f"{file}: column {name}: found {found}; allowed: {ALLOWED[type_]}")
    # NaN is what pandas writes for a missing value of any type.
    source = (
        f"CASE WHEN NOT isnan({expression}) THEN {expression} END" if found in FLOAT_TYPES else expression
    )
    if found == "VARCHAR":
        source = f"nullif({expression}, '')"
    emptied = [text(value) for value, meaning in (names or {}).items() if meaning == ""]
    if emptied and not nested:
        source = f"CASE WHEN CAST({source} AS VARCHAR) NOT IN ({', '.join(emptied)}) THEN {source} END"
    of = source_of(name)
    if type_ == "ARRAY<STRING>":
        value = _texts(of, found, names)
    elif names:
        value = _value(type_, _named(of, names), "VARCHAR")
    else:
        value = _value(type_, of, found)
    return Column(name, type_, source, value)


def _texts(source: str, found: str, names: ValueNames | None) -> str:
    split = source if found == "VARCHAR[]" else f"string_split(CAST({source} AS VARCHAR), '|')"
    item = trimmed("item") if not names else _named(trimmed("item"), names)
    made = f"list_transform({split}, lambda item: {item})"
    return f"CASE WHEN len({source}) > 0 THEN {made} END" if found == "VARCHAR[]" else made


def _named(source: str, names: ValueNames) -> str:
    """The text with the values that have a name replaced by it; the empty value is a NULL."""
    written = f"CAST({source} AS VARCHAR)"
    cases = " ".join(f"WHEN {text(value)} THEN {text(_written(name))}" for value, name in names.items())
    return f"nullif(CASE coalesce({written}, '') {cases} ELSE {written} END, '')"


def _written(name: str | float | bool) -> str:
    return str(name).lower() if isinstance(name, bool) else str(name)


def _value(type_: str, source: str, found: str) -> str:
    if type_ == "ARRAY<FLOAT64>":
        if not found.endswith("]"):
            source = f"string_split(CAST({source} AS VARCHAR), '|')"
        cast = f"TRY_CAST({source} AS DOUBLE[])"
        return (
            f"CASE WHEN len({cast}) > 0 AND len(list_filter({cast}, lambda x: isfinite(x))) = "
            f"len({cast}) THEN {cast} END"
        )
    if type_ == "BOOL" and is_number(found):
        return f"CASE WHEN {source} IN (0, 1) THEN {source} = 1 END"
    if type_ == "BOOL" and found == "VARCHAR":
        return boolean(source)
    cast = f"TRY_CAST({source} AS {DUCKDB_TYPE[type_]})"
    if type_ == "FLOAT64":
        return f"CASE WHEN isfinite({cast}) THEN {cast} END"
    if type_ in ("DATE", "TIMESTAMP"):
        # The years of BigQuery.
        return f"CASE WHEN isfinite({cast}) AND year({cast}) BETWEEN 1 AND 9999 THEN {cast} END"
    return cast
