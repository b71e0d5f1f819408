"""A world that the simulator plays: who comes, what they like, and what comes of it; one file below
``configs/worlds/``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from newsletter_bandit.settings.base import Identifier, Matching, Probability, Settings
from newsletter_bandit.settings.names import RecommenderName
from newsletter_bandit.settings.tables import RESERVED_COLUMNS
from newsletter_bandit.settings.world_effects import Sum, When, sum_fault, when_fault
from newsletter_bandit.settings.world_features import NUMBERS, TYPES, WorldFeature, feature_fault

_HOURS = 24
_Prefix = Annotated[str, Matching(r"[a-z][a-z0-9]{0,19}-", "small letters and digits, then a hyphen")]


class Fatigue(Settings):
    """A subject who was shown a recommender lately is less likely to click on it.

    Attributes:
      per_showing: by how much each showing lowers the log-odds of a click.
      weeks: showings of the last so many weeks count.
    """

    per_showing: float = Field(gt=0.0, le=10.0)
    weeks: int = Field(default=4, ge=1, le=52)


class BuiltInWorld(Settings):
    """A world that is written in Python, by its name.

    Attributes:
      built_in: `newsletter`, whose truth has more to it than the effects of a world file can express.
      fatigue: null for readers who never tire.
    """

    built_in: Literal["newsletter"]
    fatigue: Fatigue | None = None


class Subjects(Settings):
    """Who the decisions are made for.

    Attributes:
      ids: how the ids begin; a number follows.
      come: `weekly` subjects are the same people, each at most once in an ISO week; those that come `once`,
        such as visits, are new each time.
    """

    ids: _Prefix = "user-"
    come: Literal["weekly", "once"] = "weekly"


class Sending(Settings):
    """When decisions are made.

    Attributes:
      hours: first hour and the one after the last, UTC; every time between is as likely.
      hour: a feature, a number of 0 to 23, that holds the hour of each decision; `hours` is not looked at.
    """

    hours: tuple[int, int] = (0, _HOURS)
    hour: Identifier | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Sending:
        first, end = self.hours
        if not 0 <= first < end <= _HOURS:
            raise ValueError(f"hours: found {list(self.hours)}; allowed: two of 0 to 24, the smaller first")
        return self


class Drift(Settings):
    """A slow swing of each recommender's log-odds of a click; size, phase and period are drawn.

    Attributes:
      spread: standard deviation of the swings' sizes.
      weeks: shortest and longest period.
    """

    spread: float = Field(ge=0.0, le=10.0)
    weeks: tuple[float, float] = (18.0, 40.0)

    @model_validator(mode="after")
    def _in_order(self) -> Drift:
        if not 0.0 < self.weeks[0] <= self.weeks[1]:
            raise ValueError(f"weeks: found {list(self.weeks)}; allowed: two above 0, the smaller first")
        return self


class Amount(Settings):
    """An outcome that is a number: 0, or a positive number where it happens.

    Attributes:
      kind: `lognormal` for an amount of money, `poisson` for a count.
      after: `click` where nothing happens without one, else `always`.
      happens: log-odds that there is an amount; null means that there always is.
      log_median: of `lognormal`: logarithm of the median amount.
      log_spread: of `lognormal`: standard deviation of the amount's logarithm.
      log_mean: of `poisson`: logarithm of the mean count.
      decimals: digits after the point of a lognormal amount.
    """

    kind: Literal["lognormal", "poisson"]
    after: Literal["click", "always"] = "click"
    happens: Sum | None = None
    log_median: Sum | None = None
    log_spread: float = Field(default=1.0, ge=0.0, le=5.0)
    log_mean: Sum | None = None
    decimals: int = Field(default=2, ge=0, le=9)

    @model_validator(mode="after")
    def _one_size(self) -> Amount:
        needed, other = ("log_median", "log_mean")[:: 1 if self.kind == "lognormal" else -1]
        if getattr(self, needed) is None or getattr(self, other) is not None:
            raise ValueError(f"found kind {self.kind}; it needs {needed}, and no {other}")
        return self

    @property
    def size(self) -> Sum:
        """Logarithm of the median or mean."""
        made = self.log_median if self.log_mean is None else self.log_mean
        if made is None:
            raise AssertionError("an amount without size")
        return made


class Rules(Settings):
    """The policy that filled the log: a softmax over preferences, mixed with a uniform choice.

    Attributes:
      version: value of the column `policy_version`.
      uniform_share: of the decisions that do not look at the subject.
      preference: softmax logits. It may use only features that are always known.
    """

    version: str = Field(default="rules-1", min_length=1, max_length=63)
    uniform_share: Probability = 0.25
    preference: Sum = Sum()


class DeclaredWorld(Settings):
    """A world that its file describes.

    Attributes:
      recommenders: those that can be shown; a use case may have a part of them.
      subjects: who the decisions are made for.
      sending: when they are made.
      features: in the order in which they are drawn. The truth depends on all of them; a use case may have a
        part, and does not know the others.
      eligible: by recommender, the conditions under which it may be shown; the others fit everyone.
      click: log-odds of a click.
      drift: of these; null for none.
      fatigue: of subjects that come weekly; null for those who never tire.
      unsubscribe: log-odds of an unsubscribe after a click; null for a world without unsubscribes.
      outcomes: further outcomes by the name of their column.
      rules: the policy that filled the log.
    """

    recommenders: tuple[RecommenderName, ...] = Field(min_length=2, max_length=62)
    subjects: Subjects = Subjects()
    sending: Sending = Sending()
    features: dict[Identifier, WorldFeature] = Field(min_length=1)
    eligible: dict[RecommenderName, When] = {}
    click: Sum
    drift: Drift | None = None
    fatigue: Fatigue | None = None
    unsubscribe: Sum | None = None
    outcomes: dict[Identifier, Amount] = {}
    rules: Rules = Rules()

    @property
    def feature_types(self) -> dict[str, str]:
        """Type of a use case's feature, by name."""
        return {name: TYPES[feature.kind] for name, feature in self.features.items()}

    @model_validator(mode="after")
    def _consistent(self) -> DeclaredWorld:
        if len(set(self.recommenders)) < len(self.recommenders):
            raise ValueError("recommenders: one is named twice; name each once")
        if self.fatigue is not None and self.subjects.come == "once":
            raise ValueError("fatigue: subjects come once; allowed: null, or subjects that come weekly")
        self._check_names()
        self._check_features()
        self._check_eligible()
        hidden = [name for name, feature in self.features.items() if feature.unknown > 0.0]
        sums: dict[str, Sum | None] = {"click": self.click, "unsubscribe": self.unsubscribe}
        for name, amount in self.outcomes.items():
            sums |= {f"outcomes.{name}.happens": amount.happens, f"outcomes.{name}.size": amount.size}
        for key, made in sums.items():
            self._check_sum(key.replace(".size", ".log_median/log_mean"), made)
        self._check_sum("rules.preference", self.rules.preference, hidden)
        return self

    def _check_names(self) -> None:
        for key, names in (("features", self.features), ("outcomes", self.outcomes)):
            taken = [name for name in names if name in RESERVED_COLUMNS]
            if taken:
                raise ValueError(f"{key}: {taken} are columns of the contract; allowed: other names")
        both = [name for name in self.outcomes if name in self.features]
        if both:
            raise ValueError(f"outcomes: {both} are features as well; allowed: other names")

    def _check_features(self) -> None:
        earlier: dict[str, WorldFeature] = {}
        for name, feature in self.features.items():
            fault = feature_fault(name, feature, earlier)
            if fault:
                raise ValueError(f"features.{fault}")
            earlier[name] = feature
        hour = self.sending.hour
        if hour is None:
            return
        numbers = [name for name, feature in self.features.items() if isinstance(feature, NUMBERS)]
        if hour not in numbers:
            raise ValueError(f"sending.hour: found {hour}; allowed: a number of features, {numbers}")
        found = self.features[hour]
        if not isinstance(found, NUMBERS) or (found.least, found.most, found.decimals) != (0, _HOURS - 1, 0):
            raise ValueError(f"features.{hour}: the hour needs least: 0, most: {_HOURS - 1} and decimals: 0")

    def _check_eligible(self) -> None:
        for name, when in self.eligible.items():
            if name not in self.recommenders:
                raise ValueError(f"eligible: found {name}; allowed: {list(self.recommenders)}")
            fault = when_fault(when, self.features)
            if fault:
                raise ValueError(f"eligible.{name}.{fault.removeprefix('when.').removeprefix('when: ')}")
        if set(self.eligible) == set(self.recommenders):
            raise ValueError("eligible: names every recommender; allowed: all but one or more, for everyone")

    def _check_sum(self, key: str, made: Sum | None, hidden: list[str] | None = None) -> None:
        fault = None if made is None else sum_fault(made, self.features, self.recommenders, hidden or ())
        if fault:
            raise ValueError(f"{key}.{fault}")


WorldSettings = BuiltInWorld | DeclaredWorld
NEWSLETTER = BuiltInWorld(built_in="newsletter")


def subjects_come(settings: WorldSettings) -> Literal["weekly", "once"]:
    """How often the subjects of a world come."""
    return settings.subjects.come if isinstance(settings, DeclaredWorld) else "weekly"
