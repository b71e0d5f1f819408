"""The distribution of a run's rankings, and whether it may be stored beside that of the run before.

A model that scores nonsense still gives finite numbers. Its rankings give it away: nearly all users get the
same recommender, or the first slots are other ones than a run ago. Both also have good reasons, which the
person who raises the bound knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.prediction_storer.checking import CHECKED
from newsletter_bandit import records
from newsletter_bandit.exported_model import RECOMMENDERS
from newsletter_bandit.files import files_of, write_bytes
from newsletter_bandit.records import Fields
from newsletter_bandit.settings.use_case import Storing
from newsletter_bandit.settings.words import NEWSLETTER, Words

# Hashes of rankings that are kept; so many different rankings are counted exactly, more are estimated.
_KEPT = 1024
_RANKINGS = CHECKED.get_field_index(RECOMMENDERS)
_GO_ON = "nothing was stored; raise the bound if this is meant"


@dataclass(frozen=True)
class FirstSlots:
    """Who is first how often; two of them merge by ``+``.

    Attributes:
      users: users whose first recommender this is, by its name.
      hashes: the smallest hashes of rankings, ascending, none twice.
    """

    users: Mapping[str, int] = field(default_factory=dict)
    hashes: tuple[int, ...] = ()

    @classmethod
    def of(cls, checked: pa.RecordBatch, recommenders: tuple[str, ...]) -> FirstSlots:
        """Those of rows of `checking.CHECKED`."""
        if not checked.num_rows:
            return cls()
        rankings = checked.column(_RANKINGS)
        offsets = rankings.offsets.to_numpy()
        order = rankings.values.to_numpy(zero_copy_only=False)
        counts = np.bincount(order[offsets[:-1]], minlength=len(recommenders)).tolist()
        users = {name: count for name, count in zip(recommenders, counts, strict=True) if count}
        return cls(users, tuple(np.unique(_hashes(order, offsets))[:_KEPT].tolist()))

    @property
    def total(self) -> int:
        """All users."""
        return sum(self.users.values())

    @property
    def rankings(self) -> int:
        """Number of different rankings; an estimate, within about 3%, where there are more than 1,024."""
        if len(self.hashes) < _KEPT:
            return len(self.hashes)
        # See "On Synopses for Distinct-Value Estimation" by Beyer, Haas, Reinwald, Sismanis and Gemulla
        # (2007).
        return round((_KEPT - 1) * 2.0**64 / self.hashes[-1])

    def __add__(self, other: FirstSlots) -> FirstSlots:
        names = sorted(self.users.keys() | other.users.keys())
        return FirstSlots(
            {name: self.users.get(name, 0) + other.users.get(name, 0) for name in names},
            tuple(sorted({*self.hashes, *other.hashes})[:_KEPT]),
        )

    @classmethod
    def merged(cls, parts: Iterable[FirstSlots]) -> FirstSlots:
        """Sum of the parts; nobody for none."""
        return sum(parts, cls())

    def to_json(self) -> str:
        """JSON that `from_json` reads back."""
        return json.dumps({"users": self.users, "hashes": self.hashes})

    @classmethod
    def from_json(cls, text: str) -> FirstSlots:
        """Inverse of `to_json`."""
        content = json.loads(text)
        return cls(content["users"], tuple(content["hashes"]))


@dataclass(frozen=True)
class StoredRun:
    """The last run that stored rankings.

    Attributes:
      run_date: day that it was made for, ISO 8601.
      model_version: version that ranked.
      users: see `FirstSlots`.
      before: the last run that stored for an earlier day, without its own; None if there is none.
    """

    run_date: str
    model_version: str
    users: Mapping[str, int]
    before: StoredRun | None = None

    def write(self, path: str) -> None:
        """Makes or replaces the file, on this machine or in a bucket."""
        before = None if self.before is None else self.before._content()
        write_bytes(path, records.to_json({**self._content(), "before": before}).encode())

    def _content(self) -> dict[str, Any]:
        return {"run_date": self.run_date, "model_version": self.model_version, "users": self.users}

    def until(self, day: str) -> StoredRun | None:
        """The last run for a day before ``day``, ISO 8601: this one, or else the one before it."""
        if self.run_date < day:
            return replace(self, before=None)
        return None if self.before is None else self.before.until(day)

    @classmethod
    def read(cls, path: str, renamed: Mapping[str, str]) -> StoredRun | None:
        """Inverse of `write`, with today's names of the recommenders; None if there is no file.

        A file of an earlier version has no run of an earlier day.

        Raises:
          DataError: the file is not what `write` wrote.
        """
        if not files_of(path).exists(path):
            return None
        fields = records.read(path)
        found = cls._of(fields, renamed)
        if "before" not in fields:
            return found
        return replace(
            found, before=fields.optional("before", lambda name: cls._of(fields.object(name), renamed))
        )

    @classmethod
    def _of(cls, fields: Fields, renamed: Mapping[str, str]) -> StoredRun:
        users: dict[str, int] = {}
        stored = fields.object("users")
        for name in stored.content:
            today = renamed.get(name, name)
            users[today] = users.get(today, 0) + stored.whole(name)
        return cls(fields.text("run_date"), fields.text("model_version"), users)


@dataclass(frozen=True)
class Judge:
    """Says whether rankings may be stored.

    Attributes:
      storing: the bounds.
      offered: recommenders that may be ranked.
      previous: the last run that stored; None if there is none.
      words: what the reasons call things.
    """

    storing: Storing
    offered: tuple[str, ...]
    previous: StoredRun | None = None
    words: Words = NEWSLETTER

    def refusal(self, found: FirstSlots) -> str | None:
        """The reason why nothing may be stored; None if storing is allowed."""
        if found.total < self.storing.judged_from_users:
            return None
        return self._collapsed(found) or self._moved(found)

    def _collapsed(self, found: FirstSlots) -> str | None:
        storing = self.storing
        first = max(found.users, key=lambda name: found.users[name])
        share = found.users[first] / found.total
        if share > storing.max_first_share:
            return (
                f"predictions: {first} is first for {share:.1%} of {found.total:,} {self.words.subjects}, in "
                f"{found.rankings:,} different rankings; allowed: {storing.max_first_share:.1%} "
                f"(storing.max_first_share); {_GO_ON}"
            )
        if found.rankings < storing.min_distinct_rankings:
            return (
                f"predictions: found {found.rankings:,} different rankings for {found.total:,} "
                f"{self.words.subjects}; allowed: {storing.min_distinct_rankings:,} or more "
                f"(storing.min_distinct_rankings); {_GO_ON}"
            )
        return None

    def _moved(self, found: FirstSlots) -> str | None:
        before, bound = self.previous, self.storing.max_share_change
        if before is None:
            return None
        # What may no longer be ranked had to move.
        kept = {name: users for name, users in before.users.items() if name in self.offered}
        total = sum(kept.values())
        if total < self.storing.judged_from_users:
            return None
        moves = {
            name: found.users.get(name, 0) / found.total - kept.get(name, 0) / total
            for name in sorted(kept.keys() | found.users.keys())
        }
        moved = sum(abs(move) for move in moves.values()) / 2
        if moved <= bound:
            return None
        most = max(moves, key=lambda name: abs(moves[name]))
        return (
            f"predictions: {moved:.0%} of the {self.words.subjects} get another first recommender than in "
            f"the run of {before.run_date} with model {before.model_version} ({most}: "
            f"{kept.get(most, 0) / total:.1%} then, {found.users.get(most, 0) / found.total:.1%} now); "
            f"allowed: {bound:.0%} (storing.max_share_change); {_GO_ON}"
        )


def _hashes(order: npt.NDArray[Any], offsets: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Uniform hashes of rankings, uint64 [n], the same in every process.

    Args:
      order: positions of recommenders, one ranking after the other.
      offsets: where each of the n rankings begins, and the last one ends; none is empty.
    """
    place = np.arange(len(order)) - np.repeat(offsets[:-1], np.diff(offsets))
    each = _mixed(order.astype(np.uint64) + _mixed(place.astype(np.uint64)))
    return _mixed(np.add.reduceat(each, offsets[:-1]))


def _mixed(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's finalizer: every bit of the result depends on every bit of ``x``."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
