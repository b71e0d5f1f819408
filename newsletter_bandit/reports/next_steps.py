"""What to do next, computed from the figures of the run.

An interval's width falls with the square root of the number of rows. So where an interval reaches over its
bound by `reach` from an estimate that is `distance` on the right side of it, (reach / distance)^2 times as
many rows would tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from newsletter_bandit.checks import Check
from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.registry.evidence.verdict import ESTIMATED
from newsletter_bandit.reports.amounts import Amount, plain, share, whole
from newsletter_bandit.reports.commands import complete
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.judgement import (
    BOUNDS,
    ORDERS,
    broken_constraints,
    propensities_are_wrong,
    standing,
)
from newsletter_bandit.reports.meaning import counted, gain
from newsletter_bandit.reports.sections.history import rollbacks
from newsletter_bandit.reports.sections.slices import slices
from newsletter_bandit.settings.mapping import SPLIT_TABLES, FromConstant, FromEstimate, FromRule, FromSplit
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.words import capital

_WEEKS_OF_PATIENCE = 26  # a longer window learns from users who have changed
_SURE = 1e9  # times as many rows; more is never


@dataclass(frozen=True)
class Step:
    """One thing to do; ``command`` is what to type, "" where nothing is."""

    text: str
    command: str = ""


def _mend_propensities(use_case: UseCase) -> Iterator[Step]:
    """How to correct the propensities: where the mapping makes them, in the settings, else in the file."""
    words = use_case.words
    made_by = next((table for table in SPLIT_TABLES if _makes_propensities(use_case, table)), None)
    key = f"ingest.{made_by}.propensity"
    where = "write that into the column propensity" if made_by is None else f"correct {key} of the settings"
    yield Step(
        f"Find out with which probability each {words.unit}'s recommender was really chosen, and {where}. "
        "The figure below shows by how much each recommender is off."
    )
    yield Step(
        f"If it was a fixed split, the propensity of {words.a_unit} is its recommender's share in the split, "
        "not one over the number of recommenders."
    )
    yield Step(
        f"If a rule chose by {words.subject}, with no chance in it, no propensity is right: first "
        f"{words.send} a part at random."
    )
    rows = "the corrected rows" if made_by is None else "the rows again"
    then = "build the training table, then train again" if made_by == "sends" else "then train again"
    yield Step(f"Ingest {rows}, {then}.", f"ingest {made_by or 'training'} FILE --replace")


def _makes_propensities(use_case: UseCase, table: str) -> bool:
    mapping = {"training": use_case.ingest.training, "sends": use_case.ingest.sends}[table]
    return isinstance(mapping.get("propensity"), FromSplit | FromRule | FromConstant | FromEstimate)


def next_steps(evidence: Evidence, versions: Sequence[VersionInfo] = ()) -> tuple[Step, ...]:
    """What to do next, the most useful first."""
    return tuple(
        replace(step, command=complete(step.command, evidence)) if step.command else step
        for step in _steps(evidence, versions)
    )


def _steps(evidence: Evidence, versions: Sequence[VersionInfo]) -> tuple[Step, ...]:
    now = standing(evidence, versions)
    if now == "waiting":
        return (
            Step("To let it go live, say yes, and why:", f"models approve {evidence.version} --note TEXT"),
            Step("To keep it out, say no, and why:", f"models reject {evidence.version} --note TEXT"),
        )
    if now == "rejected":
        return (
            Step("Nothing: what is in use stays in use, and the next training is judged against that."),
            Step(
                "If the reason has passed, put it into production all the same:",
                f"models approve {evidence.version} --override --note TEXT",
            ),
        )
    if now == "replaced":
        return (
            Step("Nothing: another model is in production now."),
            Step("To bring this one back, and to keep it there:", f"models rollback {evidence.version}"),
        )
    if now == "superseded":
        return (
            Step("Train again: the model is then compared with what is in production now.", "train --again"),
        )
    if now == "pinned":
        return (
            Step("Take the pin away, if the reason for it has passed.", "models unpin"),
            Step("Then train again.", "train --again"),
        )
    verdict = evidence.verdict
    if verdict.verdict == "blessed":
        return tuple(_after_going_live(evidence, versions))
    if verdict.verdict == "not_blessed":
        return tuple(_after_refusal(evidence))
    if propensities_are_wrong(evidence):
        return tuple(_mend_propensities(evidence.use_case))
    return tuple(_more_evidence(evidence))


def rows_factor(evidence: Evidence) -> float | None:
    """How many times today's rows would decide, if the estimates stay; None where rows are not what lacks,
    infinite where an estimate stands on its bound.
    """
    failed = {check.name: check for check in evidence.verdict.checks if check.passed is False}
    factors = []
    for name in ("rows", "effective sample size"):
        check = failed.pop(name, None)
        if check is not None and check.figure and check.bound:
            factors.append(check.bound / check.figure)
    if "value" in failed and _undecided(evidence):
        factors.append(_value_factor(evidence))
    if "unsubscribes" in failed:
        factors.append(_unsubscribes_factor(evidence))
    return max(factors) if factors else None


def _undecided(evidence: Evidence) -> bool:
    return evidence.verdict.verdict == "cannot_tell"


def _value_factor(evidence: Evidence) -> float:
    found = evidence.metrics.overall.difference
    margin = evidence.use_case.gate.allowed_margin
    if margin.share and found.excess is not None:
        value, low, high = found.excess, found.excess_lower_bound, found.excess_upper_bound
        return _factor(value, low, high)
    shift = margin.reward
    ends = (found.value, found.lower_bound, found.upper_bound)
    return _factor(*(None if end is None else end + shift for end in ends))


def _unsubscribes_factor(evidence: Evidence) -> float:
    found = evidence.metrics.overall.unsubscribes
    return _factor(found.excess, found.excess_lower_bound, found.excess_upper_bound)


def _factor(value: float | None, low: float | None, high: float | None) -> float:
    """How many times the rows until the interval no longer reaches over 0."""
    if value is None or low is None or high is None or value == 0.0:
        return math.inf
    reach = value - low if value > 0.0 else high - value
    return max(1.0, (reach / value) ** 2)


def _after_going_live(evidence: Evidence, versions: Sequence[VersionInfo]) -> Iterator[Step]:
    words = evidence.use_case.words
    days = evidence.decision.expires_after_days
    yield Step(
        f"Rank the recommenders for all {words.subjects}, so that the next {words.unit} uses this model.",
        "predict",
    )
    yield Step(
        f"Do so at least every {days} days: after {days} days a ranking is no longer served, and its "
        f"{words.subject} gets the default recommender."
    )
    yield Step(
        f"Let {words.senders} look the rankings up by {words.subject}, here or from the Cloud Function.",
        "serve",
    )
    yield Step(
        f"Let the {words.sender} log propensities[0] and model_version of the answer with each "
        f"{words.unit}: the next training learns and judges by them."
    )
    earlier = next(rollbacks(versions), None)
    if earlier is not None:
        yield Step("If you see something that this page does not, take it back.", earlier)


def _after_refusal(evidence: Evidence) -> Iterator[Step]:
    words = evidence.use_case.words
    failed = set(evidence.verdict.failed)
    if failed & ORDERS:
        yield Step(
            "Look at the features: a column that is empty, late or differently filled in this window makes a "
            "model blind."
        )
    elif broken_constraints(evidence):
        yield Step(
            'See below, under "What the constraints cost", how the bound and the reward go together. Allow '
            "more (constraints), or let the next log say more of what this model avoids: explore more."
        )
    elif "unsubscribes" in failed:
        yield Step(
            f"See below which recommender this model shows more often, and how many {words.readers} that "
            "one loses. Give unsubscribes more weight (reward.terms.unsubscribed), or take that recommender "
            "out (retired)."
        )
    else:
        yield from _explore_less(evidence)
        groups = slices(evidence)
        losers = [found.name for found in groups if found.amount.surely_less]
        gainers = [found.name for found in groups if found.amount.surely_more]
        if gainers:
            yield Step(
                f"It is not worse for everybody: {_listed(gainers)} gain. See below what they have in common."
            )
        elif 2 * len(losers) > len(groups):
            yield Step(
                f"Nearly everybody loses, {len(losers)} of {len(groups)} groups of {words.subjects} "
                "surely. So look at the model as a whole: compare its settings with those of the model that "
                "is in use."
            )
        elif losers:
            yield Step(f"See who loses, below: {_listed(losers)}.")
    yield Step("Search for hyperparameters that learn more from this window, then train again.", "tune")
    yield Step("Or wait for the next window: nothing is lost, because what is in use stays in use.")


def _explore_less(evidence: Evidence) -> Iterator[Step]:
    """Where the model loses because it explores, not because of what it learned."""
    words = evidence.use_case.words
    model, unit = evidence.metrics.overall.candidate, evidence.use_case.reward.unit
    cost, lost = Amount.of(model.exploration_cost, unit), gain(evidence)
    if (
        cost.surely_more
        and cost.value is not None
        and lost.value is not None
        and cost.value >= -lost.value / 2
    ):
        yield Step(
            f"Let it explore less: it loses {whole(-lost.value)} {counted(evidence)} per 100,000 "
            f"{words.units}, and exploring alone costs it {cost.text()} ({cost.interval()}). Lower "
            "agent.temperature or exploration.epsilon."
        )


def _more_evidence(evidence: Evidence) -> Iterator[Step]:
    words = evidence.use_case.words
    failed = {check.name: check for check in evidence.verdict.checks if check.passed is False}
    if ESTIMATED in failed:
        yield Step(
            f"{capital(words.send)} a part of the next {words.units} by a random draw, and log its "
            f"probability: that needs no estimate. Or find the probabilities in the tool that {words.sent} "
            "these."
        )
        yield Step(
            f"If {', '.join(evidence.metrics.estimated_by)} are surely all that decided, set "
            "gate.estimated_propensities: allow, and train again.",
            "train --again",
        )
    if words.left_out in failed and evidence.log is not None:
        for name, rows in evidence.log.missing.items():
            yield Step(
                f'If an empty cell of {name} means 0, set ingest.value_names.{name}: {{"": 0}} and load the '
                f"{words.units} again: {rows:,} of the window have no value of it.",
                "ingest training FILE --replace",
            )
            yield Step(
                f"If those values are not final yet, set reward.terms.{name}.attribution_days to the days "
                "that they take: the window then ends before them."
            )
        yield Step("Then train again.", "train")
        return
    if BOUNDS in failed:
        for name in evidence.use_case.reward.unbounded:
            yield Step(
                f"Set reward.terms.{name}.clip to the smallest and largest value that shall count, "
                f"{_such_as(evidence, name)}, and train again."
            )
        return
    factor = rows_factor(evidence)
    if factor is not None and factor < _SURE:
        yield Step(_rows_sentence(evidence, factor))
        yield from _window(evidence, factor)
    elif factor is not None:
        yield Step(f"More {words.units} alone will not decide: the estimate stands on its bound.")
    yield from _explore(evidence, failed)
    if "margin" in failed:
        yield Step("Set gate.allowed_margin to less, or to a share such as 10%.")
    if failed.keys() & ORDERS:
        what = "clicks" if evidence.use_case.reward.of_clicks else "rewards"
        yield Step(f"Wait for more {what}: at this number, chance explains how this model orders them.")


def _such_as(evidence: Evidence, name: str) -> str:
    """Which clip of an outcome is a good start, by the run's own values."""
    further = evidence.metrics.overall.terms.get(name)
    found = None if further is None else further.exceeded
    if not found:
        return "such as 0 and what a hundredth of the values exceed"
    digits = 1 - math.floor(math.log10(found))
    end = f"{math.ceil(round(found * 10.0**digits, 6)) / 10.0**digits:.12g}"
    return (
        f"such as [0, {end}], or [-{end}, {end}] if it can be negative (about a hundredth of the values "
        "other than 0 are further from 0)"
    )


