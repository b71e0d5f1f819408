"""The rows of the page's tables and figures, from the evidence."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeVar

from newsletter_bandit.checks import Check
from newsletter_bandit.exported_model import SERVING_POLICY
from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.registry.evidence.metrics import LEAST_SHARE, Figure, SliceMetrics
from newsletter_bandit.reports.amounts import Amount, plain, scaled, share
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.judgement import in_production
from newsletter_bandit.warehouse.window_log import BOUNDS

_Row = TypeVar("_Row")
_DAYS = 7  # of a list of days
_DRAWN = 30  # rows of a figure; its table has them all
_SLICES, _COLUMNS = 24, 14  # of the heat map
EVIDENCE = 30  # newsletters; with fewer, a mean is an anecdote
# The estimator that the gate looks at.
ESTIMATOR = "dr"


@dataclass(frozen=True)
class Compared:
    """A policy's net clicks per 100,000 newsletters; ``own`` marks the model of the run."""

    label: str
    amount: Amount
    own: bool = False


@dataclass(frozen=True)
class Share:
    """One recommender: shares in [0, 1], None where unknown.

    Attributes:
      logged: of the evaluated rows of the log.
      production: of the first slots that the model in production gives it; None where there is none.
      candidate: of the first slots that the model of the run would give it.
      rows: rows of evidence that the weights leave.
      untested: it is in no row of the log.
    """

    recommender: str
    logged: Figure
    production: Figure
    candidate: Figure
    rows: Figure
    untested: bool

    @property
    def now(self) -> Figure:
        """Share today: production's, else the log's."""
        return self.logged if self.production is None else self.production


@dataclass(frozen=True)
class Sent:
    """One recommender: how often it was sent, and how often by its propensities; see `sample_ratio`.

    Attributes:
      newsletters: in the window; None where nobody counted them.
      observed, expected: shares of the evaluated rows; None where unknown.
      ratio: observed over expected.
      off: further from 1 than the gate tolerates, and not by chance.
    """

    recommender: str
    newsletters: int | None
    observed: Figure
    expected: Figure
    ratio: Figure
    off: bool


@dataclass(frozen=True)
class Slice:
    """Gain of the users of one slice, in net clicks per 100,000 newsletters, at all slices' confidence."""

    name: str
    rows: int
    amount: Amount

    @property
    def words(self) -> str:
        """Whether these users gain or lose."""
        if self.amount.surely_more:
            return "gains"
        return "loses" if self.amount.surely_less else "cannot tell"


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


def other_model(evidence: Evidence) -> str:
    """Label of the model that was in production when the run's was judged."""
    return "Model that it replaces" if evidence.outcome == "published" else "Model in production"


def compared(evidence: Evidence) -> list[Compared]:
    """The policies, each by the gate's estimator; what was logged needs none."""
    overall, unit = evidence.metrics.overall, evidence.use_case.reward.click
    rows = [Compared("Newsletters as they were sent", Amount.of(overall.logging_policy, unit))]
    if overall.production is not None:
        rows.append(
            Compared(
                other_model(evidence), Amount.of(overall.production.serving_policy.values[ESTIMATOR], unit)
            )
        )
    rows += _unlearned(evidence)
    rows.append(
        Compared("This model", Amount.of(overall.candidate.serving_policy.values[ESTIMATOR], unit), own=True)
    )
    rows.append(
        Compared(
            "This model, never exploring", Amount.of(overall.candidate.eval_policy.values[ESTIMATOR], unit)
        )
    )
    return rows


def _unlearned(evidence: Evidence) -> Iterator[Compared]:
    """What needs no model: the best recommender for all, and each of them equally often."""
    alone, uniform = singles(evidence), evidence.metrics.overall.uniform
    if alone:
        yield Compared(f"Only {alone[0].label}, the best single one", alone[0].amount)
    if uniform is not None:
        unit = evidence.use_case.reward.click
        yield Compared(
            "Each equally often",
            Amount(*(scaled(one, unit) for one in (uniform.value, uniform.low, uniform.high))),
        )


