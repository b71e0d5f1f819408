"""A use case that is no newsletter: visits of sessions, an option drawn for each, and a basket's value.

`told` finds what a text says of newsletters, users and unsubscribes.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from newsletter_bandit.reports import Evidence
from newsletter_bandit.settings.use_case import UseCase

WORDS = {
    "unit": "visit",
    "subject": "session",
    "people": False,
    "send": "serve",
    "sent": "served",
    "sender": "page",
}
REWARD: dict[str, Any] = {"terms": {"clicked": 1, "basket_chf": {"weight": 0.1, "clip": [0, 60]}}}
# The program's name, the endpoint's path, and a key of the settings.
_ALLOWED = re.compile(r"newsletter[-_]bandit|/users/|max_unsubscribe_ratio")
_TOLD = re.compile(
    r"[^\n]{0,60}(?:newsletter|\busers?\b|unsubscri|\breaders?\b|\bsenders?\b)[^\n]{0,60}", re.I
)
_OPTIONS = ("deals", "classics", "new")

USE_CASE = f"""
name: shop-page
words: {{unit: visit, subject: session, people: false, send: serve, sent: served, sender: page}}
key: session_id
recommenders: [{", ".join(_OPTIONS)}]
default_ranking: [classics]
tables: {{training: page.training, inference: page.inference}}
raw: {{sends: page.views, users: page.sessions}}
features:
  device: {{type: string, max_vocabulary: 8, embedding_dim: 2}}
  hour: {{type: number}}
reward:
  terms:
    clicked: 1
    basket_chf: {{weight: 0.1, clip: [0, 60]}}
ingest:
  training:
    session_id: {{column: session}}
    sent_at: {{column: at}}
    campaign: {{constant: home}}
    policy_version: {{constant: coin}}
    eligible_recommenders: {{constant: ""}}
  inference:
    session_id: {{column: session}}
    campaign: {{constant: home}}
    eligible_recommenders: {{constant: ""}}
attribution_days: 1
window: {{weeks: 4, overlap_weeks: 1, anchor: 2024-01-01}}
eval_share: 0.5
slices: [device]
agent: {{type: lin_ucb, alpha: 0.5, l2: 1.0}}
exploration: {{epsilon: 0.05, max_cost: 15%}}
"""


def told(text: str) -> list[str]:
    """Every place that tells of newsletters, users, readers, senders or unsubscribes."""
    return _TOLD.findall(_ALLOWED.sub("", text))


def of_visits(found: Evidence, **changes: Any) -> Evidence:
    """The evidence as of visits: other words, a reward without unsubscribes, and a log without any."""
    settings = {**found.use_case.model_dump(), "words": WORDS, "reward": REWARD, **changes}
    overall = found.metrics.overall
    logged = replace(overall.logging_policy, unsubscribe_rate=0.0, unsubscribe_after_click_rate=0.0)
    measured = replace(found.metrics, overall=replace(overall, logging_policy=logged))
    arms = found.log.arms if found.log is not None else ()
    arms = tuple(replace(arm, unsubscribe_rate=0.0, unsubscribe_after_click_rate=0.0) for arm in arms)
    log = None if found.log is None else replace(found.log, arms=arms)
    return replace(found, use_case=UseCase.model_validate(settings), metrics=measured, log=log)


def write_visits(file: Path, start: dt.date, end: dt.date, visits: int = 5_000, seed: int = 3) -> None:
    """A CSV of visits, one for each session; phones like deals, desktops the classics."""
    rng = np.random.default_rng(seed)
    device = rng.choice(["phone", "desktop"], visits)
    shown = rng.choice(_OPTIONS, visits)
    liked = np.where(device == "phone", "deals", "classics") == shown
    clicked = rng.random(visits) < np.where(liked, 0.4, 0.1)
    day = rng.integers(0, (end - start).days, visits)
    pd.DataFrame(
        {
            "session": [f"s{i}" for i in range(visits)],
            "at": [f"{start + dt.timedelta(days=int(each))} 09:00" for each in day],
            "recommender": shown,
            "propensity": 1 / len(_OPTIONS),
            "clicked": clicked,
            "basket_chf": np.where(clicked, rng.gamma(2.0, 10.0, visits).round(2), 0.0),
            "device": device,
            "hour": rng.integers(0, 24, visits),
        }
    ).to_csv(file, index=False)
