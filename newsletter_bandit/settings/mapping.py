"""The mapping: how raw files become the tables of a use case, key `ingest` of its file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from newsletter_bandit.settings.base import Identifier, Probability, Settings
from newsletter_bandit.settings.names import QuotedText, RecommenderName
from newsletter_bandit.table_files.cells import Numbers
from newsletter_bandit.table_files.encoding import Encoding

# How far the shares of a split may be from 1 in sum: three thirds may be written as 0.333.
SPLIT_TOLERANCE = 0.005
# The tables in which a split may stand for the column `propensity`.
SPLIT_TABLES = ("training", "sends")
# The table and its column that may be estimated.
ESTIMATED = ("training", "propensity")


class FromColumn(Settings):
    """The value of a column of the raw file.

    With ``at_least``, the column counts something and the table's flag is true from this count on.
    """

    column: str
    at_least: float | None = Field(default=None, gt=0.0, le=1e9)


class FromFilled(Settings):
    """True where the column of the raw file holds a value, false where it is empty."""

    filled: str


class FromConstant(Settings):
    """A constant value for every row."""

    constant: str | float | bool


class FromRowNumber(Settings):
    """``prefix`` followed by the row's number in the file, from 1."""

    row_number: str


# Of each recommender that was sent, the probability with which it was drawn.
Split = dict[RecommenderName, Annotated[float, Field(gt=0.0, le=1.0)]]


class FromSplit(Settings):
    """The propensity of a known split: each recommender's share, the same for all rows."""

    split: Split

    @model_validator(mode="after")
    def _whole(self) -> FromSplit:
        _check_sum("split", self.split)
        return self


class FromRule(Settings):
    """The propensity of a split that depends on a column of the file: its value -> each recommender's share.

    An empty value is the empty cell.
    """

    rule: str
    splits: dict[QuotedText, Split]

    @model_validator(mode="after")
    def _whole(self) -> FromRule:
        if not self.splits:
            raise ValueError("splits: none given; allowed: one for each value of the column")
        for value, split in self.splits.items():
            _check_sum(f"splits.{value}", split)
        return self


class FromEstimate(Settings):
    """The propensity of a log without one, where columns of the file decided: the recommender's share among
    the rows that are alike in these columns and in `eligible_recommenders`.

    See "The Central Role of the Propensity Score in Observational Studies for Causal Effects" by Rosenbaum
    and Rubin (1983): it is right if the columns are all that decided, and nothing in a log shows whether they
    are. That an estimate by shares does as well as the truth then, if rows are many, is in "Efficient
    Estimation of Average Treatment Effects Using the Estimated Propensity Score" by Hirano, Imbens and Ridder
    (2003).

    Attributes:
      estimated_by: the columns that decided, together.
      column: column with the propensity of the rows that have one; its empty cells alone are estimated.
      smoothing: so many rows more, with the shares of all rows, are taken to be in each group of rows that
        are alike.
      min_rows: rows of a smaller group are refused.
    """

    estimated_by: Annotated[tuple[QuotedText, ...], Field(min_length=1, max_length=20)]
    column: str | None = None
    smoothing: float = Field(default=1.0, ge=0.0, le=1000.0)
    min_rows: int = Field(default=100, ge=1, le=1_000_000_000)


ColumnSource = FromColumn | FromConstant | FromRowNumber | FromFilled | FromSplit | FromRule | FromEstimate

# Value of a file -> what it stands for; "" is the empty cell.
ValueNames = dict[QuotedText, str | bool | float]


def _check_sum(key: str, split: Mapping[str, float]) -> None:
    total = sum(split.values())
    if abs(total - 1.0) > SPLIT_TOLERANCE:
        raise ValueError(f"{key}: the shares add up to {total:.4g}; allowed: 1, as in 0.4, 0.3, 0.3")


def _date_format(written: str) -> str:
    codes = [each[0] for each in written.split("%")[1:] if each]
    if not {"y", "Y"} & set(codes) or {"z", "Z"} & set(codes):
        raise ValueError(
            f"found {written!r}; allowed: strptime codes with a year and without a zone, such as "
            "%d.%m.%Y %H:%M (a time that names its zone is written 2026-01-31 08:00:00+01:00)"
        )
    return written


THOUSANDS = {"none": "", "point": ".", "comma": ",", "apostrophe": "'’", "blank": " \u00a0\u202f"}


