"""The published versions, as rows of a page."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter_bandit.exported_model import SERVING_POLICY
from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.registry.evidence import Decision, Placement
from newsletter_bandit.registry.versions import Standing
from newsletter_bandit.reports.amounts import Amount, share
from newsletter_bandit.settings.words import NEWSLETTER, Words
from pipelines.console.past_runs import Tone

_STATES: dict[Standing, tuple[Tone, str]] = {
    "production": ("good", "in production"),
    "waiting": ("unsure", "waits for sign-off"),
    "rejected": ("bad", "rejected"),
    "superseded": ("unsure", "superseded"),
    "pinned": ("unsure", "kept out by a pin"),
    "replaced": ("plain", "replaced"),
}


@dataclass(frozen=True)
class Model:
    """One published version; figures are net clicks per 100,000 newsletters, on the log that judged it.

    Attributes:
      version: its name.
      published: when, such as "23 Nov 2026, 10:15".
      tone, state: where it stands, such as "in production, pinned", and how that is coloured.
      is_current, is_pinned, standing: as in `VersionInfo`.
      kept_out: why it was not put into production, as a phrase; "" where nothing stood in the way.
      signed, note: who approved or rejected it last and when, and why; "" if nobody did.
      verdict: of the gate, in words.
      compared_with: what the gate compared it with.
      gain: over what it was compared with.
      served: how it is served, in words.
    """

    version: str
    published: str
    tone: Tone
    state: str
    is_current: bool
    is_pinned: bool
    standing: Standing
    kept_out: str
    signed: str
    note: str
    verdict: str
    compared_with: str
    gain: Amount
    served: str


def model_of(info: VersionInfo, click: float, words: Words = NEWSLETTER) -> Model:
    """The version as a row.

    Args:
      info: what the registry holds.
      click: reward of a click.
      words: what its phrases call things.
    """
    overall = None if info.metrics is None else info.metrics.overall
    tone, state = _STATES[info.standing]
    if info.is_pinned:
        state = "in production, pinned"
    last = info.sign_offs.last
    if info.standing == "rejected" and last is not None:
        state = last.words
    return Model(
        version=info.version,
        published=f"{info.created:%-d %b %Y, %H:%M}",
        tone=tone,
        state=state,
        is_current=info.is_current,
        is_pinned=info.is_pinned,
        standing=info.standing,
        signed="" if last is None else last.words,
        note="" if last is None else last.note,
        kept_out=_kept_out(info.placement, words),
        verdict=info.judged,
        compared_with="unknown" if info.verdict is None else info.verdict.compared_with,
        gain=Amount(None) if overall is None else Amount.of(overall.difference, click),
        served=served(info.decision, words),
    )


def _kept_out(placement: Placement | None, words: Words) -> str:
    if placement is None or placement.placed:
        return ""
    if placement.outcome == "waiting":
        return placement.reason
    if placement.outcome == "pinned":
        return f"{placement.found} was pinned"
    compared_with = placement.compared_with or f"the {words.units} as they were {words.sent}"
    return f"it was compared with {compared_with}, while {placement.found or 'nothing'} was in production"


def served(decision: Decision | None, words: Words = NEWSLETTER) -> str:
    """How a version is served, such as "exploration on in 20% of the newsletters"."""
    if decision is None:
        return "unknown"
    if decision.policy != SERVING_POLICY:
        return "never explores"
    return f"exploration on in {share(decision.exploration_rate, 0)} of the {words.units}"
