"""A look into the store after the last write: does it hold what it confirmed?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import pyarrow as pa

from components.prediction_storer.post_process import Stamp
from components.prediction_storer.reading import user_hashes
from newsletter_bandit.ranking_store import open_store
from newsletter_bandit.settings.environment import DatastoreStore, SQLiteStore
from serving.ranking import Ranking
from serving.stores.base import CorruptRankingError


@dataclass(frozen=True)
class Written:
    """Rows that were written, and some of their users, drawn by hash: the same whoever wrote them.

    Attributes:
      rows: how many there are.
      users: the users with the smallest hashes, by hash.
    """

    rows: int = 0
    users: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, checked: pa.RecordBatch, most: int) -> Written:
        """Those of rows of `checking.CHECKED`; at most so many users."""
        hashes = user_hashes(checked)
        smallest = np.argsort(hashes)[:most].tolist()
        users = checked.column(0)
        return cls(checked.num_rows, {int(hashes[row]): users[row].as_py() for row in smallest})

    @classmethod
    def merged(cls, parts: Iterable[Written], most: int) -> Written:
        """Those of all parts; at most so many users."""
        rows = 0
        users: dict[int, str] = {}
        for part in parts:
            rows += part.rows
            users |= part.users
            if len(users) > 2 * most:
                users = _smallest(users, most)
        return cls(rows, _smallest(users, most))


@dataclass(frozen=True)
class ReadBack:
    """What the store holds of what was written.

    Attributes:
      written: rows that were written.
      stored: rankings in the store.
      looked_at: users that were looked up.
      lost: of these, those without a ranking, or with a damaged one, or one of another run.
    """

    written: int
    stored: int
    looked_at: int
    lost: int

    @property
    def refusal(self) -> str | None:
        """What is wrong; None if nothing is."""
        if self.stored >= self.written and not self.lost:
            return None
        return (
            f"ranking store: {self.written:,} rankings were written, and it holds {self.stored:,}; of "
            f"{self.looked_at:,} that were read back, {self.lost:,} are missing, damaged or of another run. "
            "It confirmed what it did not keep: see to it, then predict again"
        )

    def to_json(self) -> str:
        """JSON that `from_json` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ReadBack:
        """Inverse of `to_json`."""
        return cls(**json.loads(text))


def read_back(written: Written, store: SQLiteStore | DatastoreStore, stamp: Stamp) -> ReadBack:
    """Looks up the users of ``written``, and counts.

    Raises:
      StoreError: the store cannot be read.
    """
    if not written.rows:
        return ReadBack(0, 0, 0, 0)
    opened = open_store(store)
    try:
        users = list(written.users.values())
        found = opened.look_up(users)
        stored = opened.count()
    finally:
        opened.close()
    lost = sum(not _is_of(found.get(user), stamp) for user in users)
    return ReadBack(written.rows, stored, len(users), lost)


def _is_of(found: Ranking | CorruptRankingError | None, stamp: Stamp) -> bool:
    return isinstance(found, Ranking) and (found.generated_at, found.model_version, found.use_case) == (
        stamp.generated_at,
        stamp.model_version,
        stamp.use_case,
    )


def _smallest(users: Mapping[int, str], most: int) -> dict[int, str]:
    return {hashed: users[hashed] for hashed in sorted(users)[:most]}
