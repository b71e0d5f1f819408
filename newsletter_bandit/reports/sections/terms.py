"""What the reward is made of: each term, how heavy its tail is, and how well estimates order rewards."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter_bandit.registry.evidence.metrics import Figure
from newsletter_bandit.reports.amounts import Amount, plain, scaled, share
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.meaning import meanings
from newsletter_bandit.settings.tables import CLICKED, UNSUBSCRIBED

_NAMES = {"clicks": CLICKED, "unsubscribes": UNSUBSCRIBED}
# From this share of the sum on, a hundredth of the newsletters decides what a mean is.
_HEAVY = 0.5


@dataclass(frozen=True)
class Term:
    """One term per 100,000 newsletters, within its clip and before its weight.

    Attributes:
      name: outcome.
      weight: its weight in the reward; "" where it has none.
      logged: of the log.
      baseline: of what the model is compared with.
      own: of the model.
      top_share: share of the log's sum that 1% of its newsletters carry; "" where nobody measured it.
      clipped_away: share of the log's sum that the clip takes away; likewise.
      heavy: a few newsletters decide what it is.
      clipped: it has a clip.
    """

    name: str
    weight: str
    logged: Figure
    baseline: Figure
    own: Amount
    top_share: str
    clipped_away: str
    heavy: bool
    clipped: bool = False


def terms(evidence: Evidence) -> list[Term]:
    """Clicks, unsubscribes, and the further outcomes; [] for a reward of clicks alone."""
    overall, reward = evidence.metrics.overall, evidence.use_case.reward
    if not overall.terms:
        return []
    logged = {
        "clicks": overall.logging_policy.click_rate,
        "unsubscribes": overall.logging_policy.unsubscribe_rate,
        **{name: one.logged for name, one in overall.terms.items()},
    }
    rows = []
    for one in meanings(evidence):
        name = _NAMES.get(one.name, one.name)
        further = overall.terms.get(name)
        rows.append(
            Term(
                name,
                plain(reward.terms[name].weight) if name in reward.terms else "",
                scaled(logged[one.name]),
                one.baseline,
                one.own,
                "" if further is None else share(further.top_share),
                "" if further is None or reward.terms[name].clip is None else share(further.clipped_away),
                heavy=further is not None and (further.top_share or 0.0) >= _HEAVY,
                clipped=further is not None and reward.terms[name].clip is not None,
            )
        )
    return rows


def order(evidence: Evidence) -> str:
    """How well the model's estimates order and meet the rewards; "" where nobody measured that."""
    found = evidence.metrics.overall.candidate
    if found.rank_correlation is None:
        return ""
    return (
        f"The model's estimates and the rewards have a rank correlation of {plain(found.rank_correlation)} "
        "(0 is chance, 1 perfect). A unit of estimate is worth "
        f"{plain(found.calibration_slope)} of reward (1 if the model does not exaggerate), and estimates are "
        f"{plain(found.calibration_bias)} higher than rewards on average."
    )
