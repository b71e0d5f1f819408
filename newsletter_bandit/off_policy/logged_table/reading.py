"""Reads a logged table of any size, batch by batch; refusals name file, column and row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy.estimators.base import is_probability
from newsletter_bandit.off_policy.logged_table.arrays import coded, floats, nulls
from newsletter_bandit.off_policy.logged_table.columns import Columns
from newsletter_bandit.off_policy.logged_table.files import Source, connect
from newsletter_bandit.off_policy.logged_table.users import Users
from newsletter_bandit.quoting import quoted
from newsletter_bandit.table_files.cells import HOW_TO_WRITE_NUMBERS, is_separated
from newsletter_bandit.table_files.faults import blanks_removed, found_text, unreadable
from newsletter_bandit.table_files.repeats import check_different
from serving.propensity import is_propensity

BATCH_ROWS = 131_072
MAX_SLOTS = 100
# A distribution written as float32, or rounded to a few digits, may miss 1 by this much.
SUM_TOLERANCE = 1e-3

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """A batch of n rows, every value checked.

    Attributes:
      first_row: number of the batch's first row among the rows of all files, counted from 0 in reading order.
      texts: role -> [n] text.
      numbers: role -> float64 [n].
      labels: column -> [n] text, null where the cell is empty.
      actions: the A actions of ``evaluation_probabilities``; empty without them.
      evaluation_probabilities: float64 [n, A].
    """

    first_row: int
    texts: dict[str, pa.Array]
    numbers: dict[str, FloatArray]
    labels: dict[str, pa.Array]
    actions: tuple[str, ...]
    evaluation_probabilities: FloatArray

    def __len__(self) -> int:
        return len(self.numbers["reward"])


class LoggedTable:
    """One table in one or more files, CSV or Parquet, read in their order.

    A CSV is UTF-8 with one header line, and its delimiter is comma, semicolon, tab or bar (`.csv`, `.csv.gz`,
    `.tsv`). Blanks around a text are removed. An empty cell is a missing value. Numbers may be written as
    true and false.

    Args:
      files: files that all have the columns to read.
      columns: what to read.
      reward_range: smallest and largest reward allowed.

    Raises:
      DataError: a file is missing, unreadable, given twice, or lacks a column.
    """

    def __init__(
        self, files: Sequence[Path], columns: Columns, reward_range: tuple[float, float] | None = None
    ) -> None:
        if not files:
            raise DataError("no file; allowed: one or more CSV or Parquet files")
        check_different(files)
        self.files = tuple(files)
        self.columns = columns
        self.reward_range = reward_range
        self._sources = [Source.open(path, columns) for path in files]
        self._padded: Counter[str] = Counter()
        self._users = Users()
        self.actions = tuple(self._sources[0].probabilities)
        for source in self._sources[1:]:
            if set(source.probabilities) != set(self.actions):
                raise DataError(
                    f"{source.path}: evaluation probabilities of {', '.join(source.probabilities)}; "
                    f"allowed: of the same actions as in {files[0]}: {', '.join(self.actions)}"
                )

    def batches(self, batch_rows: int = BATCH_ROWS) -> Iterator[Rows]:
        """The rows in batches of 1 to ``batch_rows``; rankings one after another, positions in order.

        Raises:
          DataError: a cell is missing, not a number, or outside its range; names file, column, row (from 1,
            without the header), what was found and what is allowed.
        """
        self._padded.clear()
        self._users = Users()
        ordered = self.columns.slate is not None
        queries = (
            [f"SELECT * FROM ({' UNION ALL '.join(self._query(i) for i in range(len(self._sources)))}) "
             "ORDER BY text_slate, number_position, file, row"]
            if ordered
            else [self._query(i) for i in range(len(self._sources))]
        )  # fmt: skip
        first_row = 0
        for query in queries:
            with connect() as connection:
                try:
                    reader = connection.sql(query).to_arrow_reader(batch_rows)
                    for batch in reader:
                        if batch.num_rows:
                            yield self._rows(batch, first_row)
                            first_row += batch.num_rows
                except duckdb.Error as error:
                    raise unreadable(self._names, error) from None

    @property
    def _names(self) -> str:
        return ", ".join(map(str, self.files))

    @property
    def users(self) -> int:
        """Different users, once all batches were read; 0 without a column of users. See `Users`."""
        return self._users.count

    @property
    def said(self) -> list[str]:
        """Sentences on how the files were read; those on blanks hold once all batches were read."""
        of_files = [sentence for source in self._sources for sentence in source.said]
        return of_files + blanks_removed(self._names, self._padded)

    def slots(self) -> int:
        """Number of positions of the longest ranking.

        Raises:
          DataError: two rows of a ranking share a position, or a ranking has more than `MAX_SLOTS`.
        """
        slate, position = self.columns.slate, self.columns.position
        union = " UNION ALL ".join(
            f"SELECT {source.text(str(slate))} AS slate, {source.number(str(position))} AS place "
            f"FROM {source.reader}"
            for source in self._sources
        )
        query = (
            "SELECT slate, count(*), count(*) - count(DISTINCT place) "
            f"FROM ({union}) WHERE slate IS NOT NULL AND place IS NOT NULL GROUP BY slate "
            "ORDER BY 3 DESC, 2 DESC, 1 LIMIT 1"
        )
        with connect() as connection:
            try:
                twice = connection.execute(query).fetchone()
                most = connection.execute(query.replace("ORDER BY 3 DESC, ", "ORDER BY ")).fetchone()
            except duckdb.Error as error:
                raise unreadable(self._names, error) from None
        if twice is None or most is None:
            return 0
        if twice[2]:
            raise DataError(
                f"{self._names}: column {position}: two rows of {slate} {found_text(twice[0])} share a "
                "position; allowed: each position once"
            )
        if most[1] > MAX_SLOTS:
            raise DataError(
                f"{self._names}: column {slate}: {found_text(most[0])} stands in {most[1]:,} rows; allowed: "
                f"rankings of {MAX_SLOTS} positions at most"
            )
        return int(most[1])

    def _query(self, number: int) -> str:
        """Converted columns of one file; a number that is none becomes NULL and is looked at again when
        refused.
        """
        source = self._sources[number]
        selected = [f"{number} AS file", "row_number() OVER () AS row"]
        selected += [f"{source.text(c)} AS {quoted('text_' + r)}" for r, c in self.columns.texts.items()]
        selected += [f"{source.label(c)} AS {quoted('label_' + c)}" for c in self.columns.labels]
        if self.columns.user is not None:
            selected.append(f"hash({source.text(self.columns.user)}) AS hash_user")
        selected += [f"{source.blanks(c)} AS {quoted('padded_' + c)}" for c in self._texts]
        selected += [
            f"{source.number(c)} AS {quoted('number_' + r)}" for r, c in self.columns.numbers.items()
        ]
        selected += [
            f"{source.number(source.probabilities[action])} AS {quoted('pi_' + action)}"
            for action in self.actions
        ]
        return f"SELECT {', '.join(selected)} FROM {source.reader}"

    @property
    def _texts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.columns.texts.values(), *self.columns.labels)))

    def _rows(self, batch: pa.RecordBatch, first_row: int) -> Rows:
        arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
        if self.columns.user is not None:
            self._users.add(arrays["hash_user"].to_numpy())
        for column in self._texts:
            self._padded[column] += arrays[f"padded_{column}"].true_count
        where = _Where(self._sources, arrays["file"], arrays["row"])
        texts, numbers = {}, {}
        for role, column in self.columns.texts.items():
            texts[role] = arrays[f"text_{role}"]
            where.refuse(column, nulls(texts[role]), "a value")
        for role, column in self.columns.numbers.items():
            numbers[role] = where.finite(column, arrays[f"number_{role}"])
        if "propensity" in numbers:
            p = numbers["propensity"]
            where.refuse(self.columns.propensity, ~is_propensity(p), "more than 0 and at most 1")
        if "evaluation_probability" in numbers:
            p = numbers["evaluation_probability"]
            where.refuse(self.columns.evaluation_probability, ~is_probability(p), "0 to 1")
        if self.reward_range is not None:
            low, high = self.reward_range
            r = numbers["reward"]
            where.refuse(
                self.columns.reward, ~((r >= low) & (r <= high)), f"{low:g} to {high:g}, the reward range"
            )
        return Rows(
            first_row=first_row,
            texts=texts,
            numbers=numbers,
            labels={column: arrays[f"label_{column}"] for column in self.columns.labels},
            actions=self.actions,
            evaluation_probabilities=self._distribution(arrays, where, texts["action"]),
        )

    def _distribution(self, arrays: dict[str, pa.Array], where: _Where, action: pa.Array) -> FloatArray:
        if not self.actions:
            return np.zeros((len(action), 0))
        found = np.empty((len(action), len(self.actions)))
        for index, name in enumerate(self.actions):
            column = self._sources[0].probabilities[name]
            found[:, index] = where.finite(column, arrays[f"pi_{name}"])
            where.refuse(column, ~is_probability(found[:, index]), "0 to 1")
        total = found.sum(axis=1)
        wrong = np.abs(total - 1.0) > SUM_TOLERANCE
        if wrong.any():
            at = int(np.argmax(wrong))
            raise DataError(
                f"{where.name(at)}: the {len(self.actions)} evaluation probabilities sum to {total[at]:.6g}; "
                "allowed: 1"
            )
        codes, names = coded(action)
        known = np.array([name in self.actions for name in names], dtype=np.bool_)[codes]
        if not known.all():
            where.refuse(
                self.columns.action, ~known, f"an action with a column: {', '.join(self.actions[:20])}"
            )
        return found


class _Where:
    """Names the location of a value that is refused."""

    def __init__(self, sources: Sequence[Source], file: pa.Array, row: pa.Array) -> None:
        self._sources = sources
        self._file = file
        self._row = row

    def name(self, at: int) -> str:
        return f"{self._sources[self._file[at].as_py()].path}: row {self._row[at].as_py()}"

    def finite(self, column: str, found: pa.Array) -> FloatArray:
        values = floats(found)
        self.refuse(column, ~np.isfinite(values), "a finite number")
        return values

    def refuse(self, column: str | None, wrong: npt.NDArray[np.bool_], allowed: str) -> None:
        """Raises DataError for the first row that is wrong."""
        if column is None or not wrong.any():
            return
        at = int(np.argmax(wrong))
        source = self._sources[self._file[at].as_py()]
        row = int(self._row[at].as_py())
        # Another file may name an action's column alike; the cell is read again as it stands.
        cell = source.cell(column, row)
        remedy = f"; {HOW_TO_WRITE_NUMBERS}" if cell is not None and _is_no_number(cell) else ""
        raise DataError(
            f"{source.path}: column {column}, row {row}: found {found_text(cell)}; allowed: {allowed}{remedy}"
        )


def _is_no_number(cell: str) -> bool:
    """Whether separators alone keep a cell from being a number."""
    return is_separated(cell) and re.fullmatch(r"[-+]?\d+(\.\d*)?", cell.strip()) is None
