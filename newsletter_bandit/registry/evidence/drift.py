"""`drift.json`: how far each feature moved since the version in production was trained.

    {"format": 1, "compared_with": "20261102T101500Z-11111111", "reason": "", "rows": 8000,
     "rows_before": 7900, "judged": true,
     "features": [{"name": "age", "measure": "Jensen-Shannon", "distance": 0.12, "max_distance": 0.05, ...}]}

Each feature has what it was and is, and the bounds of the settings that it was held against.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from newsletter_bandit.records import Fields
from newsletter_bandit.registry.evidence.metrics import Figure
from newsletter_bandit.registry.evidence.record import Record

Measure = Literal["L-infinity", "Jensen-Shannon"]


@dataclass(frozen=True)
class ValueShare:
    """A value, and the share of the rows with a value that have it."""

    value: str
    share: float

    @classmethod
    def of(cls, fields: Fields) -> ValueShare:
        """The share that an object of the file holds."""
        return cls(fields.text("value"), fields.number("share"))


@dataclass(frozen=True)
class Summary:
    """A feature in one window's training rows, in few figures.

    Attributes:
      missing: share of the rows without a value.
      values: of a string or bool, the most frequent values.
      low, median, high: of a number, what 10%, half and 90% of the rows with a value are below; None of
        values, and where no row has one.
    """

    missing: float
    values: tuple[ValueShare, ...] = ()
    low: Figure = None
    median: Figure = None
    high: Figure = None

    @classmethod
    def of(cls, fields: Fields) -> Summary:
        """The summary that an object of the file holds."""
        return cls(
            fields.number("missing"),
            tuple(map(ValueShare.of, fields.objects("values"))),
            *(fields.figure(name) for name in ("low", "median", "high")),
        )


@dataclass(frozen=True)
class Change:
    """One way in which a feature may have moved.

    Attributes:
      what: such as "missing".
      found: how far it moved; None where that is unknown.
      allowed: by the settings.
    """

    what: str
    found: Figure
    allowed: float

    @property
    def beyond(self) -> bool:
        """It moved by more than is allowed."""
        return self.found is not None and self.found > self.allowed

    @property
    def reach(self) -> float:
        """In parts of what is allowed: more than 1 is beyond; infinite where nothing is allowed."""
        if not self.found:
            return 0.0
        return self.found / self.allowed if self.allowed else float("inf")


@dataclass(frozen=True)
class FeatureDrift:
    """One feature then and now.

    Attributes:
      name: of the feature.
      measure: TFDV's distance. "L-infinity" of a string or bool: by how much the share of one value changed
        at most. "Jensen-Shannon" of numbers: 0 of the same distribution, 1 of two with nothing in common.
      distance, max_distance: found and allowed; None where one side has no value at all.
      before, now: what it was and is; before is None where the version did not know the feature, and where
        nothing was compared.
      max_missing_change: largest change of the share of the rows without a value that is allowed.
      new, vanished: values of one side alone, the most frequent first, with their share there.
      new_share, vanished_share: of all such values.
      max_new_share: allowed of each.
    """

    name: str
    measure: Measure
    distance: Figure
    max_distance: float
    before: Summary | None
    now: Summary
    max_missing_change: float
    new: tuple[ValueShare, ...] = ()
    vanished: tuple[ValueShare, ...] = ()
    new_share: float = 0.0
    vanished_share: float = 0.0
    max_new_share: float = 1.0

    @property
    def changes(self) -> tuple[Change, ...]:
        """Each way in which it may have moved; empty where there is no before."""
        if self.before is None:
            return ()
        return (
            Change(self.measure, self.distance, self.max_distance),
            Change("missing", abs(self.now.missing - self.before.missing), self.max_missing_change),
            Change("new values", self.new_share, self.max_new_share),
            Change("vanished values", self.vanished_share, self.max_new_share),
        )

    @property
    def beyond(self) -> tuple[Change, ...]:
        """What moved by more than is allowed."""
        return tuple(change for change in self.changes if change.beyond)

    @property
    def reach(self) -> float:
        """The largest of its changes, in parts of what is allowed."""
        return max((change.reach for change in self.changes), default=0.0)

    @classmethod
    def of(cls, fields: Fields) -> FeatureDrift:
        """The drift that an object of the file holds."""
        return cls(
            name=fields.text("name"),
            measure=fields.choice("measure", get_args(Measure)),
            distance=fields.figure("distance"),
            max_distance=fields.number("max_distance"),
            before=fields.optional("before", lambda name: Summary.of(fields.object(name))),
            now=Summary.of(fields.object("now")),
            max_missing_change=fields.number("max_missing_change"),
            new=tuple(map(ValueShare.of, fields.objects("new"))),
            vanished=tuple(map(ValueShare.of, fields.objects("vanished"))),
            new_share=fields.number("new_share"),
            vanished_share=fields.number("vanished_share"),
            max_new_share=fields.number("max_new_share"),
        )


@dataclass(frozen=True)
class Drift(Record):
    """The features of a run's training rows against those of the version in production.

    Attributes:
      compared_with: the version; None where nothing could be compared.
      reason: why not, as a clause; "" where it was.
      rows, rows_before: training rows of the run, and of the version; None where nothing was compared.
      judged: there are enough rows on both sides to call a difference drift.
      features: in the settings' order.
    """

    FILE = "drift.json"

    compared_with: str | None
    reason: str
    rows: int
    rows_before: int | None = None
    judged: bool = False
    features: tuple[FeatureDrift, ...] = ()

    @property
    def drifted(self) -> tuple[FeatureDrift, ...]:
        """The features that moved by more than is allowed, the furthest first; none if too few rows tell."""
        found = [one for one in self.features if self.judged and one.beyond]
        return tuple(sorted(found, key=lambda one: -one.reach))

    @property
    def words(self) -> str:
        """What was found, as a sentence without its stop."""
        if self.compared_with is None:
            return f"nothing to compare with: {self.reason}"
        of = f"of {len(self.features)} feature{'' if len(self.features) == 1 else 's'}"
        since = f"since {self.compared_with} was trained"
        if not self.judged:
            return f"too few rows to tell {since} ({self.rows:,} now, {self.rows_before:,} then)"
        if not self.drifted:
            return f"none {of} beyond its bound {since}"
        named = ", ".join(f"{one.name} ({'; '.join(_words(one))})" for one in self.drifted)
        bounds = "its bounds" if len(self.drifted) == 1 else "their bounds"
        return f"{len(self.drifted)} {of} beyond {bounds} {since}: {named}"

    @classmethod
    def of(cls, fields: Fields) -> Drift:
        """The drift that a file's fields hold."""
        return cls(
            compared_with=fields.optional("compared_with", fields.text),
            reason=fields.text("reason"),
            rows=fields.whole("rows"),
            rows_before=fields.optional("rows_before", fields.whole),
            judged=fields.flag("judged"),
            features=tuple(map(FeatureDrift.of, fields.objects("features"))),
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)


def _words(found: FeatureDrift) -> Iterator[str]:
    for change in found.beyond:
        yield f"{change.what} {change.found:.3g}, allowed {change.allowed:.3g}"
