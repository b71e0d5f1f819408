"""Propensities of a log without them: the share of each recommender among the rows that are alike."""

from __future__ import annotations

import duckdb

from newsletter_bandit.quoting import quoted
from newsletter_bandit.settings.mapping import FromEstimate
from newsletter_bandit.warehouse.checks import Check
from newsletter_bandit.warehouse.columns import ALIKE

_COUNTED = "rows_alike"


def estimate(
    connection: duckdb.DuckDBPyConnection, source: FromEstimate, problem: str, found: str, number: int
) -> tuple[Check, tuple[str, ...]]:
    """Fills the empty propensities of the good rows of `staged`, and marks the rows of groups that are too
    small.

    Of n rows that are alike and m of them of a recommender, which has the share q of all rows, its propensity
    is (m + smoothing q) / (n + smoothing). Rows with different `eligible_recommenders` are never alike, and q
    is of those with the same.

    Args:
      connection: holds `staged`, with the column `ALIKE`.
      source: the columns that decided, and the bounds.
      problem, found: columns of `staged` that hold the number of the failed check, and the value at fault.
      number: of the check that is returned.

    Returns:
      The check that rows of small groups fail, and sentences on the groups.
    """
    decided = ", ".join(source.estimated_by)
    open_rows = f"{problem} IS NULL AND propensity IS NULL"
    eligible = "list_sort(eligible_recommenders)"
    connection.execute(
        f"CREATE TEMP TABLE {_COUNTED} AS SELECT *, (m + {source.smoothing!r} * q) / "
        f"(n + {source.smoothing!r}) AS p FROM (SELECT decided, eligible, arm, m, "
        "sum(m) OVER (PARTITION BY decided, eligible) AS n, sum(m) OVER (PARTITION BY eligible, arm) / "
        f"sum(m) OVER (PARTITION BY eligible) AS q FROM (SELECT {quoted(ALIKE)} AS decided, "
        f"{eligible} AS eligible, recommender AS arm, count(*) AS m FROM staged WHERE {open_rows} "
        "GROUP BY ALL))"
    )
    connection.execute(
        f"UPDATE staged SET propensity = p FROM {_COUNTED} AS counted WHERE {open_rows} "
        f"AND n >= {source.min_rows} AND {quoted(ALIKE)} = decided AND recommender = arm "
        f"AND {eligible} IS NOT DISTINCT FROM counted.eligible"
    )
    connection.execute(
        f"UPDATE staged SET {problem} = {number}, {found} = array_to_string({quoted(ALIKE)}, ', ') "
        f"WHERE {open_rows}"
    )
    check = Check(
        "propensity",
        f"fewer than {source.min_rows:,} rows are alike in {decided}",
        "larger groups: fewer columns in `estimated_by`, more rows in one load, or a smaller `min_rows`",
        "FALSE",
    )
    return check, _said(connection, source, decided)


def _said(connection: duckdb.DuckDBPyConnection, source: FromEstimate, decided: str) -> tuple[str, ...]:
    ((groups, rows, least, most, alone, of_alone),) = connection.execute(
        "SELECT count(*), sum(n), min(n), max(n), count_if(arms = 1), sum(n) FILTER (arms = 1) FROM (SELECT "
        f"decided, eligible, any_value(n) AS n, count(*) AS arms FROM {_COUNTED} GROUP BY decided, eligible) "
        f"WHERE n >= {source.min_rows}"
    ).fetchall()
    if not groups:
        return ()
    said = [
        f"Propensities of {int(rows):,} rows are ESTIMATED by {decided}: shares among {groups:,} groups of "
        f"{int(least):,} to {int(most):,} rows that are alike in these."
    ]
    if alone:
        said.append(
            f"{int(of_alone):,} of these rows are in groups that got one recommender alone, so the log does "
            "not say what another would have earned there."
        )
    return tuple(said)
