"""DuckDB expressions that turn the columns of a raw file into those of a table, NULL where they cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from newsletter_bandit.errors import DataError
from newsletter_bandit.quoting import quoted, text
from newsletter_bandit.settings.mapping import (
    ColumnSource,
    FileFormat,
    FromColumn,
    FromConstant,
    FromEstimate,
    FromFilled,
    FromRowNumber,
    FromRule,
    FromSplit,
    Split,
    ValueNames,
)
from newsletter_bandit.table_files.cells import (
    FLOAT_TYPES,
    PLAIN_NUMBERS,
    Numbers,
    boolean,
    is_number,
    number,
    trimmed,
)
from newsletter_bandit.table_files.dates import parsed
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
_PLAIN = FileFormat()
_PLAIN_SIGNS = {"decimal": "point", "thousands": "none"}
EPOCH_UNITS = {"seconds": 1.0, "milliseconds": 1000.0}
# A list's type -> the lists of a file that can become it.
_LISTS = {"ARRAY<STRING>": ("VARCHAR[]",), "ARRAY<FLOAT64>": ("DOUBLE[]", "FLOAT[]")}
# Names with spaces, which no column of a table has.
ROW = '"row of the file"'
# What decided of a row whose propensity is estimated: the values of the columns, in their order.
ALIKE = "values that decided"


@dataclass(frozen=True)
class Column:
    """A column of the table and where a raw file has it.

    Attributes:
      name: the table's column.
      type: its BigQuery type.
      source: expression over the raw file's columns, their texts trimmed, and `ROW`; NULL where the file has
        no value.
      value: expression over `source_of` the column and the columns before, in the table's type; NULL also
        where it cannot be converted.
      allowed: what a file may hold, in words.
      of_split: whether the value is the recommender's share of a split, and the source only names whose.
      estimated: whether the value is estimated later where it is NULL.
    """

    name: str
    type: str
    source: str
    value: str
    allowed: str
    of_split: bool = False
    estimated: bool = False


def source_of(name: str) -> str:
    """Identifier of a column's value before conversion."""
    return quoted(f"source of {name}")


def file_column(source: ColumnSource) -> str | None:
    """The column of a file that the source reads by itself; None where it reads none."""
    if isinstance(source, FromColumn | FromEstimate):
        return source.column
    if isinstance(source, FromFilled):
        return source.filled
    return source.rule if isinstance(source, FromRule) else None


def asked(table_columns: Mapping[str, str], sources: Mapping[str, ColumnSource]) -> set[str]:
    """The columns of a file that `plan` looks for."""
    given = [sources.get(name, FromColumn(column=name)) for name in table_columns]
    found = {name for source in given if (name := file_column(source)) is not None}
    return found.union(*(source.estimated_by for source in given if isinstance(source, FromEstimate)))


def plan(
    table_columns: Mapping[str, str],
    sources: Mapping[str, ColumnSource],
    raw: Mapping[str, str],
    file: str,
    names: Mapping[str, ValueNames],
    absent: Mapping[str, ColumnSource] | None = None,
    written: FileFormat = _PLAIN,
    aliases: Sequence[Sequence[str]] = (),
) -> list[Column]:
    """A plan of how each column of the table is made from the file.

    Args:
      table_columns: name and BigQuery type of the table's columns.
      sources: the columns that are not the file's column of the same name.
      raw: name and DuckDB type of the file's columns.
      file: named in errors.
      names: column of the table -> the names that replace values of the file.
      absent: sources of the columns that the file may lack.
      written: how the file writes its values.
      aliases: names that mean the same recommender; a split needs only one of them.

    Raises:
      DataError: the file lacks a column, or holds it in a type that has no conversion.
    """
    columns: list[Column] = []
    missing = []
    for name, type_ in table_columns.items():
        own = FromColumn(column=name)
        otherwise = own if absent is None or name in raw else absent.get(name, own)
        source = sources.get(name, otherwise)
        of_file = file_column(source)
        if isinstance(source, FromSplit):
            (shown,) = (each.source for each in columns if each.name == "recommender")
            columns.append(_of_split(name, type_, shown, _shares(source.split, aliases)))
        elif isinstance(source, FromRowNumber):
            expression = f"{text(source.row_number)} || {ROW}"
            columns.append(column(name, type_, expression, "VARCHAR", file, names.get(name), written))
        elif isinstance(source, FromConstant):
            columns.append(column(name, type_, *constant(source), file, names.get(name), written))
        elif isinstance(source, FromEstimate) and (of_file is None or of_file in raw):
            missing += [f"{each} (for {name})" for each in source.estimated_by if each not in raw]
            columns.append(_estimated(name, type_, source, raw, file, names.get(name), written))
        elif of_file is None or of_file not in raw:
            missing.append(name if of_file == name else f"{of_file} (for {name})")
        elif isinstance(source, FromRule):
            by = _source(quoted(source.rule), raw[source.rule], written, {})
            shares = _ruled(source_of(name), source.splits, aliases)
            columns.append(_of_split(name, type_, by, shares))
        elif isinstance(source, FromFilled):
            filled = _source(quoted(of_file), raw[of_file], written, names.get(name, {}))
            value = f"{source_of(name)} IS NOT NULL"
            columns.append(Column(name, type_, filled, value, ALLOWED[type_]))
        else:
            least = source.at_least if isinstance(source, FromColumn) else None
            columns.append(
                column(name, type_, quoted(of_file), raw[of_file], file, names.get(name), written, least)
            )
    if missing:
        raise DataError(
            f"{file}: no column {', '.join(missing)}; found: {names_listed(raw)}; "
            "if a column has another name, map it under `ingest` of the use case"
        )
    return columns


