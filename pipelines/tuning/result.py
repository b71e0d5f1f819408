"""Result of a search: the winner, and the interval of its gain."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy.estimators import Estimate, Interval
from newsletter_bandit.off_policy.estimators.base import normal_interval
from newsletter_bandit.settings.use_case import UseCase

if TYPE_CHECKING:
    from pipelines.tuning.search import Score, Trial
from components.hyperparameters_gen.tuned_set import Found, TunedSet

# Settings that the value of a set depends on, apart from the rows.
_SEARCHED_WITH: dict[str, Any] = {
    **dict.fromkeys(
        ("recommenders", "features", "reward", "agent", "propensity_weighting", "recommender_features"), True
    ),
    "tuning": {"ranges", "validation_share", "seed"},
    "gate": {"weight_clip"},
}


def settings_hash(use_case: UseCase) -> str:
    """Twelve hexadecimal digits that change with any setting that a search depends on."""
    text = use_case.model_dump_json(include=_SEARCHED_WITH)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Winner:
    """The best trial.

    Attributes:
      trial: trial with the largest value; the earliest of several.
      score: score of the trial.
      gain: interval of its gain over the use case's own set.
      confidence: confidence with which all trials' intervals hold at once.
    """

    trial: Trial
    score: Score
    gain: Interval
    confidence: float

    @property
    def is_better(self) -> bool:
        """True if the rows can distinguish it from the use case's own set."""
        return self.gain.low > 0.0


def winner(trials: Sequence[Trial], rows: int, confidence: float) -> Winner:
    """The trial with the largest value, with an interval that allows for the choice.

    The best of m sets looks better than it is. Its interval is therefore the two-sided normal one at
    1 - (1 - confidence) / m (Bonferroni), m being the number of sets besides the use case's own.

    Args:
      trials: as `search.search` returns them.
      rows: number of rows that they were compared on.
      confidence: confidence of the interval, in (0, 1).

    Raises:
      DataError: no trial has a value.
    """
    measured = [(trial, trial.score) for trial in trials if trial.score is not None]
    if not measured:
        raise DataError("tuning: the training diverged with every set")
    trial, score = max(measured, key=lambda pair: pair[1].value)
    compared = max(len(trials) - 1, 1)
    gain = Estimate(score.gain, score.gain_standard_error, rows)
    return Winner(trial, score, normal_interval(gain, 1.0 - (1.0 - confidence) / compared), confidence)


def tuned_set(
    use_case: UseCase,
    winner: Winner,
    trials: int,
    rows: int,
    window: tuple[dt.date, dt.date],
    take_best: bool = False,
) -> TunedSet:
    """What training is to use, in the form that HyperparametersGen emits; see `Found` for the arguments.

    The settings' own values stay, unless the winner is measurably better, or ``take_best``.
    """
    score, gain = winner.score, winner.gain
    return TunedSet(
        use_case=use_case.name,
        agent=use_case.agent.type,
        values=dict(winner.trial.values) if winner.is_better or take_best else {},
        found=Found(
            value=score.value,
            standard_error=score.standard_error,
            gain=score.gain,
            gain_low=gain.low if math.isfinite(gain.low) else None,
            gain_high=gain.high if math.isfinite(gain.high) else None,
            confidence=winner.confidence,
            is_better=winner.is_better,
            best=dict(winner.trial.values),
            trial=winner.trial.number,
            trials=trials,
            rows=rows,
            window=window,
            settings=settings_hash(use_case),
            finished_at=dt.datetime.now(dt.UTC),
        ),
    )
