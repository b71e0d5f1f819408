"""Guardrails: every check of the gate in words, with what is left until its bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from newsletter_bandit.checks import Check
from newsletter_bandit.reports.amounts import plain

_MEANINGS = {
    "rows": ("Newsletters judged", "newsletters that were kept apart for judging"),
    "effective sample size": (
        "Newsletters that count",
        "as many would say the same if this model had sent them",
    ),
    "largest weight": ("Heaviest newsletter", "how often the one that counts most is counted"),
    "mean weight off 1": (
        "Propensities, on average",
        "how far the weights' mean is from 1, where it should be",
    ),
    "sample ratio": (
        "Propensities, per recommender",
        "how likely chance alone sends recommenders as often as in this log",
    ),
    "never tried": ("Recommenders without evidence", "recommenders that are in no newsletter of the log"),
    "clipped weight": (
        "Left to opinion",
        "share of the evidence that clipping leaves to the model's own estimates",
    ),
    "value within range": (
        "Possible values",
        "how far an estimate lies outside of what newsletters can earn",
    ),
    "margin": ("Margin", "what is earned today, which must be more than the settings allow to lose"),
    "AUC": ("Order of clicks", "how well this model tells clicks from no clicks: 0.5 is chance, 1 perfect"),
    "AUC against production": ("Order of clicks, compared", "the same, less that of the model in production"),
    "value": ("Gain, at worst", "lower end of the gain's interval, as a share of what is earned today"),
    "margin of the reference": ("Margin of the reference", "what the fixed reference earns, likewise"),
    "value against the reference": (
        "Gain over the reference, at worst",
        "the same against a fixed reference, so that small losses do not add up",
    ),
    "unsubscribes": ("Unsubscribes", "times the unsubscribes of the newsletters in the log"),
}


@dataclass(frozen=True)
class Guard:
    """One check of the gate."""

    name: str
    meaning: str
    figure: str
    bound: str
    left: str
    result: str
    detail: str


def guards(checks: Sequence[Check]) -> list[Guard]:
    """Every check, in the order in which it was made."""
    return [_guard(check) for check in checks]


def _guard(check: Check) -> Guard:
    name, meaning = _MEANINGS.get(check.name, (check.name[:1].upper() + check.name[1:], ""))
    left = ""
    if check.passed is not None and check.figure is not None and check.bound is not None:
        gap = check.figure - check.bound if check.relation == ">=" else check.bound - check.figure
        left = plain(gap + 0.0)
    relation = {">=": "at least", "<=": "at most"}[check.relation]
    return Guard(
        name,
        meaning,
        "" if check.passed is None else plain(check.figure),
        "" if check.bound is None else f"{relation} {plain(check.bound)}",
        left,
        {True: "holds", False: "fails", None: "skipped"}[check.passed],
        check.detail,
    )
