"""The verdict for a product owner: go live or not, and what it means per 100,000 newsletters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.registry.evidence.verdict import ESTIMATED
from newsletter_bandit.reports.amounts import more_or_fewer, plain, share, span
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.meaning import (
    allowed_loss,
    baseline,
    counted,
    gain,
    meanings,
    relative_gain,
)

Tone = Literal["good", "bad", "unsure"]
Standing = Literal["live", "replaced", "superseded", "pinned", "waiting", "rejected", "refused"]

# Checks that fail where the log's propensities are wrong: then no figure that rests on them can be believed.
SAMPLE_RATIO = "sample ratio"
PROPENSITIES = frozenset({"mean weight off 1", SAMPLE_RATIO, "value within range"})
AUCS = frozenset({"AUC", "AUC against production"})
# The same for a reward that is not made of clicks alone.
RANKS = frozenset({"rank correlation", "rank correlation against production"})
ORDERS = AUCS | RANKS
BOUNDS = "bounds of the reward"
REFERENCE = "value against the reference"
# A gain that may be chance is called probable from this one-sided confidence on.
PROBABLE = 0.9


@dataclass(frozen=True)
class Headline:
    """The first thing that a reader sees.

    Attributes:
      tone: how it is coloured; its words say the same.
      badge: the answer in a few words, such as "Do not go live".
      sentence: the verdict in one sentence.
      because: a further sentence or two on it.
    """

    tone: Tone
    badge: str
    sentence: str
    because: str


def propensities_are_wrong(evidence: Evidence) -> bool:
    """The log contradicts its own propensities, so no estimate can be believed."""
    verdict = evidence.verdict
    return verdict.verdict == "cannot_tell" and bool(PROPENSITIES & set(verdict.failed))


def wrong_propensities(evidence: Evidence) -> str:
    """What is wrong with the propensities, as the end of a sentence."""
    words = evidence.use_case.words
    if SAMPLE_RATIO in evidence.verdict.failed:
        return f"recommenders were not {words.sent} as often as the log's propensities say"
    return "the log's propensities do not fit what it holds"


def standing(evidence: Evidence, versions: Sequence[VersionInfo] = ()) -> Standing:
    """Where the model is now, as far as the published versions tell; without them, where the run left it."""
    if evidence.outcome == "not_blessed":
        return "refused"
    now, info = in_production(versions), own(evidence, versions)
    if info is not None and not info.is_current and info.standing in ("waiting", "rejected"):
        return "waiting" if info.standing == "waiting" else "rejected"
    if now == evidence.version or (now is None and evidence.outcome == "published"):
        return "live"
    if evidence.outcome == "waiting" and info is not None:
        return "superseded" if info.standing == "superseded" else "replaced"
    return "replaced" if evidence.outcome == "published" else evidence.outcome


def own(evidence: Evidence, versions: Sequence[VersionInfo]) -> VersionInfo | None:
    """The run's version among the published ones; None where it is not there, or nobody asked."""
    return next((info for info in versions if info.version == evidence.version), None)


def in_production(versions: Sequence[VersionInfo]) -> str | None:
    """The version in production; None where none is, or nobody asked."""
    return next((info.version for info in versions if info.is_current), None)


def headline(evidence: Evidence, versions: Sequence[VersionInfo] = ()) -> Headline:
    """The verdict in words, with what became of the model since, as far as the published versions tell."""
    found = _headline(evidence, versions)
    doubt = estimated(evidence)
    return replace(found, because=f"{found.because} {doubt}") if doubt else found


def estimated(evidence: Evidence) -> str:
    """A sentence on estimated propensities; "" where they were logged."""
    decided = evidence.metrics.estimated_by
    if not decided:
        return ""
    return (
        "Estimated: nobody logged with which probability each recommender was chosen, so it was estimated "
        f"by {', '.join(decided)}. Every figure holds only if that is all that decided, and no log can show "
        "it."
    )


