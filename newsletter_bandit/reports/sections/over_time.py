"""Recommenders over time: what the log that judged each published version says of each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.registry.evidence.metrics import ActionOverlap
from newsletter_bandit.reports.amounts import Amount, scaled, share
from newsletter_bandit.reports.evidence import Evidence

# More columns would not fit on a page.
_LATEST = 5


@dataclass(frozen=True)
class OverTime:
    """A table of the newest versions.

    Attributes:
      versions: days on which they were published, the oldest first.
      rows: recommender by its name today, and a cell per version: its share of the newsletters, and its
        value per 100,000 newsletters if it were always shown, with its interval; "" where the log had none.
    """

    versions: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def over_time(evidence: Evidence, versions: Sequence[VersionInfo]) -> OverTime | None:
    """The newest versions of which the figures are known; None if there are fewer than two."""
    use_case = evidence.use_case
    known = [info for info in sorted(versions, key=lambda info: info.version) if info.metrics is not None]
    latest = known[-_LATEST:]
    if len(latest) < 2:
        return None
    logs = [_today(info, use_case.renamed) for info in latest]
    names = [*use_case.recommenders, *(name for log in logs for name in log)]
    rows = [
        (name, tuple(_cell(log.get(name), use_case.reward.unit) for log in logs))
        for name in dict.fromkeys(names)
    ]
    return OverTime(
        tuple(f"{info.created:%Y-%m-%d %H:%M}" for info in latest),
        tuple((name, cells) for name, cells in rows if any(cells)),
    )


def _today(info: VersionInfo, renamed: Mapping[str, str]) -> dict[str, ActionOverlap]:
    assert info.metrics is not None
    return {renamed.get(name, name): found for name, found in info.metrics.overall.overlap.items()}


def _cell(found: ActionOverlap | None, unit: float) -> str:
    if found is None or not found.logged_share:
        return ""
    if found.value is None:
        return share(found.logged_share)
    alone = Amount(*(scaled(one, unit) for one in (found.value, found.value_low, found.value_high)))
    return f"{share(found.logged_share)}: {alone.text()} ({alone.interval()})"
