"""Guardrails: every check of the gate in words, with what is left until its bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from newsletter_bandit.checks import Check
from newsletter_bandit.exported_model import SERVING_POLICY
from newsletter_bandit.registry.evidence.metrics import Figure
from newsletter_bandit.registry.evidence.verdict import ESTIMATED
from newsletter_bandit.reports.amounts import Amount, percent, plain, scaled, whole
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.judgement import REFERENCE, propensities_are_wrong
from newsletter_bandit.reports.meaning import counted, gain, has_unsubscribes
from newsletter_bandit.reports.sections.comparisons import ESTIMATOR
from newsletter_bandit.settings.words import Words, capital

_VALUE, _MARGINS = "value", ("margin", "margin of the reference")


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


def guards(evidence: Evidence) -> list[Guard]:
    """Every check, in the order in which it was made; none of unsubscribes where nothing can unsubscribe."""
    checks = evidence.verdict.checks
    shown = has_unsubscribes(evidence)
    return [_guard(check, evidence) for check in checks if shown or check.name != "unsubscribes"]


@dataclass(frozen=True)
class Exploring:
    """What exploring costs as the model is, or would be, served.

    Attributes:
      changed: share of the first places that it changes; None where an earlier version measured the run.
      cost: net clicks per 100,000 newsletters.
      allowed: the same, at most.
      rate: share of the newsletters in which exploration is on; 0 where it never is.
    """

    changed: Figure
    cost: Amount
    allowed: Amount
    rate: float


def exploring(evidence: Evidence) -> Exploring:
    """The cost of exploring in as many newsletters as the model is to explore in."""
    decision, unit = evidence.decision, evidence.use_case.reward.unit
    rate = decision.exploration_rate if decision.policy == SERVING_POLICY else 0.0
    changed, cost = evidence.metrics.overall.explored_share, decision.exploration_cost
    return Exploring(
        None if changed is None else rate * changed,
        Amount(0.0, 0.0, 0.0) if rate == 0.0 else Amount.of(cost, unit / rate),
        Amount(scaled(decision.max_cost, unit)),
        rate,
    )


def _guard(check: Check, evidence: Evidence) -> Guard:
    name, meaning = _meanings(evidence.use_case.words).get(
        check.name, (check.name[:1].upper() + check.name[1:], "")
    )
    unit, shown = _unit(check.name, evidence)
    left = ""
    if check.passed is not None and check.figure is not None and check.bound is not None:
        gap = check.figure - check.bound if check.relation == ">=" else check.bound - check.figure
        left = shown(gap + 0.0)
    relation = {">=": "at least", "<=": "at most"}[check.relation]
    return Guard(
        name,
        ", ".join(part for part in (meaning, unit) if part) + _note(check, evidence),
        "" if check.passed is None else shown(check.figure),
        "" if check.bound is None else f"{relation} {shown(check.bound)}",
        left,
        {True: "holds", False: "fails", None: "skipped"}[check.passed],
        check.detail,
    )


def _unit(name: str, evidence: Evidence) -> tuple[str, Callable[[float | None], str]]:
    """The unit of a check's figures in words, "" where its meaning has it; and how they are shown."""
    words = evidence.use_case.words
    gate = evidence.use_case.gate
    if name in ("clipped weight", words.left_out):
        return "", percent
    limit = next((one for one in evidence.use_case.limits if one.name == name), None)
    if limit is not None and limit.kind == "share":
        return "share of the first places", percent
    if name == "unsubscribes" or (limit is not None and limit.relative):
        return "", lambda figure: f"{plain(figure)} times"
    if name not in (_VALUE, REFERENCE, *_MARGINS):
        return "", plain
    of_reference = name in (REFERENCE, _MARGINS[1])
    # A share of nothing is no measure; there the gate looks at the reward itself.
    share_of = gate.reference_margin.share if of_reference else _share_of_baseline(evidence)
    if share_of and name not in _MARGINS:
        return f"in percent of what {'the reference' if of_reference else 'the other'} earns", percent
    unit = evidence.use_case.reward.unit
    return f"in {counted(evidence)} per 100,000 {words.units}", lambda figure: whole(scaled(figure, unit))


