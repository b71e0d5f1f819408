"""BigQuery SQL for DuckDB: a small subset that means the same in both, everything else refused by name.

sqlglot translates far more than this, and silently changes the meaning of some of it (WITH OFFSET, DAYOFWEEK,
WEEK differences). So the parsed query is walked, and each node's class and arguments must be on the list
below. Everything on the list is tested.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

import sqlglot
from sqlglot import exp

from newsletter_bandit.errors import SettingsError

_BINARY = frozenset({"this", "expression"})
_UNARY = frozenset({"this"})
_FUNCTION = frozenset({"this", "expressions"})

# Node class -> the arguments that may be set.
_ALLOWED: dict[type[exp.Expression], frozenset[str]] = {
    exp.Select: frozenset(
        {
            "expressions",
            "from_",
            "joins",
            "where",
            "group",
            "having",
            "qualify",
            "order",
            "limit",
            "distinct",
            "with_",
        }
    ),
    exp.With: frozenset({"expressions"}),
    exp.CTE: frozenset({"this", "alias"}),
    exp.Subquery: frozenset({"this", "alias"}),
    exp.From: _UNARY,
    exp.Join: frozenset({"this", "on", "using", "side", "kind"}),
    exp.Table: frozenset({"this", "db", "catalog", "alias"}),
    exp.TableAlias: _UNARY,
    exp.Where: _UNARY,
    exp.Group: frozenset({"expressions"}),
    exp.Having: _UNARY,
    exp.Qualify: _UNARY,
    exp.Window: frozenset({"this", "partition_by", "order", "over"}),
    exp.RowNumber: frozenset(),
    exp.Order: frozenset({"expressions"}),
    exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
    exp.Limit: frozenset({"expression"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Star: frozenset(),
    exp.Column: frozenset({"this", "table"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Alias: frozenset({"this", "alias"}),
    exp.Paren: _UNARY,
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: _UNARY,
    exp.Null: frozenset(),
    exp.Var: _UNARY,
    exp.Cast: frozenset({"this", "to"}),
    exp.DataType: frozenset({"this", "nested"}),
    exp.And: _BINARY,
    exp.Or: _BINARY,
    exp.Not: _UNARY,
    exp.EQ: _BINARY,
    exp.NEQ: _BINARY,
    exp.GT: _BINARY,
    exp.GTE: _BINARY,
    exp.LT: _BINARY,
    exp.LTE: _BINARY,
    exp.Is: _BINARY,
    exp.In: frozenset({"this", "expressions", "unnest"}),
    exp.Unnest: frozenset({"expressions"}),
    exp.Bracket: frozenset({"this", "expressions", "safe"}),
    exp.ArraySize: _UNARY,
    exp.ArrayToString: _BINARY,
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Add: _BINARY,
    exp.Sub: _BINARY,
    exp.Mul: _BINARY,
    exp.Neg: _UNARY,
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.If: frozenset({"this", "true", "false"}),
    exp.Coalesce: _FUNCTION,
    exp.Nullif: _BINARY,
    exp.Date: _UNARY,
    exp.DateDiff: frozenset({"this", "expression", "unit", "date_part_boundary"}),
    exp.TimestampAdd: frozenset({"this", "expression", "unit"}),
    exp.Count: frozenset({"this", "big_int"}),
    exp.CountIf: _UNARY,
    exp.Avg: _UNARY,
    exp.Sum: _UNARY,
    exp.Min: _UNARY,
    exp.Max: _UNARY,
}
SUBSET = (
    "SELECT [DISTINCT], WITH, sub-queries, INNER and LEFT JOIN, WHERE, GROUP BY, HAVING, QUALIFY, ORDER BY, "
    "LIMIT, CASE, IF, COALESCE, IFNULL, NULLIF, CAST to FLOAT64, INT64, DATE or TIMESTAMP, DATE(timestamp), "
    "DATE_DIFF(…, DAY), TIMESTAMP_ADD(…, INTERVAL n DAY or SECOND), COUNT, COUNTIF, AVG, MIN, MAX, "
    "SUM(CAST(… AS FLOAT64)), ROW_NUMBER() OVER (… ORDER BY …), array[SAFE_OFFSET(n)], IN UNNEST(array), "
    "ARRAY_LENGTH, ARRAY_TO_STRING(array, text), comparisons, +, - and *"
)
_CASTS = {
    exp.DataType.Type.DOUBLE,
    exp.DataType.Type.BIGINT,
    exp.DataType.Type.DATE,
    exp.DataType.Type.TIMESTAMPTZ,
}
# sqlglot writes TIMESTAMP '…' as a CAST.
_LITERAL = re.compile(r"CAST\('([^']*)' AS (TIMESTAMP|DATE)\)")
_Statement = TypeVar("_Statement", bound=exp.Expression)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Translation:
    """A query for DuckDB.

    Attributes:
      sql: the DuckDB query; its tables are named with the database's name.
      tables: (schema, table) of each table it reads, in order of appearance.
      integer_casts: names of the columns that are cast to INT64. Both engines agree for BOOL and integers
        only: BigQuery rounds 2.5 to 3, DuckDB to 2.
      condition: the query's outermost WHERE in BigQuery SQL, or "".
    """

    sql: str
    tables: tuple[tuple[str, str], ...]
    integer_casts: tuple[str, ...]
    condition: str


def to_duckdb(query: str, database: str) -> Translation:
    """Translates one BigQuery SELECT; a project in a table's name is dropped.

    Args:
      query: BigQuery SQL.
      database: name of the attached DuckDB database that holds the tables. It is written out, because a
        schema of the same name would make ``schema.table`` ambiguous.

    Raises:
      SettingsError: not SQL, not one SELECT, or something outside `SUBSET`.
    """
    return translate(parse_one(query, exp.Select, "one SELECT"), database)


def translate(tree: exp.Select, database: str) -> Translation:
    """Translates a parsed SELECT, which is changed; otherwise as `to_duckdb`."""
    check(tree)
    where = tree.args.get("where")
    condition = where.this.sql("bigquery") if where is not None else ""
    casts = [_integer_cast(node) for node in tree.find_all(exp.Cast) if _is_integer(node)]
    if casts and tree.find(exp.CTE, exp.Subquery):
        # Then it is unknown which table's column is cast, and with it the type.
        raise refusal("CAST to INT64 beside WITH or a sub-query", tree)
    tables = _qualify(tree, database)
    return Translation(
        sql=generate(tree),
        tables=tuple(dict.fromkeys(tables)),
        integer_casts=tuple(dict.fromkeys(casts)),
        condition=_LITERAL.sub(r"\2 '\1'", condition),
    )


def parse_one(sql: str, kind: type[_Statement], allowed: str) -> _Statement:
    """Parses BigQuery SQL that must be one statement of the kind; raises `SettingsError` with what is
    allowed.
    """
    try:
        statements = sqlglot.parse(sql, read="bigquery")
    except sqlglot.errors.SqlglotError as error:
        raise SettingsError(f"query: not BigQuery SQL: {_one_line(error)}") from error
    found = [statement for statement in statements if statement is not None]
    if len(found) != 1 or not isinstance(found[0], kind):
        kinds = ", ".join(type(statement).__name__.upper() for statement in found) or "nothing"
        raise SettingsError(f"query: found {kinds}; allowed: {allowed}")
    return found[0]


def check(tree: exp.Expression) -> None:
    """Raises `SettingsError` if the tree holds something outside the subset."""
    for node in tree.walk():
        _check(node)


def generate(tree: exp.Expression) -> str:
    """The tree as DuckDB's SQL."""
    return str(tree.transform(_count_if).transform(_float_literal).sql("duckdb", identify=True))


