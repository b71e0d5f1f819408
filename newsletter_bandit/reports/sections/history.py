"""History: the published versions, and how to go back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.registry.versions import Standing
from newsletter_bandit.reports.amounts import Amount, scaled
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.judgement import in_production
from newsletter_bandit.reports.sections.comparisons import ESTIMATOR


@dataclass(frozen=True)
class Version:
    """A published version in the history; net clicks per 100,000 newsletters on the log that judged it."""

    version: str
    published: str
    verdict: str
    compared_with: str
    net_clicks: str
    gained: str
    state: str
    signed: str
    own: bool


_STATES: dict[Standing, str] = {
    "production": "in production",
    "waiting": "waits for sign-off",
    "rejected": "",  # the answer says it
    "superseded": "superseded",
    "pinned": "kept out by a pin",
    "replaced": "",
}


def history(evidence: Evidence, versions: Sequence[VersionInfo]) -> list[Version]:
    """Every published version, newest first."""
    return [
        _version(info, evidence) for info in sorted(versions, key=lambda info: info.version, reverse=True)
    ]


def _version(info: VersionInfo, evidence: Evidence) -> Version:
    unit = evidence.use_case.reward.unit
    overall = None if info.metrics is None else info.metrics.overall
    value = None if overall is None else overall.candidate.serving_policy.values.get(ESTIMATOR)
    gained = None if overall is None else overall.difference
    estimated = ", estimated propensities" if info.metrics is not None and info.metrics.estimated_by else ""
    state = "in production, pinned" if info.is_pinned else _STATES[info.standing]
    answer = info.sign_offs.last
    signed = "" if answer is None else answer.words
    if info.standing == "rejected":
        state, signed = signed, ""
    return Version(
        info.version,
        f"{info.created:%Y-%m-%d %H:%M} UTC",
        info.judged,
        "unknown" if info.verdict is None else info.verdict.compared_with,
        Amount(None if value is None else scaled(value.value, unit)).text() + estimated,
        "unknown"
        if gained is None
        else f"{Amount.of(gained, unit).text(True)} ({Amount.of(gained, unit).interval(True)}){estimated}",
        state,
        signed,
        own=info.version == evidence.version,
    )


def rollbacks(versions: Sequence[VersionInfo]) -> Iterator[str]:
    """Commands that bring an earlier version back, the newest first, without the program's name."""
    current = in_production(versions)
    for info in sorted(versions, key=lambda info: info.version, reverse=True):
        placed = info.placement is None or info.placement.placed
        if current is not None and info.version < current and placed and not info.sign_offs.rejection:
            yield f"models rollback {info.version}"
