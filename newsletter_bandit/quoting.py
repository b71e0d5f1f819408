"""Identifiers, texts and paths as they stand in DuckDB's SQL."""

from __future__ import annotations

import re
from pathlib import Path


def quoted(name: str) -> str:
    """An identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string literal, whatever characters it has."""
    return "'" + value.replace("'", "''") + "'"


def quoted_path(path: str | Path) -> str:
    """A file's path as a string literal for ``read_csv`` and ``read_parquet``, which take it for a
    pattern.
    """
    return text(re.sub(r"([*?\[])", r"[\1]", str(path)))