def _share_of_baseline(evidence: Evidence) -> float | None:
    overall = evidence.metrics.overall
    other = overall.production
    earned = overall.logging_policy if other is None else other.serving_policy.values[ESTIMATOR]
    return evidence.use_case.gate.allowed_margin.share if (earned.value or 0.0) > 0.0 else None


def _note(check: Check, evidence: Evidence) -> str:
    """A further sentence on a check, each after a blank; "" where there is none."""
    if check.name == _VALUE and gain(evidence).is_nothing:
        return (
            ". This model makes the same choices as the other, so nothing is lost; the figure only shows "
            "how well the log tells what the other earns"
        )
    found = evidence.metrics.overall.unsubscribes
    rate, high = evidence.metrics.overall.logging_policy.unsubscribe_rate, found.excess_upper_bound
    if (
        check.name != "unsubscribes"
        or check.passed is None
        or check.bound is None
        or not rate
        or high is None
    ):
        return ""
    if propensities_are_wrong(evidence):
        return ""  # then nothing is sure
    most = plain(check.bound + high / rate)
    if check.passed:
        return f"; surely at most {most} times"
    if found.excess_lower_bound is not None and found.excess_lower_bound > 0.0:
        return f"; surely at least {plain(check.bound + found.excess_lower_bound / rate)} times"
    return f"; up to {most} times cannot be excluded"


def _meanings(words: Words) -> dict[str, tuple[str, str]]:
    """Name and meaning of each check, by its name in the verdict."""
    return {
        "rows": (f"{capital(words.units)} judged", f"{words.units} that were kept apart for judging"),
        "effective sample size": (
            f"{capital(words.units)} that count",
            f"as many would say the same if this model had {words.sent} them",
        ),
        "largest weight": (f"Heaviest {words.unit}", "how often the one that counts most is counted"),
        "mean weight off 1": (
            "Logged probabilities, on average",
            f"how far the {words.units}' mean weight is from 1, where right probabilities put it",
        ),
        "sample ratio": (
            "Logged probabilities, per recommender",
            f"how likely chance alone {words.sends} recommenders as often as in this log",
        ),
        "never tried": (
            "Recommenders without evidence",
            f"recommenders that are in no {words.unit} of the log",
        ),
        "clipped weight": (
            "Not tested by the log",
            f"share of the result that rests on a model's estimates, for want of such {words.units} in the "
            "log",
        ),
        "value within range": (
            "Possible result",
            f"how far an estimate lies outside of what {words.units} can earn, in units of reward",
        ),
        "margin": (
            "Allowed loss",
            "what is earned today, which must exceed the loss that the settings allow",
        ),
        "AUC": ("Tells clicks from no clicks", "how well this model does that: 0.5 is chance, 1 perfect"),
        "AUC against production": (
            "Tells clicks from no clicks, compared",
            "the same, less that of the model in production",
        ),
        "rank correlation": (
            "Tells good choices from bad ones",
            "how well this model does that: 0 is chance, 1 perfect",
        ),
        "rank correlation against production": (
            "Tells good choices from bad ones, compared",
            "the same, less that of the model in production",
        ),
        words.left_out: (
            f"{capital(words.units)} left out",
            "share of the window without a value of a term of the reward",
        ),
        "bounds of the reward": ("Bounds of the reward", "terms of the reward that have none"),
        "value": ("Gain, at worst", "lower end of the gain's interval"),
        "margin of the reference": ("Allowed loss, reference", "what the fixed reference earns, likewise"),
        "value against the reference": (
            "Gain over the reference, at worst",
            "the same against a fixed reference, so that small losses do not add up",
        ),
        ESTIMATED: (
            "Estimated probabilities",
            "with which probability recommenders were chosen is estimated from the log, not known",
        ),
        "unsubscribes": ("Unsubscribes", f"times the unsubscribes of the {words.units} in the log"),
    }
