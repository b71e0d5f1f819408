"""What moved between two windows' features, and by how much the settings let it."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter_bandit.registry.evidence import Drift, FeatureDrift, FeatureStatistics, Statistics
from newsletter_bandit.registry.evidence.drift import Summary, ValueShare
from newsletter_bandit.settings.drift import DriftBounds

_SHOWN = 3  # values of a summary, and of a list of new ones
_OFF = 1.0  # a bound that no share and no distance is beyond


def compare(
    version: str,
    before: Statistics,
    now: Statistics,
    distances: Mapping[str, float],
    bounds: DriftBounds,
) -> Drift:
    """The drift of every feature since a version was trained.

    Args:
      version: whose training rows ``before`` are of.
      before, now: statistics of the training rows.
      distances: by feature, as `distances.distances` gives them.
      bounds: of the settings.
    """
    return Drift(
        compared_with=version,
        reason="",
        rows=now.rows,
        rows_before=before.rows,
        judged=min(before.rows, now.rows) >= bounds.judged_from_rows,
        features=tuple(_feature(name, before, now, distances.get(name), bounds) for name in now.features),
    )


def first(reason: str, now: Statistics) -> Drift:
    """What the features are, where there is nothing to compare them with.

    Args:
      reason: why not, as a clause.
      now: statistics of the training rows.
    """
    nothing = Statistics(0, {})
    features = tuple(_feature(name, nothing, now, None, DriftBounds()) for name in now.features)
    return Drift(None, reason, now.rows, features=features)


def _feature(
    name: str, before: Statistics, now: Statistics, distance: float | None, bounds: DriftBounds
) -> FeatureDrift:
    one, was = now.features[name], before.features.get(name)
    is_values, is_ignored = one.kind == "values", name in bounds.ignored
    largest = bounds.max_categorical_distance if is_values else bounds.max_numeric_distance
    known = was is not None and was.kind == one.kind
    new = _only_in(one, now.rows, was, before.rows) if was is not None and known else []
    vanished = _only_in(was, before.rows, one, now.rows) if was is not None and known else []
    return FeatureDrift(
        name=name,
        measure="L-infinity" if is_values else "Jensen-Shannon",
        distance=distance,
        max_distance=_OFF if is_ignored else largest,
        before=summary(was, before.rows) if was is not None and known else None,
        now=summary(one, now.rows),
        max_missing_change=_OFF if is_ignored else bounds.max_missing_change,
        new=tuple(new[:_SHOWN]),
        vanished=tuple(vanished[:_SHOWN]),
        new_share=sum(value.share for value in new),
        vanished_share=sum(value.share for value in vanished),
        max_new_share=bounds.max_new_share if is_values and not is_ignored else _OFF,
    )


def summary(one: FeatureStatistics, rows: int) -> Summary:
    """A feature in few figures.

    Args:
      one: its statistics.
      rows: all rows, with a value or without.
    """
    return Summary(
        one.missing / rows if rows else 0.0,
        tuple(_shares(one, rows)[:_SHOWN]),
        *(one.below(share) if one.buckets else None for share in (0.1, 0.5, 0.9)),
    )


def _shares(one: FeatureStatistics, rows: int) -> list[ValueShare]:
    return [ValueShare(value, found / (rows - one.missing)) for value, found in one.values]


def _only_in(
    one: FeatureStatistics, rows: int, other: FeatureStatistics, other_rows: int
) -> list[ValueShare]:
    """Values of one side alone; where the other's list is cut, those that would be in it."""
    listed = {value for value, _ in other.values}
    least = 0.0 if other.is_whole else other.values[-1][1] / (other_rows - other.missing)
    return [found for found in _shares(one, rows) if found.value not in listed and found.share > least]