def _rows_sentence(evidence: Evidence, factor: float) -> str:
    words = evidence.use_case.words
    rows = evidence.metrics.overall.rows
    total = evidence.newsletters or round(rows / evidence.use_case.eval_share)
    needed = _rounded(factor * total)
    # Of the interval alone: if rows are missing as well, nobody knows which way it will go.
    leaning = ""
    if "value" in evidence.verdict.failed and "rows" not in evidence.verdict.failed:
        excess = evidence.metrics.overall.difference.excess
        worse = excess is not None and excess < 0.0
        leaning = (
            " At today's estimate they would say that it is worse."
            if worse
            else " At today's estimate they would say that it can go live."
        )
    return (
        f"About {needed:,} {words.units} in the window would tell, {plain(round(factor, 1))} times the "
        f"{total:,} of today: an interval narrows with the square root of their number.{leaning}"
    )


def _window(evidence: Evidence, factor: float) -> Iterator[Step]:
    words = evidence.use_case.words
    weeks = evidence.use_case.window.weeks
    longer = math.ceil(weeks * factor)
    if longer <= _WEEKS_OF_PATIENCE:
        yield Step(
            f"At today's pace that is a window of {longer} weeks instead of {weeks}: set window.weeks: "
            f"{longer}."
        )
    else:
        yield Step(
            f"At today's pace that would take {longer:,} weeks, too long to wait. {capital(words.send)} to "
            f"more {words.subjects}, or explore more where this model and what is in use differ."
        )


