"""The paired interval on logs whose truth is known: rare rewards, loggers of several kinds, and users who
stand in the log several times.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.paired_coverage import ARMS, CONTEXTS, Setting, measure
from newsletter_bandit.off_policy.estimators import LoggedBatch
from newsletter_bandit.off_policy.estimators.paired import LoggingDifference

LOGS = 300
# Of 300 logs, 2.5% is 7.5; a true rate of 2.5% gives more than 15 once in 150 tries.
MOST = 15


@pytest.mark.slow
@pytest.mark.parametrize("logger", ["uniform", "baseline"])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("clicks", [0, 1, 2, 4, 50])
def test_with_few_clicks_neither_sign_is_sure(logger: str, apart: bool, clicks: int) -> None:
    found = measure(Setting(2_000, clicks, logger, apart), LOGS)
    assert max(found["below"], found["above"]) * LOGS <= MOST


@pytest.mark.parametrize("repeats", [4, 28])
def test_rows_of_one_user_are_one_voice(repeats: int) -> None:
    """Each user gets one recommender and answers alike in every row."""
    found = measure(Setting(28 * 600, 1_680, "uniform", apart=True, repeats=repeats), LOGS)
    assert found["below"] + found["above"] <= 0.08
    assert found["plain_below"] + found["plain_above"] > 0.1


def test_an_optimistic_model_does_not_vouch_for_its_own_policy() -> None:
    """The log is production's; the candidate is sure that its own choices earn everything."""
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        reward = rng.uniform(0.05, 0.2, (CONTEXTS, ARMS))
        logging = np.full_like(reward, 0.1 / ARMS)
        logging[:, 0] += 0.9
        chosen = rng.integers(ARMS, size=CONTEXTS)
        candidate = np.full_like(reward, 0.1 / ARMS)
        candidate[np.arange(CONTEXTS), chosen] += 0.9
        boast = reward.copy()
        boast[np.arange(CONTEXTS), chosen] = 1.0
        context = rng.integers(CONTEXTS, size=40_000)
        action = (logging[context].cumsum(axis=1) < rng.random(len(context))[:, None]).sum(axis=1)
        action = action.clip(max=ARMS - 1)
        difference = LoggingDifference(None, (0.0, 1.0))
        difference.add(
            LoggedBatch(
                (rng.random(len(context)) < reward[context, action]).astype(float),
                logging[context, action],
                candidate[context, action],
                (candidate * boast).sum(axis=1)[context],
                boast[context, action],
            )
        )
        low, high = difference.interval(0.95)
        covered += low <= float(((candidate - logging) * reward).sum(axis=1).mean()) <= high
    assert covered >= 89
