"""Names, texts and paths that could end early in SQL."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter_bandit.quoting import quoted, quoted_path, text

# DuckDB takes neither a name nor a text with a zero byte or a lone surrogate.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(TEXTS | st.sampled_from(['"', '""; DROP TABLE t; --', "'", "''; --", "\\'", "a b", "select"]))
def test_duckdb_reads_back_what_was_quoted(value: str) -> None:
    with duckdb.connect(":memory:") as connection:
        found = connection.execute(f"SELECT {text(value)} AS {quoted(value)}")
        assert found.description[0][0] == value
        assert found.fetchall() == [(value,)]


@pytest.mark.parametrize("name", ["plain.csv", "it's.csv", "a*b?.csv", "[1].csv", "[*].csv"])
def test_a_path_names_one_file(name: str, tmp_path: Path) -> None:
    for other in ("plainXcsv.csv", "aXXbX.csv", "1.csv"):
        (tmp_path / other).write_text("n\n0\n")
    (tmp_path / name).write_text("n\n1\n")
    with duckdb.connect(":memory:") as connection:
        assert connection.execute(f"SELECT n FROM read_csv({quoted_path(tmp_path / name)})").fetchall() == [
            (1,)
        ]
