"""What changes for customers: how often each recommender is shown, to whom, and on what evidence."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter_bandit.exported_model import SERVING_POLICY
from newsletter_bandit.registry.evidence.metrics import LEAST_SHARE, Figure, SliceMetrics
from newsletter_bandit.reports.amounts import Amount
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.meaning import counted
from newsletter_bandit.reports.sections.groups import group

EVIDENCE = 30  # newsletters; with fewer, a mean is an anecdote
_SLICES, _COLUMNS = 24, 14  # of the heat map


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


def served(evidence: Evidence) -> str:
    """How the model is, or would be, served."""
    words = evidence.use_case.words
    decision = evidence.decision
    if decision.policy != SERVING_POLICY:
        return "It never explores: exploring would cost more than is allowed."
    which = "all" if decision.exploration_rate == 1.0 else f"{decision.exploration_rate:.0%} of the"
    told = (
        f"Its exploration is on in {which} {words.units}: there, the first place is drawn by the model's own "
        "probabilities, and may be the recommender with the best estimate all the same. Exploring"
    )
    # Of exploring always; in a share of the newsletters it costs that share.
    cost = Amount.of(decision.exploration_cost, evidence.use_case.reward.unit / decision.exploration_rate)
    if cost.value is None:
        return f"{told} has an unknown cost."
    verb = "costs" if cost.value >= 0 else "gains"
    return (
        f"{told} {verb} an estimated {Amount(abs(cost.value)).text()} {counted(evidence)} per 100,000 "
        f"{words.units} ({cost.interval()})."
    )


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
        (group(name), tuple(_cell(found[name], recommender) for recommender in columns))
        for name in sorted(largest)
    ]
    return HeatMap(columns, tuple(rows))


def cells(found: SliceMetrics) -> dict[str, Cell]:
    """What the model shows in one slice, by recommender; empty where nobody measured it."""
    return {name: _cell(found, name) for name in found.shares or {}}


def _cell(found: SliceMetrics, recommender: str) -> Cell:
    one = (found.shares or {}).get(recommender)
    if one is None:
        return Cell(None, None)
    rows = None if one.logged_share is None else round(one.logged_share * found.rows)
    return Cell(one.serving_policy_share, rows)