def alike(source: FromEstimate, raw: Mapping[str, str], written: FileFormat) -> str:
    """Expression for what decided of a row: a list of the texts of the columns, "" for an empty cell.

    A column that the file lacks is left to `plan`.
    """
    texts = (
        f"coalesce(CAST({_source(quoted(each), raw[each], written, {})} AS VARCHAR), '')"
        for each in source.estimated_by
        if each in raw
    )
    return f"[{', '.join(texts)}]"


def _estimated(
    name: str,
    type_: str,
    source: FromEstimate,
    raw: Mapping[str, str],
    file: str,
    names: ValueNames | None,
    written: FileFormat,
) -> Column:
    if source.column is None:
        made = Column(name, type_, "CAST(NULL AS VARCHAR)", "CAST(NULL AS DOUBLE)", ALLOWED[type_])
    else:
        made = column(name, type_, quoted(source.column), raw[source.column], file, names, written)
    return replace(made, estimated=True)


def _of_split(name: str, type_: str, source: str, value: str) -> Column:
    return Column(name, type_, source, value, "recommenders of the split, each with its share", of_split=True)


def _shares(split: Split, aliases: Sequence[Sequence[str]]) -> str:
    """The share of the row's recommender, whose column stands before, by any of its names; by its own if the
    split has several of them.
    """
    known = dict(split)
    for names in aliases:
        for share in [split[name] for name in names if name in split][:1]:
            known |= {name: share for name in names if name not in split}
    cases = " ".join(f"WHEN {text(name)} THEN {share!r}" for name, share in known.items())
    return f"CASE recommender {cases} END"


def _ruled(source: str, splits: Mapping[str, Split], aliases: Sequence[Sequence[str]]) -> str:
    cases = " ".join(f"WHEN {text(value)} THEN {_shares(split, aliases)}" for value, split in splits.items())
    return f"CASE coalesce(CAST({source} AS VARCHAR), '') {cases} END"


def constant(source: FromConstant) -> tuple[str, str]:
    """The constant as an expression, and its DuckDB type; an empty string is NULL."""
    value = source.constant
    if isinstance(value, bool):
        return ("TRUE" if value else "FALSE"), "BOOLEAN"
    if isinstance(value, float):
        return f"CAST({value!r} AS DOUBLE)", "DOUBLE"
    return (text(value) if value else "CAST(NULL AS VARCHAR)"), "VARCHAR"


def column(
    name: str,
    type_: str,
    expression: str,
    found: str,
    file: str,
    names: ValueNames | None = None,
    written: FileFormat = _PLAIN,
    at_least: float | None = None,
) -> Column:
    """A column made from an expression whose DuckDB type is `found`; raises `DataError` as `plan` does."""
    nested = found.endswith("]") or found.startswith(("STRUCT", "MAP", "UNION"))
    if (nested and found not in _LISTS.get(type_, ())) or found == "BLOB":
        raise DataError(f"{file}: column {name}: found {found}; allowed: {ALLOWED[type_]}")
    source = _source(expression, found, written, names or {})
    of = source_of(name)
    if type_ == "ARRAY<STRING>":
        value = _texts(of, found, names)
    elif names:
        # A typed number becomes a text with a point.
        signs = written if found == "VARCHAR" else written.model_copy(update=_PLAIN_SIGNS)
        value = _value(type_, _named(of, names, signs), "VARCHAR", signs, at_least)
    else:
        value = _value(type_, of, found, written, at_least)
    return Column(name, type_, source, value, allowed(type_, written, at_least))


def allowed(type_: str, written: FileFormat = _PLAIN, at_least: float | None = None) -> str:
    """What a file may hold for a column of the type, in words."""
    words = ALLOWED[type_]
    if type_ == "FLOAT64":
        numbers = written.numbers
        words = words.replace(".", numbers.decimal)
        words += f" or 1{numbers.thousands[0]}234{numbers.decimal}5" if numbers.thousands else ""
    if type_ in ("DATE", "TIMESTAMP") and written.date_formats:
        words = f"{words}, or one of {', '.join(written.date_formats)}"
    if type_ in ("DATE", "TIMESTAMP") and written.epoch != "none":
        words = f"{words}, or {written.epoch} since 1970"
    if type_ == "TIMESTAMP" and written.time_zone != "UTC":
        words = words.replace("UTC where", f"{written.time_zone} where")
    return words if at_least is None else f"a count from 0, or {words}"


