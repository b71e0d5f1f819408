"""The SQL subset means in DuckDB what BigQuery documents; the rest and a faulty warehouse are refused by
name.
"""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.warehouse.embedded import HeldError, read_batches, require_rows


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse named like its schema, which a two-part table name cannot tell apart."""
    path = tmp_path_factory.mktemp("warehouse") / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA shop")
        connection.execute(
            "CREATE TABLE shop.t (id BIGINT, name VARCHAR, ok BOOLEAN, x DOUBLE, day DATE, seen TIMESTAMPTZ, "
            "tags VARCHAR[])"
        )
        connection.execute(
            "INSERT INTO shop.t VALUES "
            "(1, 'b', true, 2.5, '2024-02-28', '2024-03-01 23:30:00-02', ['q', 'r']), "
            "(2, NULL, false, 0.5, '2024-03-01', '2024-03-01 00:00:00+00', []), "
            "(3, 'a', NULL, NULL, NULL, NULL, NULL)"
        )
        connection.execute("CREATE TABLE shop.u (id BIGINT, word VARCHAR)")
        connection.execute("INSERT INTO shop.u VALUES (1, 'one'), (4, 'four')")
        connection.execute("CREATE TABLE bare (id BIGINT)")
    return path.rename(path.with_name("shop.duckdb"))


# Query -> what BigQuery's reference says it returns.
CASES: dict[str, list[tuple[Any, ...]]] = {
    "SELECT id, name FROM `shop.t` ORDER BY id": [(1, "b"), (2, None), (3, "a")],
    "SELECT name FROM `a-project.shop.t` ORDER BY name": [(None,), ("a",), ("b",)],
    "SELECT name FROM `shop.t` ORDER BY name DESC": [("b",), ("a",), (None,)],
    "SELECT id FROM `shop.t` ORDER BY id DESC LIMIT 1": [(3,)],
    "SELECT id FROM `shop`.`t` AS a WHERE a.id > 1 AND NOT a.id >= 3": [(2,)],
    "SELECT id FROM `shop.t` WHERE name IS NULL OR name = 'a' ORDER BY id": [(2,), (3,)],
    "SELECT id FROM `shop.t` WHERE name <> 'a'": [(1,)],
    "SELECT id FROM `shop.t` WHERE name NOT IN ('a', 'it\\'s') AND id < 9": [(1,)],
    "SELECT id FROM `shop.t` WHERE x BETWEEN 0.5 AND 1 AND id <= 2": [(2,)],
    "SELECT id FROM `shop.t` WHERE ok IS TRUE": [(1,)],
    "SELECT CAST(ok AS INT64) AS n FROM `shop.t` ORDER BY id": [(1,), (0,), (None,)],
    "SELECT CAST(id AS FLOAT64) AS f FROM `shop.t` WHERE id = 2": [(2.0,)],
    "SELECT 0.1 + 0.2 AS f, 3 - 1 AS i, -(2 * 3) AS m": [(0.30000000000000004, 2, -6)],
    "SELECT CASE id WHEN 1 THEN 'x' ELSE 'y' END AS c FROM `shop.t` ORDER BY id": [("x",), ("y",), ("y",)],
    "SELECT IF(ok, 1.5, 0.0) AS c FROM `shop.t` ORDER BY id": [(1.5,), (0.0,), (0.0,)],
    "SELECT IFNULL(name, '-') AS n, COALESCE(x, 9.0) AS x FROM `shop.t` ORDER BY id": [
        ("b", 2.5),
        ("-", 0.5),
        ("a", 9.0),
    ],
    "SELECT NULLIF(id, 2) AS n FROM `shop.t` ORDER BY id": [(1,), (None,), (3,)],
    # The first row's moment is the 2nd of March in UTC, and 2024 has a 29th of February.
    "SELECT DATE(seen) AS d FROM `shop.t` ORDER BY id": [
        (dt.date(2024, 3, 2),),
        (dt.date(2024, 3, 1),),
        (None,),
    ],
    "SELECT CAST(seen AS DATE) AS d FROM `shop.t` WHERE id = 1": [(dt.date(2024, 3, 2),)],
    "SELECT DATE_DIFF(DATE(seen), day, DAY) AS n FROM `shop.t` ORDER BY id": [(3,), (0,), (None,)],
    "SELECT DATE_DIFF(DATE '2024-02-27', day, DAY) AS n FROM `shop.t` ORDER BY id": [(-1,), (-3,), (None,)],
    "SELECT id FROM `shop.t` WHERE seen >= TIMESTAMP '2024-03-02 00:00:00+00:00'": [(1,)],
    "SELECT id FROM `shop.t` WHERE seen < TIMESTAMP '2024-03-01 01:00:00+01:00'": [],
    "SELECT COUNT(*) AS n, COUNT(name) AS m, COUNT(DISTINCT ok) AS o FROM `shop.t`": [(3, 2, 2)],
    "SELECT COUNTIF(ok) AS n, AVG(x) AS a, MIN(name) AS l, MAX(x) AS h FROM `shop.t`": [(1, 1.5, "a", 2.5)],
    "SELECT COUNTIF(ok) AS n, AVG(x) AS a FROM `shop.t` WHERE id > 9": [(0, None)],
    "SELECT SUM(CAST(x AS FLOAT64)) AS s FROM `shop.t`": [(3.0,)],
    "SELECT SUM(CAST(x AS FLOAT64)) AS s FROM `shop.t` WHERE id > 9": [(None,)],
    "SELECT ok, COUNT(*) AS n FROM `shop.t` GROUP BY ok HAVING ok IS NOT NULL ORDER BY ok": [
        (False, 1),
        (True, 1),
    ],
    "SELECT DISTINCT ok IS NULL AS unknown FROM `shop.t` ORDER BY unknown": [(False,), (True,)],
    "SELECT t.id, word FROM `shop.t` AS t JOIN `shop.u` AS u ON t.id = u.id": [(1, "one")],
    "SELECT id, word FROM `shop.t` LEFT JOIN `shop.u` USING (id) ORDER BY id": [
        (1, "one"),
        (2, None),
        (3, None),
    ],
    "WITH u AS (SELECT id FROM `shop.u`) SELECT id FROM u ORDER BY id": [(1,), (4,)],
    "SELECT big FROM (SELECT id * 10 AS big FROM `shop.t`) AS s WHERE big > 20": [(30,)],
    "SELECT tags FROM `shop.t` ORDER BY id": [(["q", "r"],), ([],), (None,)],
    "SELECT ARRAY_LENGTH(tags) AS n FROM `shop.t` ORDER BY id": [(2,), (0,), (None,)],
    "SELECT tags[SAFE_OFFSET(1)] AS second FROM `shop.t` ORDER BY id": [("r",), (None,), (None,)],
    "SELECT ARRAY_TO_STRING(tags, '|') AS s FROM `shop.t` ORDER BY id": [("q|r",), ("",), (None,)],
    # In no list, not even an unknown one, is FALSE to BigQuery.
    "SELECT 'q' IN UNNEST(tags) AS there FROM `shop.t` ORDER BY id": [(True,), (False,), (False,)],
    "SELECT name NOT IN UNNEST(tags) AS gone FROM `shop.t` ORDER BY id": [(True,), (True,), (True,)],
    "SELECT TIMESTAMP_ADD(seen, INTERVAL 3 DAY) AS later FROM `shop.t` WHERE id = 2": [
        (dt.datetime(2024, 3, 4, tzinfo=dt.UTC),)
    ],
    # NULLs come first in an ascending order and last in a descending one.
    "SELECT id, ROW_NUMBER() OVER (ORDER BY x) AS n FROM `shop.t` ORDER BY id": [(1, 3), (2, 2), (3, 1)],
    "SELECT id, ROW_NUMBER() OVER (ORDER BY x DESC, id) AS n FROM `shop.t` ORDER BY id": [
        (1, 1),
        (2, 2),
        (3, 3),
    ],
    (
        "SELECT id, ROW_NUMBER() OVER (PARTITION BY ok IS NULL ORDER BY id DESC) AS n "
        "FROM `shop.t` ORDER BY id"
    ): [
        (1, 2),
        (2, 1),
        (3, 1),
    ],
    "SELECT id FROM `shop.t` WHERE id < 3 QUALIFY ROW_NUMBER() OVER (ORDER BY id DESC) = 1": [(2,)],
    "SELECT id, IF(x - x = 0, x, NULL) AS finite FROM `shop.t` ORDER BY id": [(1, 2.5), (2, 0.5), (3, None)],
    "SELECT *, x > 1 AS large FROM `shop.u` AS u JOIN (SELECT id AS t, x FROM `shop.t`) AS t ON t = u.id": [
        (1, "one", 1, 2.5, True)
    ],
    "SELECT COUNT(*) AS n FROM `bare`": [(0,)],
}


@pytest.mark.parametrize("query", CASES)
def test_the_subset_means_what_bigquery_means(warehouse: Path, query: str) -> None:
    batches = list(read_batches(warehouse, query))
    rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    assert rows == CASES[query]


REFUSED = {
    "SELECT FARM_FINGERPRINT(name) FROM `shop.t`": "FARM_FINGERPRINT",
    "SELECT ARRAY_AGG(name LIMIT 3) FROM `shop.t`": "ARRAY_AGG",
    "SELECT tag FROM `shop.t`, UNNEST(tags) AS tag WITH OFFSET": "CROSS JOIN",
    "SELECT EXTRACT(DAYOFWEEK FROM day) FROM `shop.t`": "EXTRACT",
    "SELECT DATE_DIFF(day, day, WEEK) FROM `shop.t`": "DATE_DIFF in",
    "SELECT DATE(seen, 'Europe/Zurich') FROM `shop.t`": "DATE with ZONE",
    "SELECT GREATEST(id, 2) FROM `shop.t`": "GREATEST",
    "SELECT id / 2 FROM `shop.t`": "DIV",
    "SELECT SUM(id) FROM `shop.t`": "SUM",
    "SELECT SAFE_CAST(name AS FLOAT64) FROM `shop.t`": "TRY_CAST",
    "SELECT CAST(x AS STRING) FROM `shop.t`": "CAST to STRING",
    "SELECT CAST(x + 1 AS INT64) FROM `shop.t`": "CAST of anything but a column to INT64",
    "SELECT CAST(x AS INT64) FROM `shop.t`": "CAST.* of a DOUBLE rounds differently",
    "WITH s AS (SELECT x AS id FROM `shop.t`) SELECT CAST(id AS INT64) FROM s": "INT64 beside WITH",
    "SELECT my_own(id) FROM `shop.t`": "MY_OWN",
    "SELECT id FROM `shop.t_*`": "the table name `shop.t_\\*`",
    "SELECT table_name FROM `shop.INFORMATION_SCHEMA.TABLES`": "the table name",
    "SELECT id FROM `shop.t` FOR SYSTEM_TIME AS OF '2024-01-01'": "VERSION",
    "SELECT id FROM `shop.t` RIGHT JOIN `shop.u` USING (id)": "RIGHT JOIN",
    "SELECT ROW_NUMBER() OVER (PARTITION BY id) FROM `shop.t`": r"but ROW_NUMBER\(\) with ORDER BY",
    "SELECT RANK() OVER (ORDER BY id) FROM `shop.t`": r"but ROW_NUMBER\(\) with ORDER BY",
    "SELECT COUNT(*) OVER (ORDER BY id) FROM `shop.t`": r"but ROW_NUMBER\(\) with ORDER BY",
    "SELECT ROW_NUMBER() OVER (ORDER BY id ROWS 1 PRECEDING) FROM `shop.t`": "WINDOW with SPEC",
    "SELECT tags[OFFSET(0)] FROM `shop.t`": r"but by \[SAFE_OFFSET",
    "SELECT tags[SAFE_ORDINAL(1)] FROM `shop.t`": "BRACKET with OFFSET",
    "SELECT tags[SAFE_OFFSET(id)] FROM `shop.t`": r"but by \[SAFE_OFFSET",
    "SELECT TIMESTAMP_ADD(seen, INTERVAL 3 HOUR) FROM `shop.t`": "but a number of days",
    "SELECT TIMESTAMP_ADD(seen, INTERVAL id DAY) FROM `shop.t`": "but a number of days",
    "SELECT TIMESTAMP_SUB(seen, INTERVAL 3 DAY) FROM `shop.t`": "TIMESTAMP_SUB",
    "SELECT tag FROM UNNEST(['q']) AS tag": "UNNEST",
    "SELECT ARRAY_TO_STRING(tags, '|', '-') FROM `shop.t`": "ARRAY_TO_STRING with NULL",
    "SELECT * EXCEPT (id) FROM `shop.t`": "STAR with EXCEPT",
    "SELECT AS STRUCT id FROM `shop.t`": "SELECT with KIND",
    "SELECT id FROM `shop.t` LIMIT 1 OFFSET 1": "OFFSET",
    "SELECT id FROM `shop.t` WHERE id = @id": "PARAMETER",
    "SELECT id FROM `shop.t` UNION ALL SELECT id FROM `shop.u`": "found UNION; allowed: one SELECT",
    "DECLARE n INT64; SELECT n": "found DECLARE, SELECT; allowed: one SELECT",
    "DELETE FROM `shop.t` WHERE TRUE": "found DELETE; allowed: one SELECT",
    "": "found nothing; allowed: one SELECT",
    "SELECT ((": "not BigQuery SQL",
}


@pytest.mark.parametrize("query", REFUSED)
def test_what_is_outside_the_subset_is_refused_by_name(warehouse: Path, query: str) -> None:
    with pytest.raises(SettingsError, match=REFUSED[query]):
        list(read_batches(warehouse, query))


def test_batches_hold_at_most_the_rows_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS id FROM range(25000)")
    batches = list(read_batches(path, "SELECT id FROM `t`", rows=4096))
    assert max(batch.num_rows for batch in batches) <= 4096
    assert sorted(id_ for batch in batches for id_ in batch.column(0).to_pylist()) == list(range(25000))


def test_a_faulty_warehouse_is_refused(warehouse: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.duckdb: no such warehouse"):
        list(read_batches(tmp_path / "nowhere.duckdb", "SELECT 1 AS n"))
    text = tmp_path / "w.csv"
    text.write_text("a,b\n")
    with pytest.raises(DataError, match=r"w\.csv: not a DuckDB file"):
        list(read_batches(text, "SELECT 1 AS n"))
    with pytest.raises(DataError, match=r"no table shop\.training; found: bare, shop\.t, shop\.u"):
        list(read_batches(warehouse, "SELECT id FROM `shop.training`"))
    with pytest.raises(DataError, match=r'"height" not found.*shop\.t has the columns id, name, ok, x'):
        list(read_batches(warehouse, "SELECT height FROM `shop.t`"))
    with pytest.raises(
        DataError, match=r"shop\.t holds no rows where seen >= TIMESTAMP '2031-01-01 00:00:00\+00:00'"
    ):
        require_rows(warehouse, "SELECT id FROM `shop.t` WHERE seen >= TIMESTAMP '2031-01-01 00:00:00+00:00'")
    require_rows(warehouse, "SELECT id FROM `shop.t` WHERE id = 1")


def test_a_damaged_block_is_told_from_a_file_that_is_held(tmp_path: Path) -> None:
    path = tmp_path / "damaged.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS id, hash(range) AS h FROM range(300000)")
    content = bytearray(path.read_bytes())
    # Behind the headers: what is found only when a query reads it.
    middle = len(content) // 2
    content[middle] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"damaged\.duckdb: cannot be used: .*block.*; if the file is dam"
    ) as said:
        list(read_batches(path, "SELECT COUNT(DISTINCT h) AS n FROM `t`"))
    assert not isinstance(said.value, HeldError)


def test_a_warehouse_that_another_process_holds_is_refused(warehouse: Path) -> None:
    program = (
        "import duckdb, sys\n"
        "connection = duckdb.connect(sys.argv[1])\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataError, match="another process holds this warehouse"):
            list(read_batches(warehouse, "SELECT 1 AS n"))
        holder.communicate(b"")
    assert holder.returncode == 0