def singles(evidence: Evidence) -> list[Compared]:
    """Each recommender alone, the best first. Whoever picks the best of many picks luck too, so the intervals
    hold all together (Bonferroni).
    """
    unit = evidence.use_case.reward.click
    known = {name: one for name, one in evidence.metrics.overall.overlap.items() if one.value is not None}
    factor = bonferroni(evidence.metrics.confidence, len(known))
    rows = []
    for name, one in known.items():
        found = Amount(*(scaled(figure, unit) for figure in (one.value, one.value_low, one.value_high)))
        rows.append(Compared(name, found.wider(factor)))
    return sorted(rows, key=lambda row: -(row.amount.value or 0.0))


def by_estimator(evidence: Evidence) -> list[tuple[str, list[Compared]]]:
    """Every estimator of the serving policies, by its name."""
    overall, unit = evidence.metrics.overall, evidence.use_case.reward.click
    models = {"This model": overall.candidate, other_model(evidence): overall.production}
    return [
        (
            name,
            [
                Compared(label, Amount.of(model.serving_policy.values[name], unit), own=label == "This model")
                for label, model in models.items()
                if model is not None and name in model.serving_policy.values
            ],
        )
        for name in overall.candidate.serving_policy.values
    ]


def shares(evidence: Evidence) -> list[Share]:
    """Every recommender, those that the model shows most first."""
    found = [
        Share(
            name,
            one.logged_share,
            one.production_share,
            one.serving_policy_share,
            one.effective_sample_size,
            untested=not one.logged_share,
        )
        for name, one in evidence.metrics.overall.overlap.items()
    ]
    return sorted(found, key=lambda one: (-(one.candidate or 0.0), one.recommender))


def sent(evidence: Evidence) -> list[Sent]:
    """Every recommender, in the settings' order."""
    log = evidence.log
    counted = {} if log is None else {arm.recommender: arm.newsletters for arm in log.arms}
    tolerance = evidence.use_case.gate.sample_ratio_tolerance
    failed = "sample ratio" in evidence.verdict.failed
    rows = []
    for name, one in evidence.metrics.overall.overlap.items():
        ratio, observed = one.sample_ratio, one.logged_share
        rows.append(
            Sent(
                name,
                counted.get(name),
                observed,
                None if not ratio or observed is None else observed / ratio,
                ratio,
                off=failed and ratio is not None and abs(ratio - 1.0) > tolerance,
            )
        )
    return rows


@dataclass(frozen=True)
class Cell:
    """One recommender in one slice: how often the model of the run shows it, and in how many of the judged
    newsletters the log did; None where unknown.
    """

    share: Figure
    rows: int | None

    @property
    def untested(self) -> bool:
        """The model shows it, and the log hardly did."""
        return (self.share or 0.0) >= LEAST_SHARE and (self.rows or 0) < EVIDENCE


@dataclass(frozen=True)
class HeatMap:
    """Shares of the model of the run: a row per slice, a column per recommender."""

    recommenders: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def heat_map(evidence: Evidence) -> HeatMap | None:
    """What the model shows to whom: the largest slices, and what it shows most; None where nobody measured
    it.
    """
    found = {name: one for name, one in evidence.metrics.slices.items() if one.shares}
    if not found:
        return None
    largest = sorted(found, key=lambda name: -found[name].rows)[:_SLICES]
    columns = tuple(one.recommender for one in shares(evidence))[:_COLUMNS]
    rows = [
        (name, tuple(_cell(found[name], recommender) for recommender in columns)) for name in sorted(largest)
    ]
    return HeatMap(columns, tuple(rows))


def propensities(evidence: Evidence) -> list[tuple[str, int]]:
    """Newsletters of the window by propensity, the largest first, without empty bins at either end."""
    if evidence.log is None or not sum(evidence.log.propensities):
        return []
    ends = [share(bound, 1 if bound >= 0.01 else 2) for bound in BOUNDS]
    labels = [f"{ends[0]} or more"]
    labels += [f"{low} to {high}" for high, low in itertools.pairwise(ends)]
    rows = list(zip([*labels, f"below {ends[-1]}"], evidence.log.propensities, strict=True))
    filled = [index for index, (_, newsletters) in enumerate(rows) if newsletters]
    return rows[filled[0] : filled[-1] + 1]


