"""What a model means per 100,000 newsletters: in clicks, unsubscribes and net clicks, against what."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter_bandit.reports.amounts import Amount, plain, relative, scaled, share, whole
from newsletter_bandit.reports.evidence import Evidence

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
        """The difference in percent of the baseline, such as "+9.9%"; "" where that is unknown."""
        return relative(self.difference.value, self.baseline)


def gain(evidence: Evidence) -> Amount:
    """Net clicks per 100,000 newsletters that the model earns over what it is compared with."""
    return Amount.of(evidence.metrics.overall.difference, evidence.use_case.reward.click)


def relative_gain(evidence: Evidence) -> str:
    """The gain in percent of what the other earns, such as "+9.9%"; "" where that is unknown."""
    overall = evidence.metrics.overall
    other = (
        overall.logging_policy
        if overall.production is None
        else overall.production.serving_policy.values["dr"]
    )
    return relative(overall.difference.value, other.value)


def meanings(evidence: Evidence) -> tuple[Meaning, ...]:
    """Clicks and unsubscribes; () where an earlier version measured the run."""
    clicks, unsubscribes = evidence.metrics.overall.clicks, evidence.metrics.overall.unsubscribes
    if clicks is None:
        return ()
    return tuple(
        Meaning(
            name,
            Amount.of(found).of_newsletters(),
            scaled(found.baseline),
            Amount(*map(scaled, (found.difference, found.difference_low, found.difference_high))),
        )
        for name, found in (("clicks", clicks), ("unsubscribes", unsubscribes))
    )


def baseline(evidence: Evidence) -> str:
    """What the model is compared with, as a noun."""
    if evidence.verdict.compared_with == LOGGING:
        return "the newsletters as they were sent"
    if evidence.outcome == "published":
        return "the model that it replaces"
    return "the model in production"


def net_clicks(evidence: Evidence) -> str:
    """The unit of value, explained."""
    reward = evidence.use_case.reward
    if reward.unsubscribe == 0.0:
        return "A click counts 1; unsubscribes do not count."
    which = "an unsubscribe after a click" if reward.unsubscribe_counts == "after_click" else "an unsubscribe"
    counts = plain(reward.unsubscribe / reward.click)
    return f"Net clicks: a newsletter with a click counts 1, one with {which} counts {counts} instead."


def allowed_loss(evidence: Evidence) -> str:
    """The margin that the settings allow, in words."""
    margin = evidence.use_case.gate.allowed_margin
    if margin.share:
        return f"{share(margin.share, 0)} of what the other earns"
    return (
        f"{whole(scaled(margin.reward, evidence.use_case.reward.click))} net clicks per 100,000 newsletters"
    )
