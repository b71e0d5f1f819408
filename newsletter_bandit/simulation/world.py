"""A world: users, their true preferences, and the newsletters they receive.

A user receives at most one newsletter in an ISO week (the campaign), and keeps receiving them after an
unsubscribe: users stand for many alike, and the log keeps its size. In a world whose subjects come once, such
as visits, each is a row of the log at most once.
"""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import json
from collections.abc import Mapping, Sequence
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
    OUTCOME_TYPE,
    SUBJECT,
    TRAINING_COLUMNS,
    WAREHOUSE_TYPE,
    History,
)
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.world import (
    NEWSLETTER,
    BuiltInWorld,
    DeclaredWorld,
    WorldSettings,
    subjects_come,
)
from newsletter_bandit.simulation import catalogue, tables
from newsletter_bandit.simulation.behaviour import Audience, Policy, draw
from newsletter_bandit.simulation.contents import Contents
from newsletter_bandit.simulation.crowd import Crowd
from newsletter_bandit.simulation.declared_crowd import DeclaredCrowd, contents_of
from newsletter_bandit.simulation.memory import Memory
from newsletter_bandit.simulation.newsletter_crowd import NewsletterCrowd
from newsletter_bandit.simulation.users import Bools, Floats, Ints
from serving.propensity import is_propensity