def empty_days(evidence: Evidence) -> str:
    """Days of the window on which nothing was sent, as a list; "" where there is none."""
    if evidence.log is None:
        return ""
    days = [f"{day:%-d %B}" for day in evidence.log.empty_days]
    return ", ".join(days[:_DAYS]) + (f" and {len(days) - _DAYS} more" if len(days) > _DAYS else "")


def _cell(found: SliceMetrics, recommender: str) -> Cell:
    one = (found.shares or {}).get(recommender)
    if one is None:
        return Cell(None, None)
    rows = None if one.logged_share is None else round(one.logged_share * found.rows)
    return Cell(one.serving_policy_share, rows)


def drawn(rows: Sequence[_Row], weight: Callable[[_Row], float]) -> list[_Row]:
    """The rows that a figure shows, in their order: all, or so many with the largest weight."""
    kept = sorted(range(len(rows)), key=lambda index: -weight(rows[index]))[:_DRAWN]
    return [rows[index] for index in sorted(kept)]


def slices(evidence: Evidence) -> list[Slice]:
    """Every slice, by name, with intervals that hold all together (Bonferroni)."""
    found, unit = evidence.metrics.slices, evidence.use_case.reward.click
    factor = bonferroni(evidence.metrics.confidence, len(found))
    return [
        Slice(name, one.rows, Amount.of(one.difference, unit).wider(factor))
        for name, one in sorted(found.items())
    ]


def bonferroni(confidence: float, slices: int) -> float:
    """How much wider an interval must be so that ``slices`` of them hold together at ``confidence``.

    The ratio of the normal quantiles of (1 - confidence) / slices and (1 - confidence), two-sided. See
    "Multiple Comparisons Among Means" by Dunn (1961).
    """
    if slices < 2:
        return 1.0
    error = (1.0 - confidence) / 2.0
    return NormalDist().inv_cdf(1.0 - error / slices) / NormalDist().inv_cdf(1.0 - error)


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
    own: bool


def history(evidence: Evidence, versions: Sequence[VersionInfo]) -> list[Version]:
    """Every published version, newest first."""
    return [
        _version(info, evidence) for info in sorted(versions, key=lambda info: info.version, reverse=True)
    ]


def _version(info: VersionInfo, evidence: Evidence) -> Version:
    unit = evidence.use_case.reward.click
    overall = None if info.metrics is None else info.metrics.overall
    value = None if overall is None else overall.candidate.serving_policy.values.get(ESTIMATOR)
    gained = None if overall is None else overall.difference
    state = "in production" if info.is_current else ""
    if info.is_pinned:
        state = "in production, pinned"
    elif not info.is_current and info.placement is not None and not info.placement.placed:
        state = {"superseded": "superseded", "pinned": "kept out by a pin"}[info.placement.outcome]
    return Version(
        info.version,
        f"{info.created:%Y-%m-%d %H:%M} UTC",
        "unknown" if info.verdict is None else info.verdict.words,
        "unknown" if info.verdict is None else info.verdict.compared_with,
        Amount(None if value is None else scaled(value.value, unit)).text(),
        "unknown"
        if gained is None
        else f"{Amount.of(gained, unit).text(True)} ({Amount.of(gained, unit).interval(True)})",
        state,
        own=info.version == evidence.version,
    )


def rollbacks(versions: Sequence[VersionInfo]) -> Iterator[str]:
    """Commands that bring an earlier version back, the newest first, without the program's name."""
    current = in_production(versions)
    for info in sorted(versions, key=lambda info: info.version, reverse=True):
        placed = info.placement is None or info.placement.placed
        if current is not None and info.version < current and placed:
            yield f"models rollback {info.version}"


def served(evidence: Evidence) -> str:
    """How the model is, or would be, served."""
    decision = evidence.decision
    if decision.policy != SERVING_POLICY:
        return "It never explores: exploring would cost more than is allowed."
    words = f"It explores in {decision.exploration_rate:.0%} of the newsletters"
    # Of exploring always; in a share of the newsletters it costs that share.
    cost = Amount.of(decision.exploration_cost, evidence.use_case.reward.click / decision.exploration_rate)
    if cost.value is None:
        return f"{words}, at an unknown cost."
    verb = "costs" if cost.value >= 0 else "gains"
    return (
        f"{words}, which {verb} an estimated {Amount(abs(cost.value)).text()} net clicks per 100,000 "
        f"newsletters ({cost.interval()})."
    )
