"""What a model means per 100,000 newsletters, in clicks, other outcomes and reward, and against what."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter_bandit.registry.evidence.metrics import Clicks, Unsubscribes
from newsletter_bandit.reports.amounts import Amount, plain, relative, scaled, share, whole
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.settings.reward import Reward
from newsletter_bandit.settings.tables import CLICKED, UNSUBSCRIBED

LOGGING = "logging policy"


@dataclass(frozen=True)
class Meaning:
    """One outcome per 100,000 newsletters: of the model, of what it is compared with, and how they differ."""

    name: str
    own: Amount
    baseline: float | None
    difference: Amount

    @property
    def relative(self) -> str:
        """The difference in percent of the baseline, such as "+9.9%"; "" for none or where unknown."""
        return "" if self.difference.is_nothing else relative(self.difference.value, self.baseline)


def gain(evidence: Evidence) -> Amount:
    """What the model earns per 100,000 newsletters over what it is compared with, as `counted` counts."""
    return Amount.of(evidence.metrics.overall.difference, evidence.use_case.reward.unit)


def relative_gain(evidence: Evidence) -> str:
    """The gain in percent of what the other earns, such as "+9.9%"; "" for none or where unknown."""
    overall = evidence.metrics.overall
    if gain(evidence).is_nothing:
        return ""
    other = (
        overall.logging_policy
        if overall.production is None
        else overall.production.serving_policy.values["dr"]
    )
    return relative(overall.difference.value, other.value)


def meanings(evidence: Evidence) -> tuple[Meaning, ...]:
    """Clicks, unsubscribes if there are any, and further outcomes; () where an earlier version measured the
    run.
    """
    overall = evidence.metrics.overall
    if overall.clicks is None:
        return ()
    rates: list[tuple[str, Clicks | Unsubscribes]] = [("clicks", overall.clicks)]
    if has_unsubscribes(evidence):
        rates.append(("unsubscribes", overall.unsubscribes))
    return (
        *(_meaning(name, found, Amount.of(found).of_newsletters()) for name, found in rates),
        *(_meaning(name, found, Amount.of(found)) for name, found in overall.terms.items()),
    )


def has_unsubscribes(evidence: Evidence) -> bool:
    """Something is to be said of unsubscribes; see `Reward.tells_of_unsubscribes`."""
    rate = evidence.metrics.overall.logging_policy.unsubscribe_rate
    return evidence.use_case.reward.tells_of_unsubscribes(rate)


def _meaning(name: str, found: Clicks | Unsubscribes, own: Amount) -> Meaning:
    ends = (found.difference, found.difference_low, found.difference_high)
    return Meaning(name, own, scaled(found.baseline), Amount(*map(scaled, ends)))


def baseline(evidence: Evidence) -> str:
    """What the model is compared with, as a noun."""
    words = evidence.use_case.words
    if evidence.verdict.compared_with == LOGGING:
        return f"the {words.units} as they were {words.sent}"
    if evidence.outcome == "published":
        return "the model that it replaces"
    return "the model in production"


def counted(evidence: Evidence) -> str:
    """The unit of value in words; see `unit_words`."""
    return unit_words(evidence.use_case.reward)


def unit_words(reward: Reward) -> str:
    """The unit of value, a plural: net clicks, or units of a reward that is not made of clicks alone."""
    return "net clicks" if reward.of_clicks else "units of reward"


def net_clicks(evidence: Evidence) -> str:
    """The unit of value, explained."""
    words = evidence.use_case.words
    reward = evidence.use_case.reward
    if not reward.of_clicks:
        return f"Reward: {_sum(reward)}."
    if reward.unsubscribe_counts is None:
        ignored = "; unsubscribes do not count" if has_unsubscribes(evidence) else ""
        return f"A click counts 1{ignored}."
    which = "an unsubscribe after a click" if reward.unsubscribe_counts == "after_click" else "an unsubscribe"
    counts = plain(reward.unsubscribe / reward.click)
    return f"Net clicks: {words.a_unit} with a click counts 1, one with {which} counts {counts} instead."


def _sum(reward: Reward) -> str:
    """The terms of a reward as a sum."""
    parts = []
    for name, term in reward.terms.items():
        words = name
        if term.clip is not None:
            words += f" (within {plain(term.clip[0])} to {plain(term.clip[1])})"
        if name == UNSUBSCRIBED and CLICKED in reward.terms:
            after = "" if reward.unsubscribe_counts == "any" else "after a click, "
            words += f" ({after}in the place of the click)"
        parts.append(f"{plain(term.weight)} × {words}")
    return " + ".join(parts)


def allowed_loss(evidence: Evidence) -> str:
    """The margin that the settings allow, in words."""
    words = evidence.use_case.words
    margin = evidence.use_case.gate.allowed_margin
    if margin.share:
        return f"{share(margin.share, 0)} of what the other earns"
    lost = whole(scaled(margin.reward, evidence.use_case.reward.unit))
    return f"{lost} {counted(evidence)} per 100,000 {words.units}"
