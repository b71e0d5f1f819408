"""The mapping: how raw files become the tables of a use case, key `ingest` of its file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from newsletter_bandit.settings.base import Identifier, Probability, Settings
from newsletter_bandit.settings.names import QuotedText, RecommenderName
from newsletter_bandit.table_files.cells import Numbers

# How far the shares of a split may be from 1 in sum: three thirds may be written as 0.333.
SPLIT_TOLERANCE = 0.005
# The tables in which a split may stand for the column `propensity`.
SPLIT_TABLES = ("training", "sends")


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


ColumnSource = FromColumn | FromConstant | FromRowNumber | FromFilled | FromSplit | FromRule

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
      decimal: the sign before a number's decimals.
      thousands: the sign that may stand between thousands; with `none`, a number that has one is refused.
      date_formats: strptime formats of dates and times, the first that fits; a text that begins with
        2026-01-31 is read without one.
      epoch: unit of times that are written as a whole number since 1970 (UTC); with `none` they are refused.
      time_zone: of times that name none.
      nulls: texts that stand for an empty cell, in every column, blanks around them removed.
    """

    delimiter: Literal[",", ";", "\t", "|"] | None = None
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
        newest by it. None, or files without that column, keep the one of the newest `snapshot_date`.
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
    users: dict[str, ColumnSource] = {}
    rankings: dict[str, ColumnSource] = {}
    newest_by: str | None = None
    value_names: dict[Identifier, ValueNames] = {}
    max_rejected_share: Probability = 0.001


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
    if not isinstance(source, FromSplit | FromRule):
        return ""
    if column != "propensity" or table not in SPLIT_TABLES:
        return f"found a split; allowed: for propensity, under {' or '.join(SPLIT_TABLES)}"
    splits = [source.split] if isinstance(source, FromSplit) else list(source.splits.values())
    unknown = sorted({name for split in splits for name in split if name not in names})
    if unknown:
        return f"found {', '.join(unknown)}; allowed: {', '.join(names)}"
    return ""
