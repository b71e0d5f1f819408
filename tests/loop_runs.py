"""Finished runs of the closed loop, made by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

from newsletter_bandit.simulation.runs import Run, Week


def week(number: int, reward: float, **changes: Any) -> Week:
    made = Week(
        week=number,
        day="2026-01-05",
        served_by="v1",
        reward=reward,
        click_rate=0.1,
        unsubscribe_rate=0.01,
        expected_reward=reward,
        expected_reward_greedy=None,
        regret=0.3 - reward,
        suboptimal_share=0.5,
        uniform=0.1,
        logging=0.12,
        best_single=0.15,
        best_single_recommender="deals",
        oracle=0.3,
        seconds={"fit": 2.0},
    )
    return dataclasses.replace(made, **changes)


def made(learner: str, seed: int, *rewards: float, digest: str = "d", **changes: Any) -> Run:
    weeks = tuple(week(number, reward, **changes) for number, reward in enumerate(rewards, 1))
    return Run(learner, seed, {}, digest, weeks)