def _headline(evidence: Evidence, versions: Sequence[VersionInfo]) -> Headline:
    if evidence.verdict.verdict == "blessed":
        return _blessed(evidence, versions)
    if evidence.verdict.verdict == "not_blessed":
        return _not_blessed(evidence)
    return _cannot_tell(evidence)


def _compared(evidence: Evidence) -> str:
    """The gain as the end of a sentence."""
    words = evidence.use_case.words
    found, confidence = gain(evidence), share(evidence.metrics.confidence, 0)
    if not found.known:
        return f"nothing is known of its gain over {baseline(evidence)}"
    if found.is_nothing:
        return f"it makes the same choices as {baseline(evidence)}: no difference"
    percent = relative_gain(evidence)
    if found.surely_more or found.surely_less:
        interval = f"{confidence} interval: {span(found.low, found.high)}"
        than = "as" if found.text() == "0" else "than"
        return (
            f"per 100,000 {words.units} it earns {more_or_fewer(found.value)} {counted(evidence)} "
            f"{than} {baseline(evidence)} ({f'{percent}; ' if percent else ''}{interval})"
        )
    if _probably_better(evidence):
        return (
            f"it is probably better than {baseline(evidence)}: {found.text(True)} {counted(evidence)} per "
            f"100,000 {words.units} ({f'{percent}; ' if percent else ''}{confidence} interval: "
            f"{found.interval(True)})"
        )
    return (
        f"per 100,000 {words.units} it is not measurably different from {baseline(evidence)} "
        f"({counted(evidence)}: {span(found.low, found.high)}; {confidence} interval)"
    )


def _probably_better(evidence: Evidence) -> bool:
    """The gain may be chance, but a one-sided interval at `PROBABLE` is above 0."""
    found = evidence.metrics.overall.difference
    if found.value is None or not found.standard_error:
        return False
    return found.value / found.standard_error >= NormalDist().inv_cdf(PROBABLE)


def _sure(evidence: Evidence) -> str:
    """What is surely more or less, as sentences, each after a blank; "" where nothing is."""
    sure = [one for one in meanings(evidence) if one.difference.surely_more or one.difference.surely_less]
    return "".join(
        f" {one.name[:1].upper()}{one.name[1:]} are surely "
        f"{'more' if one.difference.surely_more else 'fewer'}: {one.difference.text(True)} "
        f"({one.difference.interval(True)})."
        for one in sure
    )


def _meant(evidence: Evidence) -> str:
    """Clicks and unsubscribes as a sentence; "" where nobody measured them."""
    parts = [
        f"{more_or_fewer(one.difference.value)} {one.name} ({span(one.difference.low, one.difference.high)})"
        for one in meanings(evidence)
    ]
    return f"That is {' and '.join(filter(None, [', '.join(parts[:-1]), parts[-1]]))}." if parts else ""


