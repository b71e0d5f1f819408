"""Who gains, who loses: the gain of each group of users."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter_bandit.reports.amounts import Amount
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.sections.correction import bonferroni
from newsletter_bandit.reports.sections.groups import group


@dataclass(frozen=True)
class Slice:
    """Gain of the users of one slice, in net clicks per 100,000 newsletters, at all slices' confidence."""

    name: str
    rows: int
    amount: Amount

    @property
    def words(self) -> str:
        """Whether these users gain or lose."""
        if self.amount.is_nothing:
            return "no difference"
        if self.amount.surely_more:
            return "gains"
        return "loses" if self.amount.surely_less else "cannot tell"


def slices(evidence: Evidence) -> list[Slice]:
    """Every slice, by name, with intervals that hold all together (Bonferroni)."""
    found, unit = evidence.metrics.slices, evidence.use_case.reward.unit
    factor = bonferroni(evidence.metrics.confidence, len(found))
    return [
        Slice(group(name), one.rows, Amount.of(one.difference, unit).wider(factor))
        for name, one in sorted(found.items())
    ]
