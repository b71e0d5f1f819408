"""Tries a mapping on files without a warehouse: which rows would be loaded, and which refused and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.queries import check_columns
from newsletter_bandit.warehouse.refusals import Refusal, refusals_of
from newsletter_bandit.warehouse.staging import Table, check_constants, stage


@dataclass(frozen=True)
class Trial:
    """What `ingest` would do with the files.

    Attributes:
      read: rows of the files.
      refusals: one entry per reason, most rows first.
      older: rows left out because the same user has a newer one.
      said: sentences on the estimated propensities; none where they are known.
    """

    read: int
    refusals: tuple[Refusal, ...]
    older: int
    said: tuple[str, ...] = ()

    @property
    def refused(self) -> int:
        """Refused rows."""
        return sum(refusal.rows for refusal in self.refusals)

    @property
    def good(self) -> int:
        """Rows that would be loaded into an empty table."""
        return self.read - self.refused - self.older


def try_out(use_case: UseCase, table: Table, files: Sequence[Path]) -> Trial:
    """Stages the files in memory, as `ingest` does, and loads nothing; raises as `ingest` does."""
    check_columns(use_case)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        check_constants(connection, use_case, table)
        staged = stage(connection, use_case, table, files)
        return Trial(staged.rows, refusals_of(connection, staged, files), staged.older, staged.estimates)
