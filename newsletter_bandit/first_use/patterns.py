"""How texts of a file look: numbers, dates and empty cells, as regular expressions and formats of DuckDB."""

from __future__ import annotations

LEADING_ZERO = r"0\d+"
DATE = r"(\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2})"
TIME = rf"{DATE}[ T]\d.*"
ISO = r"\d{4}-\d{2}-\d{2}([ T].*)?"
# A number with separators, whichever they are.
SEPARATED = r"[-+]?(\d{1,3}([.,'’ \x{a0}\x{202f}]\d{3})+([.,]\d+)?|\d+[.,]\d+)"
ZONED = r".*\d([ ]?Z|[ ]?UTC|[ ]?[+-]\d{2}(:?\d{2})?)"

# Formats of days besides 2026-01-31. Those of two digits come first: %Y would take 26 for the year 26.
DAYS = (
    "%d.%m.%y", "%d.%m.%Y", "%d/%m/%y", "%d/%m/%Y", "%m/%d/%y", "%m/%d/%Y", "%d-%m-%Y", "%Y-%m-%d",
    "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
)  # fmt: skip
HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
MONTH_FIRST = ("%m/%d/%Y", "%m/%d/%y")
DAY_FIRST = ("%d/%m/%Y", "%d/%m/%y")

# Texts that mean an empty cell only among numbers, dates or flags: NA is a country too.
TYPED_NULLS = ("NA", "na", "-", "--", "?", "None", "none", "nil", "unknown", "k.A.", "k. A.", "unbekannt")

TRUE = ("1", "1.0", "1,0", "true", "t", "yes", "y", "ja", "j", "wahr", "oui", "si", "x")
FALSE = ("0", "0.0", "0,0", "false", "f", "no", "n", "nein", "falsch", "non")