def _blessed(evidence: Evidence, versions: Sequence[VersionInfo]) -> Headline:
    found = gain(evidence)
    sentence = f"This model passed every check: {_compared(evidence)}."
    badge = "Go live"
    if found.surely_more:
        because = _meant(evidence) or "The gain is larger than chance explains."
    elif found.is_nothing:
        badge = "Go live, the same as before"
        because = "So there is nothing to gain by it, and nothing to lose."
    else:
        badge += ", probably better" if _probably_better(evidence) else ", no worse than allowed"
        because = (
            f"It need not be better: the settings allow a loss of {allowed_loss(evidence)}, and it surely "
            f"loses less.{_sure(evidence)}"
        )
    now, info = standing(evidence, versions), own(evidence, versions)
    if now == "waiting":
        return Headline(
            "unsure",
            "Good, waits for your sign-off",
            sentence,
            f"{because} It goes into production when somebody approves it; until then, what is in use stays.",
        )
    rejection = None if info is None else info.sign_offs.rejection
    if now == "rejected" and rejection is not None:
        told = f"It was {rejection.words}: “{rejection.note}” What is in use stays in use."
        return Headline("bad", "Rejected: do not go live", sentence, f"{because} {told}")
    if now == "replaced":
        how = "with this run" if info is None or info.placement is None else "later"
        replaced = f"It went into production {how}. In production now: {in_production(versions)}."
        return Headline("unsure", "Was live, replaced since", sentence, f"{because} {replaced}")
    if now == "superseded":
        return Headline(
            "unsure",
            "Good, but not live",
            sentence,
            f"While it {'waited for its sign-off' if evidence.outcome == 'waiting' else 'was trained'}, "
            "another model went into production, with which it was never compared. It was kept out for that "
            "reason alone.",
        )
    if now == "pinned":
        return Headline(
            "unsure",
            "Good, but not live",
            sentence,
            "Production is pinned, so no training may replace the model that is there.",
        )
    since = "now" if _came_back(evidence, versions) else "since this run"
    if rejection is not None:
        told = f"It is in production, although it was {rejection.words}: “{rejection.note}”"
        return Headline("bad", "Rejected, but live", sentence, f"{because} {told}")
    answer = None if info is None else info.sign_offs.last
    approved = "" if answer is None else f", {answer.words}"
    return Headline("good", badge, sentence, f"{because} It is in production {since}{approved}.")


def _came_back(evidence: Evidence, versions: Sequence[VersionInfo]) -> bool:
    """The model did not go live with its run alone: somebody approved it, brought it in or back, or pinned
    it.
    """
    info = own(evidence, versions)
    kept_out = evidence.outcome != "published" or (info is not None and info.placement is not None)
    return kept_out or any(
        info.is_pinned or (evidence.version is not None and info.version > evidence.version)
        for info in versions
    )


def _not_blessed(evidence: Evidence) -> Headline:
    words = evidence.use_case.words
    failed = set(evidence.verdict.failed)
    if failed & ORDERS:
        tells = "tells clicks from no clicks" if failed & AUCS else "tells good choices from bad ones"
        sentence = (
            f"This model {tells} measurably worse than the settings allow, so it does not replace what is in "
            "use."
        )
        because = "; ".join(
            check.detail for check in evidence.verdict.checks if check.name in failed & ORDERS
        )
        return Headline("bad", "Do not go live", sentence, f"{because[:1].upper()}{because[1:]}.")
    if failed == {"unsubscribes"}:
        ratio = evidence.metrics.overall.unsubscribes.ratio
        cap = evidence.use_case.gate.max_unsubscribe_ratio
        return Headline(
            "bad",
            "Do not go live",
            f"This model loses too many {words.readers}: an estimated {plain(ratio)} times as many "
            f"unsubscribes as the {words.units} in the log, where {plain(cap)} times are allowed.",
            f"By reward alone, {_compared(evidence)}."
            if not evidence.use_case.reward.of_clicks
            else f"By clicks alone, {_compared(evidence)}.",
        )
    broken = broken_constraints(evidence)
    if broken and failed == set(broken):
        return Headline(
            "bad",
            "Do not go live",
            f"This model breaks a constraint: {'; '.join(broken.values())}.",
            f"Apart from that, {_compared(evidence)}. What is in use stays in use.",
        )
    if "value" not in failed and REFERENCE in failed:
        detail = next(check.detail for check in evidence.verdict.checks if check.name == REFERENCE)
        return Headline(
            "bad",
            "Do not go live",
            "This model is measurably worse than the fixed reference allows, so small losses would add up: "
            f"{detail}.",
            f"Against what is in use, {_compared(evidence)}. That stays in use.",
        )
    return Headline(
        "bad",
        "Do not go live",
        f"This model is measurably worse than allowed: {_compared(evidence)}.",
        f"{_meant(evidence)} The settings allow a loss of {allowed_loss(evidence)}. What is in use stays in "
        "use.".strip(),
    )


