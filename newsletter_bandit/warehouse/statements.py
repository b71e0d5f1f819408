"""The two BigQuery statements that build a table, for DuckDB: CREATE TABLE IF NOT EXISTS, and a MERGE that
replaces rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from newsletter_bandit.warehouse.translate import (
    Translation,
    check,
    generate,
    parse_one,
    qualify,
    refusal,
    translate,
)

_TYPES = {
    exp.DataType.Type.TEXT,
    exp.DataType.Type.DOUBLE,
    exp.DataType.Type.BOOLEAN,
    exp.DataType.Type.DATE,
    exp.DataType.Type.TIMESTAMPTZ,
}
# DATE partitions, clusters and OPTIONS say where BigQuery keeps the rows, not which rows.
_WITHOUT_MEANING = {exp.PartitionedByProperty, exp.ClusterProperty, exp.Property}
_MERGE = (
    "MERGE table AS target USING (SELECT …) AS source ON FALSE WHEN NOT MATCHED BY SOURCE [AND condition] "
    "THEN DELETE WHEN NOT MATCHED BY TARGET THEN INSERT (columns) VALUES (columns)"
)


@dataclass(frozen=True)
class Creation:
    """A CREATE TABLE IF NOT EXISTS.

    Attributes:
      sql: the DuckDB statement, without partitions, clusters and options, which DuckDB does not have.
      schema: the table's schema, "main" without one.
    """

    sql: str
    schema: str


@dataclass(frozen=True)
class Replacement:
    """A MERGE as two DuckDB statements of one transaction.

    DuckDB runs the MERGE itself too, but compares each row of the table with each row of the source.

    Attributes:
      table: (schema, table) whose rows are replaced.
      delete: removes the old rows.
      insert: writes the new ones.
      source: the query that finds the new ones.
    """

    table: tuple[str, str]
    delete: str
    insert: str
    source: Translation


def creation(statement: str, database: str) -> Creation:
    """Translates a CREATE TABLE IF NOT EXISTS with columns of STRING, FLOAT64, BOOL, DATE, TIMESTAMP or an
    ARRAY.

    Args:
      statement: BigQuery SQL.
      database: name of the attached DuckDB database.

    Raises:
      SettingsError: another statement, or a column of another type or with a constraint.
    """
    allowed = "one CREATE TABLE IF NOT EXISTS with its columns"
    tree = parse_one(statement, exp.Create, allowed)
    given = {name for name, value in tree.args.items() if value}
    properties = tree.args.get("properties") or exp.Properties()
    if (
        not given <= {"this", "kind", "exists", "properties"}
        or not {type(found) for found in properties.expressions} <= _WITHOUT_MEANING
        or str(tree.args["kind"]) != "TABLE"
        or not tree.args.get("exists")
        or not isinstance(tree.this, exp.Schema)
    ):
        raise refusal(f"a statement other than {allowed}", tree)
    for column in tree.this.expressions:
        kind = column.args.get("kind") if isinstance(column, exp.ColumnDef) else None
        if kind is None or column.args.get("constraints"):
            raise refusal("a column with more than a name and a type", column)
        inner = kind.expressions[0] if kind.this == exp.DataType.Type.ARRAY else kind
        if inner.this not in _TYPES:
            raise refusal(f"a column of type {kind.sql('bigquery')}", column)
    tree.set("properties", None)
    schema, _ = qualify(tree.this.this, database)
    return Creation(generate(tree), schema)


def replacement(statement: str, database: str) -> Replacement:
    """Translates a MERGE of BigQuery's "constant false" form, which replaces the rows that the condition
    names.

    Args:
      statement: BigQuery SQL.
      database: name of the attached DuckDB database.

    Raises:
      SettingsError: another statement, or something outside the subset.
    """
    tree = parse_one(statement, exp.Merge, f"one {_MERGE}")
    delete, insert = _clauses(tree)
    target, source = tree.this, tree.args["using"]
    condition = delete.args.get("condition") or exp.true()
    for part in (target, condition, *insert.this.expressions, *insert.expression.expressions):
        check(part)
    table = qualify(target, database)
    rows = translate(source.this, database)
    where = generate(exp.Delete(this=target.copy(), where=exp.Where(this=condition)))
    bare = target.copy()
    bare.set("alias", None)
    columns = ", ".join(generate(column) for column in insert.this.expressions)
    values = ", ".join(generate(value) for value in insert.expression.expressions)
    return Replacement(
        table=table,
        delete=where,
        insert=f"INSERT INTO {generate(bare)} ({columns}) "
        f"SELECT {values} FROM ({rows.sql}) AS {generate(source.args['alias'])}",
        source=rows,
    )


def _clauses(tree: exp.Merge) -> tuple[exp.When, exp.Insert]:
    """The clause that deletes, and the rows that the other clause inserts."""
    whens = tree.args["whens"].expressions
    source = tree.args["using"]
    if (
        len(whens) == 2
        and isinstance(tree.args.get("on"), exp.Boolean)
        and not tree.args["on"].this
        and isinstance(tree.this, exp.Table)
        and isinstance(source, exp.Subquery)
        and isinstance(source.this, exp.Select)
        and source.args.get("alias")
        and not any(when.args.get("matched") for when in whens)
    ):
        deletes, inserts = whens
        removal, addition = deletes.args["then"], inserts.args["then"]
        if (
            deletes.args.get("source")
            and isinstance(removal, exp.Var)
            and removal.name.upper() == "DELETE"
            and not inserts.args.get("source")
            and not inserts.args.get("condition")
            and isinstance(addition, exp.Insert)
            and isinstance(addition.this, exp.Tuple)
            and isinstance(addition.expression, exp.Tuple)
        ):
            return deletes, addition
    raise refusal(f"a MERGE of another form than {_MERGE}", tree)
