"""Checks that make a raw row unfit for a table; the first check that applies names the reason."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from newsletter_bandit.quoting import quoted, text
from newsletter_bandit.settings.tables import SUBJECT
from newsletter_bandit.warehouse import remedies
from newsletter_bandit.warehouse.columns import MISFIT, Column, source_of
from serving.propensity import LARGEST
from serving.ranking import MAX_USER_ID_BYTES

ELIGIBLE = "eligible_recommenders"
UNKNOWN, UNKNOWN_LISTED = "unknown", "unknown recommender"


@dataclass(frozen=True)
class Check:
    """A reason to refuse a row.

    Attributes:
      column: the column at fault.
      problem: what is wrong, in words that do not hold the value.
      allowed: values that would be right.
      type: BigQuery type of the column, where the value does not fit it; "" for another fault.
      condition: DuckDB expression over the table's columns and, as `source_of` names them, their sources;
        true where the row is refused.
    """

    column: str
    problem: str
    allowed: str
    condition: str
    type: str = ""

    def remedy(self, found: str | None) -> str:
        """What to do about the first value that was found; "" where there is nothing to say."""
        if self.type:
            return remedies.of_type(self.column, self.type, found)
        unknown = (self.column, self.problem) in (("recommender", UNKNOWN), (ELIGIBLE, UNKNOWN_LISTED))
        return remedies.of_recommender(found) if unknown else ""

    @property
    def reason(self) -> str:
        """Column and problem."""
        return f"{self.column}: {self.problem}"


def checks(
    columns: Sequence[Column],
    contract: Collection[str],
    optional: Collection[str],
    recommenders: Sequence[str],
    aliases: Sequence[Sequence[str]] = (),
    subject: str = SUBJECT,
) -> list[Check]:
    """The checks of a row by itself, in order.

    Args:
      columns: all columns of the table.
      contract: those that are not features.
      optional: those of the contract that need no value.
      recommenders: the names that may be shown.
      aliases: of these, the names that mean the same recommender.
      subject: the column of whom a row is.
    """
    found = [
        Check(
            column.name,
            MISFIT[column.type],
            column.allowed,
            f"{source_of(column.name)} IS NOT NULL AND {quoted(column.name)} IS NULL",
            column.type,
        )
        for column in columns
        # An empty list counts as missing.
        if column.type != "ARRAY<STRING>" and not column.of_split
    ]
    of_split = [column for column in columns if column.of_split]
    made_later = {column.name for column in columns if column.of_split or column.estimated}
    for name in contract:
        if name not in optional and name not in made_later:
            found.append(Check(name, "empty", "a value in each row", f"{quoted(name)} IS NULL"))
    if subject in contract:
        found += [
            Check(
                subject,
                f"longer than {MAX_USER_ID_BYTES:,} bytes",
                "ids that can be the name of a Datastore key",
                f"strlen({quoted(subject)}) > {MAX_USER_ID_BYTES}",
            ),
            Check(
                subject,
                "reserved by Datastore",
                "ids without two underscores at both ends",
                f"prefix({quoted(subject)}, '__') AND suffix({quoted(subject)}, '__') "
                f"AND strlen({quoted(subject)}) >= 4",
            ),
        ]
    names = f"[{', '.join(text(name) for name in recommenders)}]"
    one_of = f"one of {', '.join(recommenders)}"
    if "recommender" in contract:
        found += [
            Check(
                "propensity",
                "outside (0, 1]",
                "greater than 0, at most 1",
                f"NOT (propensity > 0 AND propensity <= {LARGEST})",
            ),
            Check("recommender", UNKNOWN, one_of, f"NOT list_contains({names}, recommender)"),
        ]
    # After the recommender's own, which is the reason where it is unknown.
    for column in of_split:
        missing = f"{quoted(column.name)} IS NULL"
        found.append(Check(column.name, "no share of this row's recommender", column.allowed, missing))
    if ELIGIBLE in contract:
        found.append(
            Check(
                ELIGIBLE,
                UNKNOWN_LISTED,
                f"empty for all, or some of {', '.join(recommenders)}",
                f"{ELIGIBLE} IS NOT NULL AND (NOT list_has_all({names}, {ELIGIBLE}) "
                f"OR len({ELIGIBLE}) <> list_count({ELIGIBLE}))",
            )
        )
    if ELIGIBLE in contract and "recommender" in contract:
        found.append(
            Check(
                ELIGIBLE,
                "without the recommender that was shown",
                "a list with it",
                f"NOT list_has_any({ELIGIBLE}, {_all_names('recommender', aliases)})",
            )
        )
    if "propensities" in contract:
        found.append(
            Check(
                "propensities",
                "not one for each of recommenders",
                "as many numbers as recommenders",
                "len(propensities) <> len(recommenders)",
            )
        )
    return found


def _all_names(column: str, aliases: Sequence[Sequence[str]]) -> str:
    """DuckDB expression of the list of all names of the recommender that a column names."""
    if not aliases:
        return f"[{column}]"
    lists = (f"[{', '.join(map(text, names))}]" for names in aliases)
    cases = " ".join(f"WHEN list_contains({names}, {column}) THEN {names}" for names in lists)
    return f"CASE {cases} ELSE [{column}] END"
