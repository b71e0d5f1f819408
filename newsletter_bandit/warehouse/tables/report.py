"""Reports of a build: rows written, rows left out by reason, and cost."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from newsletter_bandit.settings.tables import SUBJECT
from newsletter_bandit.settings.words import NEWSLETTER, Words
from newsletter_bandit.warehouse.bigquery import Job
from newsletter_bandit.warehouse.loading import Loading, time_of_loading
from newsletter_bandit.warehouse.outcomes import Outcomes


def reasons(words: Words, key: str) -> dict[str, str]:
    """Value of `left_out` in `_sends.sql` -> its meaning."""
    return {
        "missing_value": f"without send_id, {key}, sent_at, campaign or recommender",
        "duplicate": "further deliveries of a send",
        "unknown_recommender": "of a recommender that the use case does not have",
        "not_eligible": "of a recommender that was not eligible",
        "no_propensity": "without a propensity, of their own or of a served ranking",
        "bad_propensity": "with a propensity outside (0, 1]",
        "unnamed_user": f"without {key}",
        "second_row": f"further rows of {words.a_subject}",
    }


@dataclass(frozen=True)
class TableReport:
    """Report on one table.

    Attributes:
      table: name of the table in the settings.
      content: the replaced rows, in words.
      source: name of the raw rows, such as `sends`.
      written: rows that it gained.
      removed: rows that they replaced.
      left_out: raw rows by the reason, a key of `reasons`.
      without_features: written rows whose user has no snapshot.
      outcomes: what came of the written rows; None for the inference table.
      notes: further lines, such as those of `Outcomes.lines`.
      words: what the lines call things.
      key: column of the subject.
    """

    table: str
    content: str
    source: str
    written: int
    removed: int
    left_out: dict[str, int] = field(default_factory=dict)
    without_features: int = 0
    outcomes: Outcomes | None = None
    notes: tuple[str, ...] = ()
    words: Words = NEWSLETTER
    key: str = SUBJECT

    def loading(self, now: dt.datetime) -> Loading:
        """The build as the report of a training tells of it; ``now`` is an aware time."""
        left_out = {
            f"{self.source} {reasons(self.words, self.key)[reason]}": rows
            for reason, rows in self.left_out.items()
            if rows
        }
        read = self.written + sum(left_out.values())
        return Loading("build-tables", time_of_loading(now), read, self.written, 0, left_out)

    def __str__(self) -> str:
        lines = [f"{self.table}, {self.content}: {self.written:,} rows written in place of {self.removed:,}."]
        for reason, rows in sorted(self.left_out.items(), key=lambda item: (-item[1], item[0])):
            lines.append(f"  left out: {rows:,} {self.source} {reasons(self.words, self.key)[reason]}")
        if self.without_features:
            whose = f"rows, whose {self.words.subjects} have no snapshot"
            lines.append(f"  without features: {self.without_features:,} {whose}")
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)


@dataclass(frozen=True)
class BuildReport:
    """Report of a build.

    Attributes:
      tables: one entry for each table that was built.
      jobs: BigQuery's jobs, in order.
      seconds: wall clock.
    """

    tables: tuple[TableReport, ...]
    jobs: tuple[Job, ...]
    seconds: float

    def of(self, table: str) -> TableReport | None:
        """The entry of a table, by its name in the settings; None if it was not built."""
        return next((found for found in self.tables if found.table == table), None)

    def __str__(self) -> str:
        lines = [str(table) for table in self.tables]
        lines += [f"Job {job.job_id}: {job.bytes_billed:,} bytes billed" for job in self.jobs]
        billed = f", {sum(job.bytes_billed for job in self.jobs):,} bytes billed" if self.jobs else ""
        return "\n".join([*lines, f"Done in {self.seconds:.1f} s{billed}."])


@dataclass(frozen=True)
class DryRun:
    """Bytes that a build would read.

    Attributes:
      bytes_read: bytes by the name of the statement; None on the embedded warehouse, where reading costs
        nothing.
      limit: most bytes that one of them may read, or None.
    """

    bytes_read: dict[str, int | None]
    limit: int | None

    def __str__(self) -> str:
        lines = [
            f"{name}: the SQL can be run" + (f" and reads {count:,} bytes" if count is not None else "")
            for name, count in self.bytes_read.items()
        ]
        if self.limit is not None:
            lines.append(f"Limit of each: {self.limit:,} bytes.")
        return "\n".join([*lines, "Dry run: nothing was written."])


def days(start: dt.date, end: dt.date) -> str:
    """`sends of 2026-01-05 to 2026-02-01`: first and last day."""
    return f"sends of {start} to {end - dt.timedelta(days=1)}"