class FileFormat(Settings):
    """How the files write what they hold; the same for all tables. Typed columns of Parquet are as they are.

    Attributes:
      delimiter: between the columns of a CSV; None finds it by the header.
      encoding: of CSV files that are not UTF-8. None takes UTF-8 alone, and UTF-16 with its mark; a file that
        is one of these by its bytes is read as such in any case.
      decimal: the sign before a number's decimals.
      thousands: the sign that may stand between thousands; with `none`, a number that has one is refused.
      date_formats: strptime formats of dates and times, the first that fits; a text that begins with
        2026-01-31 is read without one.
      epoch: unit of times that are written as a whole number since 1970 (UTC); with `none` they are refused.
      time_zone: of times that name none.
      nulls: texts that stand for an empty cell, in every column, blanks around them removed.
    """

    delimiter: Literal[",", ";", "\t", "|"] | None = None
    encoding: Encoding | None = None
    decimal: Literal["point", "comma"] = "point"
    thousands: Literal["none", "point", "comma", "apostrophe", "blank"] = "none"
    date_formats: tuple[Annotated[QuotedText, AfterValidator(_date_format)], ...] = ()
    epoch: Literal["none", "seconds", "milliseconds"] = "none"
    time_zone: QuotedText = "UTC"
    nulls: tuple[QuotedText, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> FileFormat:
        if self.thousands == self.decimal:
            raise ValueError(f"thousands: found {self.thousands}, as decimal has; allowed: another sign")
        return self

    @property
    def numbers(self) -> Numbers:
        """How texts write numbers."""
        return Numbers({"point": ".", "comma": ","}[self.decimal], THOUSANDS[self.thousands])


class Ingest(Settings):
    """How raw files become tables: the columns that a file names or holds differently, and what is refused.

    Attributes:
      format: how the files write dates, numbers and empty cells.
      newest_by: column of the file with a time. Of several rows of one user, the inference table keeps the
        newest by it. None takes `snapshot_date`, and of files without it the time of sending, as `training`
        reads it.
      value_names: of a table's column, values of a file and the names that they stand for, such as
        ``{recommender: {"1": deals}}``. An empty value is the empty cell.
      max_rejected_share: share of rows that may be refused before nothing is loaded.
    """

    format: FileFormat = FileFormat()
    training: dict[str, ColumnSource] = {}
    inference: dict[str, ColumnSource] = {}
    sends: dict[str, ColumnSource] = {}
    clicks: dict[str, ColumnSource] = {}
    unsubscribes: dict[str, ColumnSource] = {}
    outcomes: dict[str, ColumnSource] = {}
    users: dict[str, ColumnSource] = {}
    contexts: dict[str, ColumnSource] = {}
    rankings: dict[str, ColumnSource] = {}
    newest_by: str | None = None
    value_names: dict[Identifier, ValueNames] = {}
    max_rejected_share: Probability = 0.001

    def splits_without(self, names: Collection[str]) -> tuple[str, ...]:
        """Where shares of recommenders are named, such as "ingest.training.propensity.split", and none of
        ``names`` is among them.
        """
        found: list[str] = []
        for table in SPLIT_TABLES:
            source = getattr(self, table).get("propensity")
            if isinstance(source, FromSplit) and source.split.keys().isdisjoint(names):
                found.append(f"ingest.{table}.propensity.split")
            elif isinstance(source, FromRule) and all(
                split.keys().isdisjoint(names) for split in source.splits.values()
            ):
                found.append(f"ingest.{table}.propensity.splits")
        return tuple(found)

    @property
    def estimated_by(self) -> tuple[str, ...]:
        """The columns by which propensities are estimated; none where they are known."""
        source = self.training.get("propensity")
        return source.estimated_by if isinstance(source, FromEstimate) else ()


def source_fault(table: str, column: str, type_: str, source: ColumnSource, names: Collection[str]) -> str:
    """What is wrong with the source of a table's column; "" where it fits.

    Args:
      table: the table.
      column: its column.
      type_: the column's BigQuery type.
      source: where a file has it.
      names: the recommenders, by all names that they have or had.
    """
    flag = isinstance(source, FromFilled) or (isinstance(source, FromColumn) and source.at_least is not None)
    if flag and type_ != "BOOL":
        key = "filled" if isinstance(source, FromFilled) else "at_least"
        return f"found {key}; allowed: for columns of true or false"
    if isinstance(source, FromEstimate) and (table, column) != ESTIMATED:
        return f"found estimated_by; allowed: for {ESTIMATED[1]}, under {ESTIMATED[0]}"
    if not isinstance(source, FromSplit | FromRule):
        return ""
    if column != "propensity" or table not in SPLIT_TABLES:
        return f"found a split; allowed: for propensity, under {' or '.join(SPLIT_TABLES)}"
    splits = [source.split] if isinstance(source, FromSplit) else list(source.splits.values())
    unknown = sorted({name for split in splits for name in split if name not in names})
    if unknown:
        return f"found {', '.join(unknown)}; allowed: {', '.join(names)}"
    return ""
