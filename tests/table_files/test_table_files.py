"""Files as people have them: delimiters, headers, repeats, and messages that hold no row."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.table_files.dialect import header_of
from newsletter_bandit.table_files.faults import found_text, names_listed, unreadable
from newsletter_bandit.table_files.repeats import check_different
from newsletter_bandit.table_files.source import open_table


def rows(path: Path, asked: tuple[str, ...] = ()) -> tuple[list[dict[str, object]], tuple[str, ...]]:
    """The file's rows, and what is said of it."""
    with duckdb.connect() as connection:
        file = open_table(connection, path, asked)
        names = ", ".join(f'"{name}"' for name in file.types)
        found = connection.sql(f"SELECT {names} FROM {file.reader}").to_arrow_table().to_pylist()
    return found, file.said


@pytest.mark.parametrize(
    ("delimiter", "name"), [(",", None), (";", "semicolon"), ("\t", "tab"), ("|", "bar")]
)
def test_the_delimiter_is_found_and_said(tmp_path: Path, delimiter: str, name: str | None) -> None:
    path = tmp_path / "log.csv"
    # Each of the others stands in a name too.
    cells = [["user", "a,b;c|d"], ["u1", "x"]]
    path.write_text("".join(delimiter.join(f'"{cell}"' for cell in line) + "\n" for line in cells))
    found, said = rows(path, ("user",))
    assert found == [{"user": "u1", "a,b;c|d": "x"}]
    assert said == (() if name is None else (f"{path}: columns are separated by a {name}.",))


def test_without_a_known_name_the_delimiter_is_the_one_that_gives_most_columns(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("nutzer;kampagne, woche;klick\n")
    assert header_of(tmp_path / "log.csv", {"user_id"}).names == ("nutzer", "kampagne, woche", "klick")


def test_the_index_of_pandas_is_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(",user, p \n0,u1,.5\n")
    assert rows(path, ("user", "p")) == (
        [{"user": "u1", "p": ".5"}],
        (f"{path}: column 1 has no name, as pandas writes its index; it is left out.",),
    )


def test_the_empty_columns_of_a_spreadsheet_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,p,,,\nu1,.5,,,\n")
    assert rows(path, ("user", "p")) == (
        [{"user": "u1", "p": ".5"}],
        (f"{path}: columns without a name are left out: 3, 4, 5.",),
    )


def test_a_name_twice_is_refused_only_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,x,X\nu1,1,2\n")
    assert rows(path, ("user",))[0] == [{"user": "u1", "x": "1", "X (column 3)": "2"}]
    with pytest.raises(DataError, match=r"log\.csv: column X, x stands twice in the header"):
        rows(path, ("x",))


def test_utf_16_is_named(tmp_path: Path) -> None:
    (tmp_path / "excel.csv").write_bytes("user;p\nu1;.5\n".encode("utf-16-le"))
    with pytest.raises(DataError, match=r"excel\.csv: not text in UTF-8, perhaps UTF-16"):
        rows(tmp_path / "excel.csv")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"ada@example.org", "line 3: found 1 cell; allowed: 2, as in the header"),
        (b"ada@example.org,x,y", "line 3: found 3 cells; allowed: 2, as in the header"),
        (b"ada@example.org,\xe9", "line 3: not UTF-8; if a program of Windows wrote it"),
        (b'"ada@example.org,x', "line 3: a quoted text does not end"),
        (b"ada@example.org," + b"y" * 3_000_000, "line 3: longer than 2,000,000 bytes"),
    ],
)
def test_a_broken_line_is_named_and_not_shown(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"user,p\nu1,x\n" + line + b"\nu2,x\n")
    with duckdb.connect() as connection:
        file = open_table(connection, path, ("user",))
        with pytest.raises(duckdb.Error) as error:
            connection.execute(f"SELECT * FROM {file.reader}").fetchall()
    refused = str(unreadable(path, error.value))
    assert message in refused
    assert len(refused) < len(str(path)) + 200
    assert "ada@" not in refused


def test_a_long_value_is_cut() -> None:
    assert found_text("x" * 1000) == repr("x" * 40 + "..." + "x" * 10)
    assert found_text("short") == "'short'"
    assert found_text(None) == "nothing"


def test_a_long_header_is_cut() -> None:
    assert names_listed(["a", "b"]) == "a, b"
    assert names_listed([f"column {i:04}" for i in range(500)]).endswith("column 0017, and 482 more")
    assert names_listed(["x" * 3_000_000]) == "and 1 more"
    assert names_listed([]) == "no columns"


def test_the_same_file_or_content_twice_is_refused(tmp_path: Path) -> None:
    one, copy, other = tmp_path / "1.csv", tmp_path / "2.csv", tmp_path / "3.csv"
    one.write_text("a\n1\n")
    copy.write_text("a\n1\n")
    other.write_text("a\n2\n")
    check_different([one, other, tmp_path / "missing.csv"])
    with pytest.raises(DataError, match=r"1\.csv: is given twice, so its rows would count twice"):
        check_different([one, other, one])
    with pytest.raises(DataError, match=r"2\.csv: has the content of .*1\.csv, so its rows"):
        check_different([one, other, copy])
    (tmp_path / "link.csv").symlink_to(one)
    with pytest.raises(DataError, match=r"link\.csv: is given twice"):
        check_different([one, tmp_path / "link.csv"])
    packed = tmp_path / "4.csv.gz"
    packed.write_bytes(gzip.compress(one.read_bytes()))
    check_different([one, packed])
