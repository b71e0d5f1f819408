"""Files that are not UTF-8: read as what they are and said, or refused with what to do."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.table_files.encoding import Encoding
from newsletter_bandit.table_files.source import open_table

TEXT = "Empfehler;Größe\nFür dich;5\nEditor’s picks – 3 €;6\n"
ROWS = [("Für dich", "5"), ("Editor’s picks – 3 €", "6")]


def read(
    path: Path, given: Encoding | None = None, guess: bool = False
) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    with duckdb.connect() as connection:
        file = open_table(connection, path, ("Größe",), None, given, guess)
        copy = None if file.copy is None else file.copy.path
        assert list(file.types) == ["Empfehler", "Größe"]
        rows, said = connection.sql(f"SELECT * FROM {file.reader}").fetchall(), file.said[:-1]
    del file
    assert copy is None or not copy.parent.exists()
    return rows, said


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("codec", "given", "guess", "said"),
    [
        ("utf-8", None, False, ""),
        ("utf-8-sig", None, True, ""),
        ("utf-16", None, False, "is UTF-16 by its mark, so it is read as such."),
        ("utf-16", "utf-16", False, ""),
        ("windows-1252", "windows-1252", False, ""),
        ("windows-1252", None, True, "not UTF-8; read as Windows-1252, with words such as Größe, Für, "),
        # Said wrongly, or of other files.
        ("utf-8", "windows-1252", False, "is UTF-8, so it is read as such."),
        ("utf-16", "windows-1252", False, "is UTF-16 by its mark, so it is read as such."),
    ],
)
def test_a_text_is_the_same_in_every_encoding(
    tmp_path: Path, codec: str, given: Encoding | None, guess: bool, said: str, packed: bool
) -> None:
    path = tmp_path / ("log.csv.gz" if packed else "log.csv")
    path.write_bytes(gzip.compress(TEXT.encode(codec)) if packed else TEXT.encode(codec))
    rows, told = read(path, given, guess)
    assert rows == ROWS
    assert len(told) == bool(said)
    assert said in "".join(told)


def test_latin_1_has_no_quotes_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("Empfehler;Größe\nFür dich;5\n".encode("latin-1"))
    assert read(path, "latin-1")[0] == read(path, "windows-1252")[0] == [("Für dich", "5")]


@pytest.mark.parametrize(
    ("content", "given", "words"),
    [
        ("Größe\nłódź\n".encode("cp1250", "replace"), None, "line 2: not UTF-8"),
        ("a\nb\nłódź\n".encode("cp1250"), None, "line 3: not UTF-8; read as Windows-1252, it holds ³"),
        ("a\nGröße\n".encode("mac-roman"), None, "line 2: not UTF-8; read as Windows-1252, it holds š"),
        (b"a\nb\x81\n", None, "line 2: not UTF-8, nor Windows-1252 (byte 0x81); write it as UTF-8"),
        (b"a\nb\x81\n", "windows-1252", "line 2: not UTF-8, nor Windows-1252 (byte 0x81)"),
        (
            "a\nGröße\n".encode("windows-1252"),
            "utf-8",
            "line 2: not UTF-8; if that is right, give `encoding`",
        ),
        ("a;b\nü;c\n".encode("utf-16-le"), None, "perhaps UTF-16 without a mark; write it as UTF-8"),
        ("a;b\n".encode("utf-32"), None, "UTF-32; write it as UTF-8"),
        (b"a\n" * 600_000 + b"\xfc\n", "utf-8", "line 600,001: not UTF-8"),
    ],
)
def test_what_cannot_be_told_is_refused_with_what_to_do(
    tmp_path: Path, content: bytes, given: Encoding | None, words: str
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as refused, duckdb.connect() as connection:
        open_table(connection, path, (), None, given, guess=True)
    assert words in str(refused.value)
