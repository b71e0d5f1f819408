"""What came of newsletters: clicks, unsubscribes, and the clicks that do not count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter_bandit.settings.reward import Reward
    from newsletter_bandit.settings.use_case import UseCase
    from newsletter_bandit.warehouse.arms import ArmSummary


@dataclass(frozen=True)
class Outcomes:
    """Numbers of newsletters.

    Attributes:
      newsletters: all of them.
      clicked: with a click that counts.
      unsubscribed: with any unsubscribe.
      unsubscribed_after_click: with both.
      bot_click: with a click that is marked as a machine's.
      early_click: with a click sooner after sending than `UseCase.min_seconds_to_click`.
      late_click: clicked only after the user had unsubscribed.
      values: by further outcome of the reward, how many have one, and its sum.
    """

    newsletters: int
    clicked: int
    unsubscribed: int
    unsubscribed_after_click: int
    bot_click: int = 0
    early_click: int = 0
    late_click: int = 0
    values: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    def lines(self, use_case: UseCase) -> list[str]:
        """Rates, those of unsubscribes if there are any, what was not counted and why, and `advice`."""
        reward, words = use_case.reward, use_case.words
        found = [f"clicked: {self._share(self.clicked)}"]
        if reward.tells_of_unsubscribes(self.unsubscribed / self.newsletters):
            found[0] += (
                f"; unsubscribed: {self._share(self.unsubscribed)}, after a click: "
                f"{self._share(self.unsubscribed_after_click)}"
            )
        for newsletters, clicks in (
            (self.bot_click, "marked as a machine's"),
            (self.early_click, f"less than {use_case.min_seconds_to_click} s after {words.sending}"),
            (self.late_click, "after the unsubscribe"),
        ):
            if newsletters:
                found.append(f"no clicks: {clicks}, of {words.counted_units(newsletters)}")
        for name, (newsletters, total) in self.values.items():
            found.append(
                f"{name}: {self._share(newsletters)}, {total / self.newsletters:.4g} per {words.unit}"
            )
        given = advice(reward, self.unsubscribed, self.unsubscribed_after_click)
        return found if given is None else [*found, given]

    def _share(self, count: int) -> str:
        return f"{count:,} ({count / self.newsletters:.2%})"


def advice(reward: Reward, unsubscribed: int, after_click: int) -> str | None:
    """A sentence that says when `counts: any` of unsubscribes is the better choice; None where it is not.

    It is where most unsubscribes come without a click, as those through the mailbox provider's own button
    do: with `after_click` the reward does not know of them.
    """
    without = unsubscribed - after_click
    if reward.unsubscribe_counts != "after_click" or reward.unsubscribe == 0.0 or without <= after_click:
        return None
    return (
        f"{without:,} of {unsubscribed:,} unsubscribes came without a click, so their reward is 0; with "
        f"reward.terms.unsubscribed.counts: any it would be {reward.unsubscribe:g}"
    )


def unsubscribes(arms: Sequence[ArmSummary]) -> tuple[int, int]:
    """Newsletters of all recommenders with any unsubscribe, and with one after a click."""
    after = [(arm.newsletters, arm.unsubscribe_after_click_rate) for arm in arms]
    both = ([(arm.newsletters, arm.unsubscribe_rate) for arm in arms], after)
    found, after_click = (sum(round(sent * (rate or 0.0)) for sent, rate in rates) for rates in both)
    return found, after_click


def missing_of(arms: Sequence[ArmSummary]) -> dict[str, int]:
    """Of how many newsletters each outcome of the reward is not known, the outcome with most first."""
    counted: Counter[str] = Counter()
    for arm in arms:
        counted.update(arm.missing)
    return dict(counted.most_common())
