"""DuckDB expressions over the cells of a file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter_bandit.quoting import text

# Blanks that people and programs leave around a text; the last is the no-break space.
BLANKS = " \t\r\n\u00a0"
# Texts that programs write for an empty cell, whatever the column holds.
NULLS = ("NULL", "null", "(null)", "\\N", "#N/A", "N/A", "n/a", "NaN", "nan", "NaT", "<NA>")
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


@dataclass(frozen=True)
class Numbers:
    """How texts write numbers.

    Attributes:
      decimal: the sign before the decimals, a point or a comma.
      thousands: signs of which one may stand between thousands; none where it is empty.
    """

    decimal: str = "."
    thousands: str = ""

    @property
    def pattern(self) -> str:
        """Regular expression of a number, whole."""
        decimal = re.escape(self.decimal)
        grouped = rf"\d{{1,3}}([{re.escape(self.thousands)}]\d{{3}})+|" if self.thousands else ""
        return rf"[-+]?({grouped}\d+)({decimal}\d*)?([eE][-+]?\d+)?|[-+]?{decimal}\d+([eE][-+]?\d+)?"

    def plain(self, expression: str) -> str:
        """DuckDB expression for the number of a text that fits the pattern, as DuckDB writes it."""
        for sign in self.thousands:
            expression = f"replace({expression}, {text(sign)}, '')"
        return expression if self.decimal == "." else f"replace({expression}, {text(self.decimal)}, '.')"


PLAIN_NUMBERS = Numbers()


def number(expression: str, written: Numbers = PLAIN_NUMBERS) -> str:
    """The text as DOUBLE, NULL where it is none."""
    if written == PLAIN_NUMBERS:
        return f"TRY_CAST({expression} AS DOUBLE)"
    whole = f"regexp_full_match({expression}, {text(written.pattern)})"
    return f"CASE WHEN {whole} THEN TRY_CAST({written.plain(expression)} AS DOUBLE) END"


def boolean(expression: str, written: Numbers = PLAIN_NUMBERS) -> str:
    """The text as BOOLEAN: what DuckDB takes for one, and 1.0 and 0.0, as pandas writes a flag with gaps."""
    number_ = number(expression, written)
    return (
        f"coalesce(TRY_CAST({expression} AS BOOLEAN), CASE {number_} WHEN 1 THEN TRUE WHEN 0 THEN FALSE END)"
    )