def _check(node: exp.Expression) -> None:
    allowed = _ALLOWED.get(type(node))
    if allowed is None:
        raise refusal(_name(node), node)
    for argument, value in node.args.items():
        if value and argument not in allowed:
            raise refusal(f"{_name(node)} with {argument.strip('_').upper().replace('_', ' ')}", node)
    if isinstance(node, exp.Cast) and node.to.this not in _CASTS:
        raise refusal(f"CAST to {node.to.sql('bigquery')}", node)
    if isinstance(node, exp.DateDiff) and node.text("unit").upper() != "DAY":
        raise refusal(f"DATE_DIFF in {node.text('unit').upper() or 'an unknown unit'}", node)
    if isinstance(node, exp.TimestampAdd) and not (
        node.text("unit").upper() in ("DAY", "SECOND") and str(node.expression.this).isdigit()
    ):
        raise refusal("TIMESTAMP_ADD of anything but a number of days or seconds", node)
    if isinstance(node, exp.Window) and not (isinstance(node.this, exp.RowNumber) and node.args.get("order")):
        raise refusal("a window of anything but ROW_NUMBER() with ORDER BY", node)
    # The sum of whole numbers has another type in each engine.
    if isinstance(node, exp.Sum) and not (
        isinstance(node.this, exp.Cast) and node.this.to.this == exp.DataType.Type.DOUBLE
    ):
        raise refusal("a SUM of anything but CAST(… AS FLOAT64)", node)
    # Without SAFE_OFFSET, an element that is not there is an error in BigQuery and NULL in DuckDB.
    if isinstance(node, exp.Bracket) and not (node.args.get("safe") and str(node.expressions[0]).isdigit()):
        raise refusal("an element of an array but by [SAFE_OFFSET(number)]", node)
    if isinstance(node, exp.Unnest) and not isinstance(node.parent, exp.In):
        raise refusal("UNNEST but in IN UNNEST(array)", node)
    if isinstance(node, exp.Join):
        if node.side not in ("", "LEFT") or node.kind not in ("", "INNER", "OUTER"):
            raise refusal(f"{node.side} {node.kind}".strip() + " JOIN", node)
        if not (node.args.get("on") or node.args.get("using")):
            raise refusal("a join without ON or USING", node)
    if isinstance(node, exp.Table):
        for part in (node.name, node.db):
            if part and not _NAME.fullmatch(part):
                raise refusal(f"the table name {node.sql('bigquery')}", node)


