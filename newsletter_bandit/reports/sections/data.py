"""Is the data right? How often each recommender was sent and should have been, and what the window holds."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass

from newsletter_bandit.registry.evidence.metrics import Figure
from newsletter_bandit.reports.amounts import share
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.judgement import SAMPLE_RATIO
from newsletter_bandit.warehouse.window_log import BOUNDS

_DAYS = 7  # of a list of days


@dataclass(frozen=True)
class Sent:
    """One recommender: how often it was sent, and how often by its propensities; see `sample_ratio`.

    Attributes:
      newsletters: in the window; None where nobody counted them.
      observed, expected: shares of the evaluated rows; None where unknown.
      ratio: observed over expected.
      off: further from 1 than the gate tolerates, and not by chance.
    """

    recommender: str
    newsletters: int | None
    observed: Figure
    expected: Figure
    ratio: Figure
    off: bool


def sent(evidence: Evidence) -> list[Sent]:
    """Every recommender, in the settings' order."""
    log = evidence.log
    counted = {} if log is None else {arm.recommender: arm.newsletters for arm in log.arms}
    tolerance = evidence.use_case.gate.sample_ratio_tolerance
    failed = SAMPLE_RATIO in evidence.verdict.failed
    rows = []
    for name, one in evidence.metrics.overall.overlap.items():
        ratio, observed = one.sample_ratio, one.logged_share
        rows.append(
            Sent(
                name,
                counted.get(name),
                observed,
                None if not ratio or observed is None else observed / ratio,
                ratio,
                off=failed and ratio is not None and abs(ratio - 1.0) > tolerance,
            )
        )
    return rows


def propensities(evidence: Evidence) -> list[tuple[str, int]]:
    """Newsletters of the window by propensity, the largest first, without empty bins at either end."""
    if evidence.log is None or not sum(evidence.log.propensities):
        return []
    ends = [share(bound, 1 if bound >= 0.01 else 2) for bound in BOUNDS]
    labels = [f"{ends[0]} or more"]
    labels += [f"{low} to {high}" for high, low in itertools.pairwise(ends)]
    rows = list(zip([*labels, f"below {ends[-1]}"], evidence.log.propensities, strict=True))
    filled = [index for index, (_, newsletters) in enumerate(rows) if newsletters]
    return rows[filled[0] : filled[-1] + 1]


def empty_days(evidence: Evidence) -> str:
    """Days on which nothing was sent, between the log's first and last in the window, as a list; "" where
    there is none.
    """
    if evidence.log is None:
        return ""
    days = [f"{day:%-d %B}" for day in evidence.log.empty_days]
    return ", ".join(days[:_DAYS]) + (f" and {len(days) - _DAYS} more" if len(days) > _DAYS else "")


def log_ends(evidence: Evidence) -> str:
    """Where the log begins later than the window, or ends earlier, as sentences; "" where it does neither."""
    log = evidence.log
    sent = [] if log is None else [index for index, newsletters in enumerate(log.days) if newsletters]
    if log is None or not sent:
        return ""
    sentences = []
    if sent[0]:
        first = log.start + dt.timedelta(days=sent[0])
        sentences.append(f"Your log begins on {first:%-d %B}, {_days(sent[0])} after the window does.")
    after = len(log.days) - 1 - sent[-1]
    if after:
        last = log.start + dt.timedelta(days=sent[-1])
        what = "It" if sentences else "Your log"
        sentences.append(f"{what} ends on {last:%-d %B}, {_days(after)} before the window does.")
    return " ".join(sentences)


def rates(evidence: Evidence) -> tuple[Figure, Figure]:
    """Shares of the whole window's newsletters with a click, and with an unsubscribe; None where unknown."""
    arms = () if evidence.log is None else evidence.log.arms
    newsletters = sum(arm.newsletters for arm in arms)
    if not newsletters:
        return None, None
    return (
        sum(arm.newsletters * (arm.click_rate or 0.0) for arm in arms) / newsletters,
        sum(arm.newsletters * (arm.unsubscribe_rate or 0.0) for arm in arms) / newsletters,
    )


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def window_days(evidence: Evidence) -> str:
    """First and last day of the window; "" where it is unknown."""
    if evidence.window is None:
        return ""
    first, last = evidence.window[0], evidence.window[1] - dt.timedelta(days=1)
    return f"{first:%-d %b}{'' if first.year == last.year else f' {first.year}'} to {last:%-d %b %Y}"