_FORMAT = "simulated-world-2"
_NEWSLETTER_FORMAT = "simulated-world-1"  # earlier files, all of the newsletter's world
_USERS, _PREFERENCES, _LOG, _OUTCOMES, _RECIPIENTS = range(5)  # streams of random numbers that never meet
_CHUNK = 1 << 16  # newsletters simulated at a time; bounds the memory of the [n, K] arrays


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
        recommenders: Sequence[str] | None = None,
        features: Sequence[str] | None = None,
        reward: Reward | None = None,
        settings: WorldSettings = NEWSLETTER,
        history: Mapping[str, History] | None = None,
        key: str = SUBJECT,
    ) -> None:
        """Draws the world.

        Args:
          seed: 0 or more.
          size: number of users, 1 or more.
          epoch: first day on which newsletters can be sent; everyone has registered before it.
          recommenders: those that can be sent, a part of the world's; None are all.
          features: columns of the tables, a part of the world's; None are all. The truth depends on all.
          reward: its terms beside clicks and unsubscribes are outcomes of the world.
          settings: what the world is made of.
          history: further columns of the tables: what a user was shown before, by this world.
          key: column of the tables that names the user.

        Raises:
          SettingsError: a number is out of range, or the world does not know a recommender, feature or
            outcome.
        """
        if seed < 0 or size < 1:
            raise SettingsError(f"world: found seed {seed}, size {size}; allowed: seed >= 0, size >= 1")
        self.contents = contents(settings)
        self.seed = seed
        self.size = size
        self.epoch = epoch
        self.recommenders = self.contents.recommenders if recommenders is None else tuple(recommenders)
        self.features = tuple(self.contents.features) if features is None else tuple(features)
        self.reward = reward or Reward()
        self.settings = settings
        self.history = dict(history or {})
        self.key = key
        self.contents.check_recommenders(self.recommenders, "world")
        self.contents.check_features(self.features, "world")
        self.contents.check_outcomes(tuple(self.reward.outcomes), "world")
        self._crowd = _crowd(settings, self._rng(_USERS), self._rng(_PREFERENCES), size)
        self._columns = np.array([self.contents.recommenders.index(name) for name in self.recommenders])
        self._ids = self._crowd.ids
        self._fatigue = settings.fatigue
        self._memory = (
            Memory(size, len(self.recommenders), epoch.weekday()) if self._fatigue or self.history else None
        )

    @classmethod
    def of(
        cls,
        use_case: UseCase,
        seed: int,
        size: int,
        epoch: dt.date,
        settings: WorldSettings = NEWSLETTER,
    ) -> World:
        """A world that plays `use_case`; raises `SettingsError` if it cannot."""
        contents(settings).check(use_case)
        history = use_case.history
        features = tuple(name for name in use_case.features if name not in history)
        return cls(
            seed,
            size,
            epoch,
            use_case.recommenders,
            features,
            use_case.reward,
            settings,
            history,
            use_case.key,
        )

    def fork(self) -> World:
        """The same world, whose further newsletters this one's users do not remember."""
        made = copy.copy(self)
        made._memory = None if self._memory is None else self._memory.fork()
        return made

    # --- the truth ---------------------------------------------------------------------------------------

    def eligible(self, users: Ints) -> Bools:
        """Mask of the recommenders that may be sent to each user [n, K]; it does not change with time."""
        return self._crowd.eligible(users)[:, self._columns]

    def click_probability(self, users: Ints, day: dt.date | np.ndarray[Any, Any]) -> Floats:
        """P(click | user, recommender) on `day` [n, K], whether eligible or not.

        Raises:
          DataError: a day lies before the epoch.
        """
        return self._every_click(users, self._days(day, len(users)))[:, self._columns]

    def unsubscribe_probability(self, users: Ints) -> Floats:
        """P(unsubscribe | click, user, recommender) [n, K]."""
        return self._crowd.unsubscribe_probability(users)[:, self._columns]

    def expected_reward(self, users: Ints, day: dt.date | np.ndarray[Any, Any]) -> Floats:
        """E[reward | user, recommender] on `day` [n, K], whether eligible or not.

        reward.click × P(click, no unsubscribe) + reward.unsubscribe × P(click, unsubscribe) + each further
        term's weight × E[its outcome after the clip].
        """
        days = self._days(day, len(users))
        every = self._every_click(users, days)
        click = every[:, self._columns]
        both = click * self.unsubscribe_probability(users)
        value = self.reward.click * (click - both) + self.reward.unsubscribe * both
        for name, term in self.reward.outcomes.items():
            found = self._crowd.outcome(name).expected(users, days, every, term.clip)
            value = value + term.weight * found[:, self._columns]
        return value

    # --- traffic -----------------------------------------------------------------------------------------

    def log(
        self,
        first_day: dt.date,
        newsletters: Sequence[int] | Ints,
        policy: Policy,
        seed: int = 0,
        leave_out: int = 0,
    ) -> pa.Table:
        """Training rows of newsletters that `policy` fills, in the order of sending.

        Args:
          first_day: day of the first newsletters, the epoch or later.
          newsletters: how many are sent on each day from `first_day` on; see `spread`.
          policy: chooses the recommender; its probability of the choice becomes `propensity`.
          seed: another one gives other recipients and outcomes in the same world.
          leave_out: the first so many users are not in the log; of subjects that come once alone.

        Raises:
          DataError: `first_day` lies before the epoch, a week has more newsletters than there are users, or,
            where subjects come once, the log has more rows than there are.
        """
        first = int(self._days(first_day, 1)[0])
        rng = self._rng(_LOG, first, seed)
        per_day = np.asarray(newsletters, dtype=np.int64)
        parts = []
        new = None
        if self.come == "once":
            new = self._new_subjects(rng, int(per_day.sum()), leave_out)
        for start, stop in _weeks(first_day, len(per_day)):
            count = int(per_day[start:stop].sum())
            if count > self.size:
                week = tables.campaign(first_day + dt.timedelta(days=start))
                raise DataError(
                    f"world: campaign {week}: found {count} newsletters; allowed: {self.size}, one for each "
                    "user"
                )
            day = first + np.repeat(np.arange(start, stop), per_day[start:stop])
            if new is None:
                recipients = rng.permutation(self.size)[:count]
            else:
                recipients, new = new[:count], new[count:]
            order, sent = self._crowd.sending_time(rng, recipients, day)
            recipients = recipients[order]
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

        Where subjects come once, the first `count` are those of the first week from the epoch, and so on; so
        `count` must be the same for all weeks.

        Raises:
          DataError: `day` lies before the epoch, or there are fewer users than `count`.
        """
        number = int(self._days(day, 1)[0])
        if self.come == "once":
            first = number // 7 * count
            if first + count > self.size:
                raise DataError(
                    f"world: {day}: found {count:,} in each of {number // 7 + 1} weeks; allowed: "
                    f"{self.size:,} altogether, as each comes once"
                )
            return np.arange(first, first + count)
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
        order, times = self._crowd.sending_time(rng, users, days)
        sent = np.empty_like(times)
        sent[order] = times
        return self._sent(rng, users, sent, served, propensity, policy_version)

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
        return Audience(self.recommenders, self._crowd.seen(users), self.eligible(users))

    @property
    def rules(self) -> Policy:
        """The policy that filled the log before anything was learned."""
        return self._crowd.rules

    @property
    def come(self) -> Literal["weekly", "once"]:
        """How often a subject comes: each week, or once."""
        return subjects_come(self.settings)

    @property
    def feature_types(self) -> dict[str, str]:
        """Type of each feature of the tables that a learner may use, by name."""
        return {**self.contents.features, **dict.fromkeys(self.history, "number")}

    @property
    def long_tailed(self) -> frozenset[str]:
        """Features of whose value a learner of numbers had better take the logarithm."""
        return self._crowd.long_tailed

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
        """Columns of a table, as `UseCase.table_columns` orders them; those with history come last."""
        contract = TRAINING_COLUMNS if table == "training" else INFERENCE_COLUMNS
        contract = {**contract, **OPTIONAL_COLUMNS.get(table, {})}
        if table == "training":
            contract |= dict.fromkeys(self.reward.outcomes, OUTCOME_TYPE)
        types = {name: WAREHOUSE_TYPE[self.contents.features[name]] for name in self.features}
        named = {self.key if name == SUBJECT else name: kind for name, kind in contract.items()}
        columns = {**named, **types, **dict.fromkeys(self.history, WAREHOUSE_TYPE["number"])}
        return pa.schema([(name, tables.ARROW_TYPE[kind]) for name, kind in columns.items()])

    # --- keeping -----------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Writes the arguments of this world as JSON, atomically; `load` draws the same world from them, in
        which nothing was sent yet.
        """
        text = json.dumps(
            {
                "format": _FORMAT,
                "seed": self.seed,
                "size": self.size,
                "epoch": self.epoch.isoformat(),
                "recommenders": self.recommenders,
                "features": self.features,
                "reward": self.reward.model_dump(mode="json"),
                "world": self.settings.model_dump(mode="json"),
                "history": {name: one.model_dump() for name, one in self.history.items()},
                "key": self.key,
            },
            indent=2,
        )
        write_text(path, text + "\n")

    @classmethod
    def load(cls, path: Path) -> World:
        """The world that `save` wrote; raises `DataError` for a file that it did not write."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw["format"] not in (_FORMAT, _NEWSLETTER_FORMAT):
                raise DataError(f"{path}: found format {raw['format']!r}; allowed: {_FORMAT!r}")
            settings = raw["world"] if raw["format"] == _FORMAT else NEWSLETTER.model_dump()
            kind = BuiltInWorld if "built_in" in settings else DeclaredWorld
            return cls(
                int(raw["seed"]),
                int(raw["size"]),
                dt.date.fromisoformat(raw["epoch"]),
                tuple(raw["recommenders"]),
                tuple(raw["features"]),
                Reward(**raw["reward"]),
                kind.model_validate(settings),
                {name: History(**one) for name, one in raw.get("history", {}).items()},
                raw.get("key", SUBJECT),
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

    def _new_subjects(self, rng: np.random.Generator, count: int, leave_out: int) -> Ints:
        """Positions [count] of subjects that come once, in random order."""
        if count > self.size - leave_out:
            raise DataError(
                f"world: found {count:,} rows of a log; allowed: {self.size - leave_out:,}, as each subject "
                "comes once"
            )
        return leave_out + rng.permutation(self.size - leave_out)[:count]

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
        day = sent // (24 * tables.MICROSECONDS_PER_HOUR)
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
        if self._memory is not None:
            self._memory.add(users, day, served, clicked)
        for name in self.reward.outcomes:
            value = self._crowd.outcome(name).draw(rng, users, day, self._columns[served], clicked)
            columns[name] = pa.array(value, pa.float64())
        return self._table("training", columns)

    def _context(self, users: Ints, day: Ints) -> dict[str, pa.Array]:
        return {
            self.key: self._ids.take(pa.array(users)),
            "campaign": tables.campaigns(day, self.epoch),
            "eligible_recommenders": tables.eligible_lists(self.recommenders, self.eligible(users)),
            **self._crowd.features(self.features, users, day, self.epoch),
            **{name: self._remembered(one, users, day) for name, one in self.history.items()},
        }

    def _remembered(self, history: History, users: Ints, day: Ints) -> pa.Array:
        assert self._memory is not None
        column = None if history.recommender is None else self.recommenders.index(history.recommender)
        return pa.array(self._memory.feature(users, day, history, column), pa.float64())

    def _every_click(self, users: Ints, days: Ints) -> Floats:
        """P(click) of all of the world's recommenders, of users as tired as they are now [n, K]."""
        rested = self._crowd.click_probability(users, days)
        if self._fatigue is None or self._memory is None:
            return rested
        shown = self._memory.shown(users, days, 7 * self._fatigue.weeks)
        odds_ratio = np.ones_like(rested)
        odds_ratio[:, self._columns] = np.exp(-self._fatigue.per_showing * shown)
        tired: Floats = rested * odds_ratio / (1.0 - rested + rested * odds_ratio)
        return tired

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


def contents(settings: WorldSettings) -> Contents:
    """What a world knows."""
    return contents_of(settings) if isinstance(settings, DeclaredWorld) else catalogue.CONTENTS


def _crowd(
    settings: WorldSettings, of_users: np.random.Generator, of_truth: np.random.Generator, size: int
) -> Crowd:
    if isinstance(settings, DeclaredWorld):
        return DeclaredCrowd(settings, of_users, of_truth, size)
    return NewsletterCrowd(of_users, of_truth, size)
