"""Who is first for which group of users."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter_bandit.reports.prediction_day.evidence import Group, PredictionDay

_COLUMNS = 14  # of the map


@dataclass(frozen=True)
class GroupMap:
    """Shares of the first places in [0, 1]: a row per group, with its users, and a column per recommender."""

    recommenders: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[float, ...]], ...]


def group_map(day: PredictionDay) -> GroupMap | None:
    """The groups, with the recommenders that are first most often; None where there are no groups."""
    if not day.groups:
        return None
    columns = tuple(one.recommender for one in day.first)[:_COLUMNS]
    rows = [
        (name(group), group.total, tuple(group.users.get(column, 0) / group.total for column in columns))
        for group in day.groups
    ]
    return GroupMap(columns, tuple(rows))


def name(group: Group) -> str:
    """Such as "country: CH", "country: unknown" or "country: 12 smaller ones"."""
    if group.value is None:
        return f"{group.feature}: {group.merged} smaller {'one' if group.merged == 1 else 'ones'}"
    return f"{group.feature}: {group.value or 'unknown'}"
