"""DuckDB expressions over the cells of a file."""

from __future__ import annotations

import re

from newsletter_bandit.quoting import text

# Blanks that people and programs leave around a text; the last is the no-break space.
BLANKS = " \t\r\n\u00a0"
FLOAT_TYPES = ("FLOAT", "DOUBLE")
NUMBER_TYPES = (
    *FLOAT_TYPES, "DECIMAL", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT",
    "UINTEGER", "UBIGINT",
)  # fmt: skip


# Thousands with commas, blanks or apostrophes between them, or a decimal comma.
_SEPARATED = re.compile(r"[-+]?\d[\d,.'’\u00a0 ]*")
HOW_TO_WRITE_NUMBERS = (
    "write numbers with a point and without separators in the file: 1234.5, not 1,234.50 or 1234,5"
)


def is_separated(cell: str) -> bool:
    """Whether a cell that is no number would be one without the separators that people write."""
    return _SEPARATED.fullmatch(cell.strip(BLANKS)) is not None


def is_number(duckdb_type: str) -> bool:
    """Whether a column's type is one of the numbers."""
    return re.sub(r"\(\d+,\d+\)$", "", duckdb_type) in NUMBER_TYPES


def padded(expression: str) -> str:
    """Whether the text has blanks around it."""
    blanks = f"({', '.join(str(ord(blank)) for blank in BLANKS)})"
    return f"(ord({expression}) IN {blanks} OR ord({expression}[-1]) IN {blanks})"


def trimmed(expression: str) -> str:
    """The text without blanks around it."""
    # Looking at both ends takes a small part of what `trim` does.
    return f"CASE WHEN {padded(expression)} THEN trim({expression}, {text(BLANKS)}) ELSE {expression} END"


def nonempty(expression: str) -> str:
    """The text without blanks around it; NULL where nothing is left."""
    return f"nullif({trimmed(expression)}, '')"


def boolean(expression: str) -> str:
    """The text as BOOLEAN: what DuckDB takes for one, and 1.0 and 0.0, as pandas writes a flag with gaps."""
    number = f"TRY_CAST({expression} AS DOUBLE)"
    return (
        f"coalesce(TRY_CAST({expression} AS BOOLEAN), CASE {number} WHEN 1 THEN TRUE WHEN 0 THEN FALSE END)"
    )
