"""How texts of a file look: numbers, dates and empty cells, as regular expressions and formats of DuckDB."""

from __future__ import annotations

from newsletter_bandit.table_files.dates import MONTH

LEADING_ZERO = r"0\d+"
# 18. November 2026, 18-Nov-26, Nov 18, 2026
_NAMED = rf"\d{{1,2}}(\.? |[.-]){MONTH}[ .-]\d{{2,4}}|{MONTH} \d{{1,2}},? \d{{4}}"
DATE = rf"(\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}|\d{{4}}[./-]\d{{1,2}}[./-]\d{{1,2}}|{_NAMED})"
TIME = rf"{DATE}(T|,? )\d.*"
ISO = r"\d{4}-\d{2}-\d{2}([ T].*)?"
# A number with separators, whichever they are.
SEPARATED = r"[-+]?(\d{1,3}([.,'’ \x{a0}\x{202f}]\d{3})+([.,]\d+)?|\d+[.,]\d+)"
ZONED = r".*\d([ ]?Z|[ ]?UTC|[ ]?[+-]\d{2}(:?\d{2})?)"

# Formats of days besides 2026-01-31. Those of two digits come first: %Y would take 26 for the year 26.
DAYS = (
    "%d.%m.%y", "%d.%m.%Y", "%d/%m/%y", "%d/%m/%Y", "%m/%d/%y", "%m/%d/%Y", "%d-%m-%Y", "%Y-%m-%d",
    "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
)  # fmt: skip
# The same with months by name, short or long, in English or German.
NAMED_DAYS = (
    "%d. %b %y", "%d. %b %Y", "%d %b %y", "%d %b %Y", "%d-%b-%y", "%d-%b-%Y", "%d.%b.%y", "%d.%b.%Y",
    "%b %d, %Y", "%b %d %Y",
)  # fmt: skip
HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S")
MONTH_FIRST = ("%m/%d/%Y", "%m/%d/%y")
DAY_FIRST = ("%d/%m/%Y", "%d/%m/%y")

# Texts that mean an empty cell only among numbers, dates or flags: NA is a country too.
TYPED_NULLS = ("NA", "na", "-", "--", "?", "None", "none", "nil", "unknown", "k.A.", "k. A.", "unbekannt")

TRUE = ("1", "1.0", "1,0", "true", "t", "yes", "y", "ja", "j", "wahr", "oui", "si", "x")
FALSE = ("0", "0.0", "0,0", "false", "f", "no", "n", "nein", "falsch", "non")