def _name(node: exp.Expression) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.name).upper()
    if isinstance(node, exp.Func):
        return str(node.sql_name())
    words = re.findall(r"[A-Z]+[a-z]*", type(node).__name__)
    return " ".join(words).upper()


def refusal(what: str, node: exp.Expression) -> SettingsError:
    """The error that says what is not part of the subset, and where it is."""
    text = node.sql("bigquery", unsupported_level=sqlglot.ErrorLevel.IGNORE)
    return SettingsError(
        f"query: {what} is not part of the SQL that the embedded warehouse runs (`{_one_line(text)[:80]}`); "
        f"allowed: {SUBSET}; BigQuery itself runs all of its SQL"
    )


def _one_line(text: object) -> str:
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(text)).split())


def _is_integer(node: exp.Cast) -> bool:
    return bool(node.to.this == exp.DataType.Type.BIGINT)


def _integer_cast(node: exp.Cast) -> str:
    if not isinstance(node.this, exp.Column):
        raise refusal("CAST of anything but a column to INT64", node)
    return str(node.this.name)


def _qualify(tree: exp.Select, database: str) -> list[tuple[str, str]]:
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    tables = []
    for table in tree.find_all(exp.Table):
        if table.db or table.name.lower() not in ctes:
            tables.append(qualify(table, database))
    return tables


def qualify(table: exp.Table, database: str) -> tuple[str, str]:
    """Names the table with the database's name instead of a project; returns its schema and name."""
    schema = table.db or "main"
    table.set("db", exp.to_identifier(schema, quoted=True))
    table.set("catalog", exp.to_identifier(database, quoted=True))
    return schema, table.name


def _count_if(node: exp.Expression) -> exp.Expression:
    # COUNTIF of no rows is 0 in BigQuery and NULL in DuckDB.
    if isinstance(node, exp.CountIf):
        return exp.Count(this=exp.Case(ifs=[exp.If(this=node.this, true=exp.Literal.number(1))]))
    return node


def _float_literal(node: exp.Expression) -> exp.Expression:
    # A literal such as 0.5 is a FLOAT64 in BigQuery and a DECIMAL in DuckDB.
    if isinstance(node, exp.Literal) and not node.is_string and not str(node.this).isdigit():
        return exp.cast(node, exp.DataType.Type.DOUBLE)
    return node
