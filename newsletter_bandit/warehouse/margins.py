"""A margin in units of reward must be less than a newsletter earns, or everything may be lost."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.arms import ArmSummary


def require_margins(use_case: UseCase, arms: Sequence[ArmSummary]) -> None:
    """Refuses margins that the window does not earn, before anything is trained.

    Args:
      use_case: its margins; those that are a share of what is earned always fit.
      arms: what each recommender earned in the window; nothing is refused if there are no newsletters.

    Raises:
      SettingsError: a margin is as large as the mean reward, or larger; names it and both figures.
    """
    words = use_case.words
    newsletters = sum(arm.newsletters for arm in arms)
    if not newsletters:
        return
    earned = sum(arm.newsletters * (arm.mean_reward or 0.0) for arm in arms) / newsletters
    for key, margin in (
        ("gate.allowed_margin", use_case.gate.allowed_margin),
        ("gate.reference.allowed_margin", use_case.gate.reference_margin),
        ("exploration.max_cost", use_case.exploration.max_cost),
    ):
        if margin.reward and margin.reward >= earned:
            raise SettingsError(
                f"{key}: found {margin}, but {words.a_unit} of the window earns {earned:.4g}; allowed: less "
                "than that, or a share such as 10%"
            )
