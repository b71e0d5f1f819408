"""Two versions side by side: what each earns, how it is served, what it shows, and with which settings."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence.metrics import Figure
from newsletter_bandit.reports.amounts import Amount, plain, scaled, share, span, whole
from newsletter_bandit.reports.evidence import Evidence, of_version
from newsletter_bandit.reports.meaning import LOGGING, counted, gain, has_unsubscribes, meanings
from newsletter_bandit.reports.sections.comparisons import ESTIMATOR
from newsletter_bandit.settings.words import capital
from pipelines.console.models import served

_MISSING = "–"


@dataclass(frozen=True)
class Row:
    """One line: a label, and what it is of each version; ``note`` says more about the label."""

    label: str
    first: str
    second: str
    note: str = ""


@dataclass(frozen=True)
class Share:
    """Share in [0, 1] of the newsletters that each version gives a recommender; None where unknown."""

    recommender: str
    first: Figure
    second: Figure


@dataclass(frozen=True)
class Comparison:
    """Two versions.

    Attributes:
      sentence: what may be concluded from the figures.
      figures: what they earn, and how they were judged and are served.
      shares: first places by recommender, where the two differ most first.
      settings: those that differ, by their path in the use case's file.
    """

    sentence: str
    figures: tuple[Row, ...]
    shares: tuple[Share, ...]
    settings: tuple[Row, ...]


def compare(registry: Registry, first: str, second: str) -> Comparison:
    """Two versions of a registry.

    Raises:
      DataError: there is no such version, or its evidence is missing or damaged.
      SettingsError: a use case has settings that this version of newsletter-bandit does not know.
    """
    one, other = of_version(registry, first), of_version(registry, second)
    return Comparison(
        sentence=_sentence(one, other),
        figures=tuple(_figures(one, other)),
        shares=_shares(one, other),
        settings=_settings(one, other),
    )


def _sentence(one: Evidence, other: Evidence) -> str:
    words = other.use_case.words
    for judged, base in ((one, other), (other, one)):
        if base.version is not None and judged.verdict.compared_with == base.version:
            found = gain(judged)
            confidence = share(judged.metrics.confidence, 0)
            begin = f"{judged.version} was compared with {base.version} {words.unit} by {words.unit}."
            if found.is_nothing:
                return f"{begin} It makes the same choices: no difference."
            return (
                f"{begin} Per 100,000 {words.units} it earns {span(found.low, found.high)} {counted(judged)} "
                f"({confidence} interval)."
            )
    if one.window is not None and one.window == other.window:
        return (
            f"Both were judged by {words.units} of the same days, so what they earn may be compared. But the "
            f"gate never compared the one with the other, {words.unit} by {words.unit}: if their intervals "
            "overlap, neither is known to be better."
        )
    return (
        f"They were judged by {words.units} of different days. What a model earns depends on the days, so "
        "compare the gains, and only where both were compared with the same."
    )


def _figures(one: Evidence, other: Evidence) -> Iterator[Row]:
    def row(label: str, of: Any, note: str = "") -> Row:
        return Row(label, of(one), of(other), note)

    def value(evidence: Evidence) -> str:
        unit = evidence.use_case.reward.unit
        return _amount(Amount.of(evidence.metrics.overall.candidate.serving_policy.values[ESTIMATOR], unit))

    def meant(name: str) -> Any:
        def of(evidence: Evidence) -> str:
            found = [each.difference for each in meanings(evidence) if each.name == name]
            return _amount(found[0], True) if found else _MISSING

        return of

    per, words = "with its interval", other.use_case.words
    yield row("Verdict", lambda found: found.verdict.words)
    yield row(f"Judged by {words.units} of", _days)
    yield row(f"{capital(words.units)} judged", lambda found: f"{found.metrics.overall.rows:,}")
    yield row("Their propensities", lambda found: found.metrics.propensities)
    yield row("Compared with", _compared_with)
    unit = counted(other)
    yield row(f"{unit[:1].upper()}{unit[1:]}", value, per)
    yield row(f"Gain in {unit}", lambda found: _amount(gain(found), True), per)
    yield row("Gain in clicks", meant("clicks"), per)
    if has_unsubscribes(one) or has_unsubscribes(other):
        yield row("Gain in unsubscribes", meant("unsubscribes"), "fewer are better")
    yield row("How it is served", lambda found: served(found.decision, found.use_case.words))
    yield row(
        "Cost of exploring",
        lambda found: whole(scaled(found.decision.exploration_cost.value, found.use_case.reward.unit)),
        f"{unit} per 100,000 {words.units}",
    )
    for name in dict.fromkeys([*one.metrics.overall.terms, *other.metrics.overall.terms]):
        yield row(f"Gain in {name}", meant(name), per)
    if not (one.use_case.reward.of_clicks and other.use_case.reward.of_clicks):
        yield row(
            "Rank correlation",
            lambda found: plain(found.metrics.overall.candidate.rank_correlation),
            "0 is chance, 1 perfect",
        )
        return
    yield row("AUC", lambda found: plain(found.metrics.overall.candidate.auc), "0.5 is chance, 1 perfect")


def _compared_with(evidence: Evidence) -> str:
    words = evidence.use_case.words
    found = evidence.verdict.compared_with
    return f"{words.units} as they were {words.sent}" if found == LOGGING else found


def _amount(found: Amount, signed: bool = False) -> str:
    return f"{found.text(signed)} ({found.interval(signed)})" if found.value is not None else _MISSING


def _days(evidence: Evidence) -> str:
    if evidence.window is None:
        return "unknown days"
    first, after = evidence.window
    return f"{first:%-d %b %Y} to {after - dt.timedelta(days=1):%-d %b %Y}"


def _shares(one: Evidence, other: Evidence) -> tuple[Share, ...]:
    found = [each.metrics.overall.overlap for each in (one, other)]
    names = list(dict.fromkeys(name for overlap in found for name in overlap))
    rows = [
        Share(name, *(each[name].serving_policy_share if name in each else None for each in found))
        for name in names
    ]
    return tuple(sorted(rows, key=lambda row: -abs((row.first or 0.0) - (row.second or 0.0))))


def _settings(one: Evidence, other: Evidence) -> tuple[Row, ...]:
    mine, theirs = (dict(_leaves(json.loads(each.use_case.to_json()))) for each in (one, other))
    paths = list(dict.fromkeys([*mine, *theirs]))
    rows = (Row(path, mine.get(path, _MISSING), theirs.get(path, _MISSING)) for path in paths)
    return tuple(row for row in rows if row.first != row.second)


def _leaves(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Each setting as its path and its value."""
    for name, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{above}{name}.")
        elif isinstance(value, list):
            yield f"{above}{name}", ", ".join(str(item) for item in value) or "none"
        else:
            yield f"{above}{name}", value if isinstance(value, str) else json.dumps(value)