def _explore(evidence: Evidence, failed: dict[str, Check]) -> Iterator[Step]:
    words = evidence.use_case.words
    overall = evidence.metrics.overall
    weights = overall.candidate.serving_policy.weights
    if "largest weight" in failed and evidence.use_case.gate.max_weight:
        least = 1.0 / evidence.use_case.gate.max_weight
        largest = plain(weights.max_weight_unclipped)
        yield Step(
            f"One {words.unit} counts {largest} times here. Show each recommender to everybody with a "
            f"probability of at least {share(least, 2)} (exploration.epsilon), and no {words.unit} can count "
            "more than is allowed."
        )
    if failed.keys() & {"effective sample size", "clipped weight", "value"}:
        thin = sorted(
            (found.effective_sample_size or 0.0, name)
            for name, found in overall.overlap.items()
            if (found.serving_policy_share or 0.0) > 2.0 * (found.logged_share or 0.0)
        )
        if thin:
            shown = []
            for _, name in thin[:3]:
                found = overall.overlap[name]
                model, log = share(found.serving_policy_share), share(found.logged_share)
                shown.append(f"{name} (this model {model}, the log {log})")
            yield Step(f"Or explore more of what this model would show more often: {', '.join(shown)}.")


def _rounded(figure: float) -> int:
    """Two digits: an extrapolation is no more exact than that."""
    digits = max(0, math.floor(math.log10(figure)) - 1)
    return int(round(figure, -digits))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more