def broken_constraints(evidence: Evidence) -> dict[str, str]:
    """Each bound of a constraint that the gate did not see held, with the gate's sentence."""
    bounds = {limit.name for limit in evidence.use_case.limits}
    return {
        check.name: f"{check.name}, {check.detail}"
        for check in evidence.verdict.checks
        if check.name in bounds and check.passed is False
    }


def _cannot_tell(evidence: Evidence) -> Headline:
    words = evidence.use_case.words
    verdict = evidence.verdict
    if propensities_are_wrong(evidence):
        return Headline(
            "bad",
            "Cannot tell: do not go live",
            f"Nobody can say what this model is worth: {wrong_propensities(evidence)}.",
            _contradiction(evidence)
            + " Every estimate below rests on the propensities, so none of them can be believed. More "
            f"{words.units} do not help; right propensities do.",
        )
    if words.left_out in verdict.failed:
        detail = next(check.detail for check in verdict.checks if check.name == words.left_out)
        return Headline(
            "unsure",
            "Cannot tell: do not go live yet",
            f"Too many {words.units} were left out, because they have no value of what the reward counts. So "
            "the others need not tell of all.",
            f"{detail[:1].upper()}{detail[1:]}. What is in use stays in use.",
        )
    if BOUNDS in verdict.failed:
        detail = next(check.detail for check in verdict.checks if check.name == BOUNDS)
        return Headline(
            "unsure",
            "Cannot tell: do not go live yet",
            "The reward has no bounds, so nobody can say how sure an estimate of it is.",
            f"{detail[:1].upper()}{detail[1:]}. What is in use stays in use.",
        )
    sentences = {
        "rows": f"The log holds too few {words.units} to judge this model.",
        "effective sample size": "The log says too little about what this model would do: it seldom shows "
        "what the model chooses.",
        "largest weight": f"This verdict would hang on a few {words.units}: the model often chooses what was "
        f"hardly ever {words.sent}.",
        "clipped weight": "This verdict would rest on the model's own opinion: it often chooses what was "
        f"hardly ever {words.sent}.",
        "margin": "The settings would allow this model to lose everything that is earned today.",
        "AUC": "The log holds too few clicks to judge this model.",
        "AUC against production": "The log holds too few clicks to compare this model with production.",
        "rank correlation": "The log holds too few rewards to judge this model.",
        "rank correlation against production": "The log holds too few rewards to compare this model with "
        "production.",
        "value": "The log cannot say yet if this model is worse than allowed.",
        REFERENCE: "The log cannot say yet if this model is worse than the fixed reference allows.",
        "unsubscribes": f"The log cannot say yet if this model loses more {words.readers} than allowed.",
        **dict.fromkeys(
            broken_constraints(evidence), "The log cannot say yet if this model holds its constraints."
        ),
        ESTIMATED: "What this model is worth rests on estimated probabilities, which the settings do not "
        "trust.",
    }
    first = next((name for name in sentences if name in verdict.failed), None)
    sentence = sentences[first] if first is not None else "The log cannot say what this model is worth."
    return Headline(
        "unsure",
        "Cannot tell: do not go live yet",
        sentence,
        f"So far, {_compared(evidence)}. What is in use stays in use.",
    )


def _contradiction(evidence: Evidence) -> str:
    """What the log says against its propensities."""
    words = evidence.use_case.words
    off = [
        (abs(found.sample_ratio - 1.0), name, found.logged_share, found.sample_ratio)
        for name, found in evidence.metrics.overall.overlap.items()
        if found.sample_ratio and found.logged_share
    ]
    if off and SAMPLE_RATIO in evidence.verdict.failed:
        _, name, logged, ratio = max(off)
        return (
            f"{name} was {words.sent} in {share(logged)} of the {words.units}, but by the propensities it "
            f"should be {share(logged / ratio)}."
        )
    checks = [
        check for check in evidence.verdict.checks if check.name in PROPENSITIES and check.passed is False
    ]
    return " ".join(f"{check.detail[:1].upper()}{check.detail[1:]}." for check in checks)
