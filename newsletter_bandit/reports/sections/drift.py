"""Is the data right? How far each feature moved since the version in production was trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from newsletter_bandit.registry.evidence import Drift, FeatureDrift
from newsletter_bandit.registry.evidence.drift import Summary, ValueShare
from newsletter_bandit.reports.amounts import UNKNOWN, percent, plain, share
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.settings.words import Words


@dataclass(frozen=True)
class Moved:
    """One feature then and now, in words.

    Attributes:
      name: of the feature.
      drifted: it moved by more than is allowed.
      distance, allowed: TFDV's distance and its bound.
      missing: share of the rows without a value, then and now.
      was, now: what it was and is.
      others: values that are new, or that vanished; "" where there is none.
      reach: the largest of its changes, in parts of what is allowed.
      why: what moved too far, as sentences.
      advice: what to look at, as sentences.
    """

    name: str
    drifted: bool
    distance: str
    allowed: str
    missing: str
    was: str
    now: str
    others: str
    reach: float
    why: str
    advice: str


def moved(evidence: Evidence) -> list[Moved]:
    """Every feature that was compared, the one that moved furthest first; none where nothing was."""
    drift, words = evidence.drift, evidence.use_case.words
    if drift is None or drift.compared_with is None:
        return []
    drifted = {one.name for one in drift.drifted}
    return sorted(
        (_moved(one, one.name in drifted, words) for one in drift.features),
        key=lambda one: (-one.reach, one.name),
    )


def answer(drift: Drift) -> str:
    """What was found, as one sentence or two."""
    if drift.compared_with is None:
        return f"Nothing to compare with: {drift.reason}."
    with_whom = f"the rows that {drift.compared_with}, in production, was trained on"
    if not drift.judged:
        rows = f"{drift.rows:,} training rows now, and {drift.rows_before:,} of {with_whom}"
        return f"Too few rows to tell: {rows}."
    features = f"{len(drift.features)} feature{'' if len(drift.features) == 1 else 's'}"
    found = len(drift.drifted)
    if not found:
        return f"None of {features} moved by more than the settings allow, compared with {with_whom}."
    return f"{found} of {features} moved by more than the settings allow, compared with {with_whom}."


def _moved(one: FeatureDrift, drifted: bool, words: Words) -> Moved:
    before = one.before
    missing = percent(one.now.missing)
    others = [("new", one.new, one.new_share), ("gone", one.vanished, one.vanished_share)]
    return Moved(
        name=one.name,
        drifted=drifted,
        distance=UNKNOWN if one.distance is None else plain(round(one.distance, 4)),
        allowed=plain(one.max_distance),
        missing=missing if before is None else f"{percent(before.missing)} → {missing}",
        was="not a feature of that version" if before is None else _summary(before),
        now=_summary(one.now),
        others="; ".join(
            f"{word}: {_values(values)} ({share(of)} in all)" for word, values, of in others if values
        ),
        reach=one.reach,
        why=" ".join(_why(one)) if drifted else "",
        advice=" ".join(_advice(one, words)) if drifted else "",
    )


def _summary(found: Summary) -> str:
    if found.values:
        return _values(found.values)
    if found.median is None:
        return "no value at all"
    return f"median {plain(found.median)}, 10% to 90%: {plain(found.low)} to {plain(found.high)}"


def _values(values: tuple[ValueShare, ...]) -> str:
    return ", ".join(f"{one.value} {share(one.share)}" for one in values)


def _why(one: FeatureDrift) -> Iterator[str]:
    for change in one.beyond:
        if change.what == one.measure:
            found = plain(round(change.found or 0.0, 4))
            yield f"{change.what} distance {found}, where {plain(change.allowed)} is allowed."
        elif change.what == "missing" and one.before is not None:
            yield f"Without a value: {percent(one.before.missing)} then, {percent(one.now.missing)} now."
        elif change.what == "new values":
            yield f"In {percent(one.new_share)} of the rows a value that no row had: {_values(one.new)}."
        else:
            gone = percent(one.vanished_share)
            yield f"{gone} of the rows had a value that none has now: {_values(one.vanished)}."


def _advice(one: FeatureDrift, words: Words) -> Iterator[str]:
    beyond = {change.what for change in one.beyond}
    if "missing" in beyond and one.before is not None:
        fewer = one.now.missing < one.before.missing
        yield (
            "Find out since when the column is filled."
            if fewer
            else "Find out why the column is empty more often."
        )
    if beyond & {"new values", "vanished values"}:
        yield "If a value only has another name now, give it its old one with ingest.value_names."
    if "Jensen-Shannon" in beyond:
        yield "Look if its unit, its source or its default changed."
    if "L-infinity" in beyond:
        yield (
            f"Look if other {words.subjects} get the {words.unit} now, or if the column is filled in "
            "another way."
        )
