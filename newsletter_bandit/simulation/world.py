"""A world: users, their true preferences, and the newsletters they receive.

A user receives at most one newsletter in an ISO week (the campaign), and keeps receiving them after an
unsubscribe: users stand for many alike, and the log keeps its size.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.files import write_text
from newsletter_bandit.settings.reward import Reward
from newsletter_bandit.settings.tables import (
    INFERENCE_COLUMNS,
    OPTIONAL_COLUMNS,
    TRAINING_COLUMNS,
    WAREHOUSE_TYPE,
)
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation import catalogue, tables
from newsletter_bandit.simulation.behaviour import Audience, Policy, draw
from newsletter_bandit.simulation.preferences import Preferences
from newsletter_bandit.simulation.users import Bools, Floats, Ints, Users, draw_users
from serving.propensity import is_propensity

_FORMAT = "simulated-world-1"
_USERS, _PREFERENCES, _LOG, _OUTCOMES, _RECIPIENTS = range(5)  # streams of random numbers that never meet
_CHUNK = 1 << 16  # newsletters simulated at a time; bounds the memory of the [n, K] arrays
_FIRST_HOUR, _HOURS = 6, 4  # newsletters leave from 6 to 10 o'clock UTC
_MICROSECONDS_PER_HOUR = 3_600_000_000


class World:
    """Users and the truth about them. Two worlds with equal arguments behave alike.

    Users are addressed by position, 0 to `size` - 1; `positions` finds those of user ids. Days may be one
    date or an array of datetime64[D], one per user. K columns stand in the order of `recommenders`.
    """

    def __init__(
        self,
        seed: int,
        size: int,
        epoch: dt.date,
        recommenders: Sequence[str] = catalogue.RECOMMENDERS,
        features: Sequence[str] = tuple(catalogue.FEATURES),
        reward: Reward | None = None,
    ) -> None:
        """Draws the world.

        Args:
          seed: 0 or more.
          size: number of users, 1 or more.
          epoch: first day on which newsletters can be sent; everyone has registered before it.
          recommenders: those that can be sent, a part of catalogue.RECOMMENDERS.
          features: columns of the tables, a part of catalogue.FEATURES. The truth depends on all of them.
          reward: of clicks and unsubscribes alone.

        Raises:
          SettingsError: a number is out of range, or the world does not know a recommender or feature.
        """
        if seed < 0 or size < 1:
            raise SettingsError(f"world: found seed {seed}, size {size}; allowed: seed >= 0, size >= 1")
        catalogue.check_recommenders(tuple(recommenders), "world")
        catalogue.check_features(tuple(features), "world")
        self.seed = seed
        self.size = size
        self.epoch = epoch
        self.recommenders = tuple(recommenders)
        self.features = tuple(features)
        self.reward = reward or Reward()
        self.users: Users = draw_users(self._rng(_USERS), size)
        self._preferences = Preferences(self._rng(_PREFERENCES))
        self._columns = np.array([catalogue.RECOMMENDERS.index(name) for name in self.recommenders])
        self._ids = tables.user_ids(self.users.number)

    @classmethod
    def of(cls, use_case: UseCase, seed: int, size: int, epoch: dt.date) -> World:
        """A world that plays `use_case`; raises `SettingsError` if it cannot."""
        catalogue.check(use_case)
        return cls(seed, size, epoch, use_case.recommenders, tuple(use_case.features), use_case.reward)

    # --- the truth ---------------------------------------------------------------------------------------

    def eligible(self, users: Ints) -> Bools:
        """Mask of the recommenders that may be sent to each user [n, K]; it does not change with time."""
        mask: Bools = self.users.take(users).eligible()[:, self._columns]
        return mask

    def click_probability(self, users: Ints, day: dt.date | np.ndarray[Any, Any]) -> Floats:
        """P(click | user, recommender) on `day` [n, K], whether eligible or not.

        Raises:
          DataError: a day lies before the epoch.
        """
        probability = self._preferences.click_probability(self.users.take(users), self._days(day, len(users)))
        return probability[:, self._columns]

    def unsubscribe_probability(self, users: Ints) -> Floats:
        """P(unsubscribe | click, user, recommender) [n, K]."""
        return self._preferences.unsubscribe_probability(self.users.take(users))[:, self._columns]

    def expected_reward(self, users: Ints, day: dt.date | np.ndarray[Any, Any]) -> Floats:
        """E[reward | user, recommender] on `day` [n, K], whether eligible or not.

        reward.click × P(click, no unsubscribe) + reward.unsubscribe × P(click, unsubscribe).
        """
        click = self.click_probability(users, day)
        both = click * self.unsubscribe_probability(users)
        return self.reward.click * (click - both) + self.reward.unsubscribe * both

    # --- traffic -----------------------------------------------------------------------------------------

    def log(
        self, first_day: dt.date, newsletters: Sequence[int] | Ints, policy: Policy, seed: int = 0
    ) -> pa.Table:
        """Training rows of newsletters that `policy` fills, in the order of sending.

        Args:
          first_day: day of the first newsletters, the epoch or later.
          newsletters: how many are sent on each day from `first_day` on; see `spread`.
          policy: chooses the recommender; its probability of the choice becomes `propensity`.
          seed: another one gives other recipients and outcomes in the same world.

        Raises:
          DataError: `first_day` lies before the epoch, or a week has more newsletters than there are users.
        """
        first = int(self._days(first_day, 1)[0])
        rng = self._rng(_LOG, first, seed)
        per_day = np.asarray(newsletters, dtype=np.int64)
        parts = []
        for start, stop in _weeks(first_day, len(per_day)):
            count = int(per_day[start:stop].sum())
            if count > self.size:
                week = tables.campaign(first_day + dt.timedelta(days=start))
                raise DataError(
                    f"world: campaign {week}: found {count} newsletters; allowed: {self.size}, one for each "
                    "user"
                )
            day = first + np.repeat(np.arange(start, stop), per_day[start:stop])
            recipients = rng.permutation(self.size)[:count]
            sent = _sorted_times(rng, day)
            for begin in range(0, count, _CHUNK):
                rows = slice(begin, begin + _CHUNK)
                users = recipients[rows]
                probabilities = policy.probabilities(self.audience(users))
                served = draw(rng, probabilities)
                propensity = probabilities[np.arange(len(users)), served]
                parts.append(self._sent(rng, users, sent[rows], served, propensity, policy.version))
        return pa.concat_tables(parts) if parts else self.schema("training").empty_table()

    def recipients(self, day: dt.date, count: int) -> Ints:
        """Positions [count] of who receives a newsletter on `day`, in random order: the same for every
        sender.

        Raises:
          DataError: `day` lies before the epoch, or there are fewer users than `count`.
        """
        number = int(self._days(day, 1)[0])
        if count > self.size:
            raise DataError(
                f"world: {day}: found {count} newsletters; allowed: {self.size}, one for each user"
            )
        return self._rng(_RECIPIENTS, number).permutation(self.size)[:count]

    def send(
        self, day: dt.date, users: Ints, served: Ints, propensity: Floats, policy_version: str, seed: int = 0
    ) -> pa.Table:
        """Training rows of newsletters that were filled elsewhere, such as by stored rankings.

        Outcomes come only from random numbers of the day and the user's place in `users`. So two senders to
        the same users meet the same luck, and differ only by what they served (common random numbers).

        Args:
          day: day of sending, the epoch or later.
          users: positions [n] of the recipients.
          served: column [n] of the recommender that filled each newsletter.
          propensity: probability [n] with which it was chosen, in (0, 1].
          policy_version: policy that chose.
          seed: another one gives other outcomes of the same newsletters.

        Raises:
          DataError: `day` lies before the epoch, or a user is not eligible for what was served.
        """
        days = self._days(day, len(users))
        self.check_served(users, served)
        if not is_propensity(propensity).all():
            raise DataError("world: found a propensity outside (0, 1]")
        rng = self._rng(_OUTCOMES, int(days[0]) if len(users) else 0, seed)
        return self._sent(rng, users, _sorted_times(rng, days), served, propensity, policy_version)

    def inference(self, users: Ints, run_date: dt.date) -> pa.Table:
        """Rows of the inference table: the recipients of `run_date`'s campaign, with their features."""
        day = self._days(run_date, len(users))
        columns = self._context(users, day)
        columns["snapshot_date"] = tables.dates(day, self.epoch)
        return self._table("inference", columns)

    def check_served(self, users: Ints, served: Ints) -> None:
        """Raises `DataError` unless each column of `served` [n] names a recommender eligible for its user."""
        if served.shape != users.shape:
            raise DataError(
                f"world: found {served.shape[0]} served for {len(users)} users; allowed: one each"
            )
        outside = (served < 0) | (served >= len(self.recommenders))
        if outside.any():
            raise DataError(
                f"world: found served recommender {served[outside][0]}; "
                f"allowed: 0 to {len(self.recommenders) - 1}"
            )
        wrong = ~self.eligible(users)[np.arange(len(users)), served]
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"world: {self._ids[int(users[row])]}: found {self.recommenders[served[row]]}, "
                "for which this user is not eligible"
            )

    def audience(self, users: Ints) -> Audience:
        """The users that a policy chooses for, with their eligible recommenders."""
        return Audience(self.recommenders, self.users.take(users), self.eligible(users))

    # --- names -------------------------------------------------------------------------------------------

    @property
    def everyone(self) -> Ints:
        """Positions of all users."""
        return np.arange(self.size, dtype=np.int64)

    def user_ids(self, users: Ints) -> list[str]:
        """Id of each user."""
        ids: list[str] = self._ids.take(pa.array(users)).to_pylist()
        return ids

    def positions(self, user_ids: Sequence[str]) -> Ints:
        """Position of each user id; raises `DataError` for an id that is not of this world."""
        known = {user_id: position for position, user_id in enumerate(self._ids.to_pylist())}
        unknown = [user_id for user_id in user_ids if user_id not in known]
        if unknown:
            raise DataError(
                f"world: found user_id {unknown[0]!r}; allowed: {self._ids[0]} to {self._ids[self.size - 1]}"
            )
        return np.array([known[user_id] for user_id in user_ids], dtype=np.int64)

    def schema(self, table: Literal["training", "inference"]) -> pa.Schema:
        """Columns of a table, as `UseCase.table_columns` orders them."""
        contract = TRAINING_COLUMNS if table == "training" else INFERENCE_COLUMNS
        contract = {**contract, **OPTIONAL_COLUMNS.get(table, {})}
        columns = {**contract, **{name: WAREHOUSE_TYPE[catalogue.FEATURES[name]] for name in self.features}}
        return pa.schema([(name, tables.ARROW_TYPE[kind]) for name, kind in columns.items()])

    # --- keeping -----------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Writes the arguments of this world as JSON, atomically; `load` draws the same world from them."""
        text = json.dumps(
            {
                "format": _FORMAT,
                "seed": self.seed,
                "size": self.size,
                "epoch": self.epoch.isoformat(),
                "recommenders": self.recommenders,
                "features": self.features,
                "reward": self.reward.model_dump(),
            },
            indent=2,
        )
        write_text(path, text + "\n")

    @classmethod
    def load(cls, path: Path) -> World:
        """The world that `save` wrote; raises `DataError` for a file that it did not write."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw["format"] != _FORMAT:
                raise DataError(f"{path}: found format {raw['format']!r}; allowed: {_FORMAT!r}")
            return cls(
                int(raw["seed"]),
                int(raw["size"]),
                dt.date.fromisoformat(raw["epoch"]),
                tuple(raw["recommenders"]),
                tuple(raw["features"]),
                Reward(**raw["reward"]),
            )
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        except SettingsError as error:
            raise DataError(f"{path}: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}: not a saved world: {error}") from error

    # --- inside ------------------------------------------------------------------------------------------

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *stream])

    def _days(self, day: dt.date | np.ndarray[Any, Any], count: int) -> Ints:
        """Days since the epoch [count]."""
        days = (np.asarray(day, dtype="datetime64[D]") - np.datetime64(self.epoch, "D")).astype(np.int64)
        if days.size and days.min() < 0:
            early = self.epoch + dt.timedelta(days=int(days.min()))
            raise DataError(
                f"world: found day {early}; allowed: {self.epoch}, the world's first day, or later"
            )
        return np.broadcast_to(days, (count,))

    def _sent(
        self,
        rng: np.random.Generator,
        users: Ints,
        sent: Ints,
        served: Ints,
        propensity: Floats,
        policy_version: str,
    ) -> pa.Table:
        """Draws the outcomes and builds the rows; `sent` [n] counts microseconds from the epoch."""
        day = sent // (24 * _MICROSECONDS_PER_HOUR)
        chosen = (np.arange(len(users)), served)
        dates = np.datetime64(self.epoch, "D") + day
        clicked = rng.random(len(users)) < self.click_probability(users, dates)[chosen]
        unsubscribed = clicked & (rng.random(len(users)) < self.unsubscribe_probability(users)[chosen])
        columns = {
            **self._context(users, day),
            "sent_at": tables.timestamps(sent, self.epoch),
            "recommender": tables.names(self.recommenders, served),
            "propensity": pa.array(propensity, pa.float64()),
            "policy_version": tables.names([policy_version], np.zeros(len(users), dtype=np.int64)),
            "clicked": pa.array(clicked, pa.bool_()),
            "unsubscribed": pa.array(unsubscribed, pa.bool_()),
        }
        return self._table("training", columns)

    def _context(self, users: Ints, day: Ints) -> dict[str, pa.Array]:
        chosen = self.users.take(users)
        return {
            "user_id": self._ids.take(pa.array(users)),
            "campaign": tables.campaigns(day, self.epoch),
            "eligible_recommenders": tables.eligible_lists(self.recommenders, self.eligible(users)),
            **{name: tables.feature_column(name, chosen, day, self.epoch) for name in self.features},
        }

    def _table(self, table: Literal["training", "inference"], columns: dict[str, pa.Array]) -> pa.Table:
        schema = self.schema(table)
        return pa.table([columns[name] for name in schema.names], schema=schema)


def spread(newsletters: int, days: int) -> Ints:
    """`newsletters` over `days` as evenly as whole numbers allow [days]."""
    return np.diff(np.arange(days + 1, dtype=np.int64) * newsletters // days)


def _weeks(first_day: dt.date, days: int) -> list[tuple[int, int]]:
    """Start and end, in days since `first_day`, of each ISO week's part of the `days`."""
    mondays = [day for day in range(1, days) if (first_day + dt.timedelta(days=day)).weekday() == 0]
    edges = [0, *mondays, days]
    return list(itertools.pairwise(edges)) if days else []


def _sorted_times(rng: np.random.Generator, day: Ints) -> Ints:
    """A time within the sending hours of each day, in microseconds since the epoch; `day` is ascending."""
    within = rng.integers(0, _HOURS * _MICROSECONDS_PER_HOUR, len(day))
    return np.sort((24 * day + _FIRST_HOUR) * _MICROSECONDS_PER_HOUR + within)
