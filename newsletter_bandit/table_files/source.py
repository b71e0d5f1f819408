"""One file as a table: how DuckDB reads it, which columns it has, and what a person must know of that."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import duckdb

from newsletter_bandit.errors import DataError
from newsletter_bandit.quoting import quoted_path, text
from newsletter_bandit.table_files.dialect import DELIMITERS, header_of
from newsletter_bandit.table_files.encoding import Copy, Encoding, encoding_of
from newsletter_bandit.table_files.faults import names_listed, unreadable

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet")


@dataclass(frozen=True)
class TableFile:
    """A CSV or Parquet file.

    Attributes:
      path: the file.
      reader: DuckDB's table function that gives its rows in order; a CSV's columns are all VARCHAR.
      types: name and DuckDB type of each column in order.
      said: sentences on what was found out or left out.
      encoding: of a CSV; None of another file.
      copy: what `reader` reads in its place, which goes with this object; None where it reads the file.
    """

    path: Path
    reader: str
    types: dict[str, str]
    said: tuple[str, ...]
    encoding: Encoding | None = None
    copy: Copy | None = None


def open_table(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    asked: Collection[str],
    delimiter: str | None = None,
    encoding: Encoding | None = None,
    guess: bool = False,
) -> TableFile:
    """The file as a table.

    Args:
      connection: reads the description of a Parquet file.
      path: `.csv`, `.csv.gz` or `.tsv` (one header line, double quotes), or `.parquet`.
      asked: names of the columns that are needed, by which a CSV's delimiter is found. One may be missing:
        that is for the caller to say.
      delimiter: between the columns of a CSV; see `header_of`.
      encoding, guess: of a CSV; see `encoding_of`.

    Raises:
      DataError: the file is missing, of another kind, or cannot be read.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; allowed: a CSV or Parquet file")
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise DataError(f"{path}: found {path.suffix or 'no suffix'}; allowed: {', '.join(SUFFIXES)}")
    if name.endswith(".parquet"):
        reader = f"read_parquet({quoted_path(path)})"
        try:
            described = connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()
        except duckdb.Error as error:
            raise unreadable(path, error) from None
        return TableFile(path, reader, {str(row[0]): str(row[1]) for row in described}, ())
    encoded = encoding_of(path, encoding, guess)
    header = header_of(path, asked, delimiter, encoded.codec)
    columns = ", ".join(f"{text(column)}: 'VARCHAR'" for column in header.names)
    copy = Copy(path, encoded) if encoded.unknown_to_duckdb else None
    reader = (
        f"read_csv({quoted_path(path if copy is None else copy.path)}, auto_detect = false, header = true, "
        "quote = '\"', escape = '\"', "
        f"delim = {text(header.delimiter)}, columns = {{{columns}}}{encoded.option})"
    )
    said = [encoded.said] if encoded.said else []
    if header.delimiter != ",":
        said.append(f"{path}: columns are separated by a {DELIMITERS[header.delimiter]}.")
    if len(header.unnamed) == 1:
        (number,) = header.unnamed
        said.append(f"{path}: column {number} has no name, as pandas writes its index; it is left out.")
    elif header.unnamed:
        numbers = names_listed(list(map(str, header.unnamed)))
        said.append(f"{path}: columns without a name are left out: {numbers}.")
    types = {
        column: "VARCHAR" for number, column in enumerate(header.names, 1) if number not in header.unnamed
    }
    return TableFile(path, reader, types, tuple(said), encoded.encoding, copy)