def _source(expression: str, found: str, written: FileFormat, names: ValueNames) -> str:
    """The value before conversion, NULL where the file has none."""
    # NaN is what pandas writes for a missing value of any type.
    source = (
        f"CASE WHEN NOT isnan({expression}) THEN {expression} END" if found in FLOAT_TYPES else expression
    )
    emptied = [value for value, meaning in names.items() if meaning == ""]
    if found == "VARCHAR":
        source = f"nullif({expression}, '')"
        # A text that has a name is not empty.
        emptied += [value for value in written.nulls if value not in names]
    if emptied and not found.endswith("]"):
        listed = ", ".join(map(text, emptied))
        source = f"CASE WHEN CAST({source} AS VARCHAR) NOT IN ({listed}) THEN {source} END"
    return source


def _texts(source: str, found: str, names: ValueNames | None) -> str:
    split = source if found == "VARCHAR[]" else f"string_split(CAST({source} AS VARCHAR), '|')"
    item = trimmed("item") if not names else _named(trimmed("item"), names, _PLAIN)
    made = f"list_transform({split}, lambda item: {item})"
    return f"CASE WHEN len({source}) > 0 THEN {made} END" if found == "VARCHAR[]" else made


def _named(source: str, names: ValueNames, signs: FileFormat) -> str:
    """The text with the values that have a name replaced by it; the empty value is a NULL."""
    written = f"CAST({source} AS VARCHAR)"
    cases = " ".join(
        f"WHEN {text(value)} THEN {text(_written(name, signs))}" for value, name in names.items()
    )
    return f"nullif(CASE coalesce({written}, '') {cases} ELSE {written} END, '')"


def _written(name: str | float | bool, signs: FileFormat) -> str:
    """The name as a file of these signs would have it."""
    if isinstance(name, str):
        return name
    if isinstance(name, bool):
        return str(name).lower()
    return repr(name).removesuffix(".0").replace(".", signs.numbers.decimal)


def _value(type_: str, source: str, found: str, written: FileFormat, at_least: float | None) -> str:
    numbers = written.numbers if found == "VARCHAR" else PLAIN_NUMBERS
    if type_ == "ARRAY<FLOAT64>":
        if not found.endswith("]"):
            source = f"string_split(CAST({source} AS VARCHAR), '|')"
        cast = f"TRY_CAST({source} AS DOUBLE[])"
        return (
            f"CASE WHEN len({cast}) > 0 AND len(list_filter({cast}, lambda x: isfinite(x))) = "
            f"len({cast}) THEN {cast} END"
        )
    if type_ == "BOOL":
        return _flag(source, found, numbers, at_least)
    if type_ == "FLOAT64":
        cast = number(source, numbers)
        return f"CASE WHEN isfinite({cast}) THEN {cast} END"
    cast = f"TRY_CAST({source} AS {DUCKDB_TYPE[type_]})"
    if type_ in ("DATE", "TIMESTAMP"):
        if found == "VARCHAR" and written.date_formats:
            # A year has four digits: %Y would take 26 for the year 26, and a cast takes 01-02-03 for a date.
            moment = parsed(source, written.date_formats)
            by_format = f"CASE WHEN year({moment}) >= 1000 THEN CAST({moment} AS {DUCKDB_TYPE[type_]}) END"
            cast = f"coalesce({by_format}, CASE WHEN regexp_matches({source}, '^\\d{{4}}-') THEN {cast} END)"
        if written.epoch != "none":
            digits, unit = f"CAST({source} AS VARCHAR)", EPOCH_UNITS[written.epoch]
            since = f"CAST(to_timestamp(TRY_CAST({digits} AS DOUBLE) / {unit}) AS {DUCKDB_TYPE[type_]})"
            other = cast if found == "VARCHAR" or not is_number(found) else "NULL"
            cast = f"CASE WHEN regexp_full_match({digits}, '\\d{{9,13}}') THEN {since} ELSE {other} END"
        # The years of BigQuery.
        return f"CASE WHEN isfinite({cast}) AND year({cast}) BETWEEN 1 AND 9999 THEN {cast} END"
    return cast


def _flag(source: str, found: str, numbers: Numbers, at_least: float | None) -> str:
    if at_least is not None and (is_number(found) or found == "VARCHAR"):
        count = source if is_number(found) else number(source, numbers)
        flag = f"CASE WHEN isfinite({count}) AND {count} >= 0 THEN {count} >= {at_least!r} END"
        return flag if is_number(found) else f"coalesce({flag}, TRY_CAST({source} AS BOOLEAN))"
    if is_number(found):
        return f"CASE WHEN {source} IN (0, 1) THEN {source} = 1 END"
    return boolean(source, numbers) if found == "VARCHAR" else f"TRY_CAST({source} AS BOOLEAN)"
