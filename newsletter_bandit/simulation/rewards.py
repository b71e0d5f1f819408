"""The rewards that the rows of a log earned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from newsletter_bandit.settings.reward import Reward
from newsletter_bandit.settings.tables import CLICKED, UNSUBSCRIBED
from newsletter_bandit.simulation.users import Bools, Floats


@dataclass(frozen=True, eq=False)
class Observed:
    """What came of n rows.

    Attributes:
      clicked, unsubscribed: [n].
      outcomes: by further term of the reward, its values [n], before the clip.
      reward: [n].
    """

    clicked: Bools
    unsubscribed: Bools
    outcomes: Mapping[str, Floats]
    reward: Floats


def observed(reward: Reward, table: pa.Table) -> Observed:
    """The outcomes of simulated training rows, of which every one is known, and their reward."""

    def column(name: str) -> Floats:
        return np.asarray(table[name].combine_chunks().to_numpy(zero_copy_only=False), dtype=np.float64)

    clicked, unsubscribed = column(CLICKED) > 0, column(UNSUBSCRIBED) > 0
    outcomes = {name: column(name) for name in reward.outcomes}
    # In the world an unsubscribe follows a click, so `counts` makes no difference.
    earned: Floats = np.where(unsubscribed, reward.unsubscribe, reward.click * clicked)
    for name, term in reward.outcomes.items():
        values = outcomes[name]
        earned = earned + term.weight * (values if term.clip is None else np.clip(values, *term.clip))
    return Observed(clicked, unsubscribed, outcomes, earned)
