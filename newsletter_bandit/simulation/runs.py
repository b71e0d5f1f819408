"""Finished runs of the closed loop, one JSON file per learner and seed, so that a killed series can go on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from newsletter_bandit.errors import DataError
from newsletter_bandit.files import write_text

_FORMAT = "closed-loop-run-1"


@dataclass(frozen=True)
class Week:
    """One week of one learner; rewards are means per newsletter.

    Attributes:
      week: from 1.
      day: of training, ranking and sending, ISO.
      served_by: policy version that filled the newsletters.
      reward, click_rate, unsubscribe_rate: observed.
      expected_reward: true value of what was served, free of the outcomes' luck.
      expected_reward_greedy: the same, if nothing had been explored; None if unknown.
      regret: oracle - expected_reward.
      suboptimal_share: share of newsletters served something worse than the user's best recommender.
      uniform, logging, best_single, oracle: true values of other policies for the same users.
      verdict, compared_with, difference, low, high: the gate's figures for the candidate trained on this day.
      true_difference: true value of `difference`.
      covered: True if it lies between `low` and `high`.
      seconds: wall clock by part.
    """

    week: int
    day: str
    served_by: str
    reward: float
    click_rate: float
    unsubscribe_rate: float
    expected_reward: float
    expected_reward_greedy: float | None
    regret: float
    suboptimal_share: float
    uniform: float
    logging: float
    best_single: float
    best_single_recommender: str
    oracle: float
    verdict: str | None = None
    compared_with: str | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    true_difference: float | None = None
    covered: bool | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def gap_closed(self) -> float:
        """Share of the gap from uniform to the oracle that the expected reward closes."""
        return (self.expected_reward - self.uniform) / (self.oracle - self.uniform)


@dataclass(frozen=True)
class Run:
    """One learner in one world.

    Attributes:
      learner: name of the learner.
      seed: seed of the world.
      setting: everything that the outcome depends on, apart from the seed.
      digest: digest of the warm-up log; runs of one seed are comparable if it is equal.
      weeks: weeks in order.
    """

    learner: str
    seed: int
    setting: Mapping[str, Any]
    digest: str
    weeks: tuple[Week, ...]


def path_of(folder: Path, learner: str, seed: int) -> Path:
    """File of a run."""
    return folder / learner / f"seed-{seed}.json"


def write(folder: Path, run: Run) -> None:
    """Writes a finished run, whole or not at all."""
    path = path_of(folder, run.learner, run.seed)
    write_text(path, json.dumps({"format": _FORMAT, **asdict(run)}, indent=2, allow_nan=False) + "\n")


def read(path: Path) -> Run:
    """Inverse of `write`.

    Raises:
      DataError: the file cannot be read or `write` did not write it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != _FORMAT:
            raise ValueError("another format")
        weeks = tuple(Week(**week) for week in content.pop("weeks"))
        return Run(**content, weeks=weeks)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not a finished run ({error}); remove it to run it again") from error


def finished(folder: Path, learner: str, seed: int, setting: Mapping[str, Any], digest: str) -> Run | None:
    """The run of the same setting and log that the folder holds, if any; raises `DataError` as `read`
    does.
    """
    path = path_of(folder, learner, seed)
    if not path.is_file():
        return None
    run = read(path)
    same = json.loads(json.dumps(setting)) == run.setting and run.digest == digest
    return run if same else None
