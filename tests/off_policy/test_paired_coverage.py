"""The paired interval on logs whose truth is known: rare rewards, loggers of several kinds, and users who
stand in the log several times.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from newsletter_bandit.off_policy.estimators import LoggedBatch
from newsletter_bandit.off_policy.estimators.paired import LoggingDifference, PolicyDifference

Floats = npt.NDArray[np.float64]
LOGS, CONTEXTS, ARMS = 300, 40, 12
# Of 300 logs, 2.5% is 7.5; a true rate of 2.5% gives more than 15 once in 150 tries.
MOST = 15


def policy(rng: np.random.Generator) -> Floats:
    """Nine tenths of a random arm by context, the rest uniform."""
    found = np.full((CONTEXTS, ARMS), 0.1 / ARMS)
    found[np.arange(CONTEXTS), rng.integers(ARMS, size=CONTEXTS)] += 0.9
    return found


def missed(rows: int, rate: float, logger: str, apart: bool, repeats: int = 1) -> tuple[int, int]:
    """In how many logs the difference of two policies lies below and above the 95% interval."""
    below = above = 0
    for seed in range(LOGS):
        rng = np.random.default_rng([seed, rows, repeats])
        reward = np.full((CONTEXTS, ARMS), rate)
        if apart:
            reward *= np.exp(0.7 * rng.standard_normal(reward.shape) - 0.245)
        candidate, baseline = policy(rng), policy(rng)
        logging = {"uniform": np.full_like(reward, 1.0 / ARMS), "baseline": baseline}[logger]
        model = reward * np.exp(0.5 * rng.standard_normal(reward.shape))
        context = rng.integers(CONTEXTS, size=rows // repeats)
        action = (logging[context].cumsum(axis=1) < rng.random(len(context))[:, None]).sum(axis=1)
        action = action.clip(max=ARMS - 1)
        clicked = (rng.random(len(context)) < reward[context, action]).astype(float)
        user = rng.integers(0, 2**63, len(context)).astype(np.uint64)

        difference = PolicyDifference((0.0, 1.0))
        difference.add(
            *(
                LoggedBatch(
                    *(
                        np.repeat(column, repeats)
                        for column in (
                            clicked,
                            logging[context, action],
                            pi[context, action],
                            (pi * model).sum(axis=1)[context],
                            model[context, action],
                            user,
                        )
                    )
                )
                for pi in (candidate, baseline)
            )
        )
        low, high = difference.interval(0.95)
        truth = float(((candidate - baseline) * reward).sum(axis=1).mean())
        below += truth < low
        above += truth > high
    return below, above


@pytest.mark.parametrize("logger", ["uniform", "baseline"])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("clicks", [0, 1, 2, 4, 50])
def test_with_few_clicks_neither_sign_is_sure(logger: str, apart: bool, clicks: int) -> None:
    below, above = missed(2_000, clicks / 2_000, logger, apart)
    assert max(below, above) <= MOST


@pytest.mark.parametrize("repeats", [4, 28])
def test_rows_of_one_user_are_one_voice(repeats: int) -> None:
    """Each user gets one recommender and answers alike in every row."""
    below, above = missed(28 * 600, 0.1, "uniform", apart=True, repeats=repeats)
    assert below + above <= 0.07 * LOGS + 3


def test_an_optimistic_model_does_not_vouch_for_its_own_policy() -> None:
    """The log is production's; the candidate is sure that its own choices earn everything."""
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        reward = rng.uniform(0.05, 0.2, (CONTEXTS, ARMS))
        logging = policy(rng)
        chosen = rng.integers(ARMS, size=CONTEXTS)
        candidate = np.full_like(reward, 0.1 / ARMS)
        candidate[np.arange(CONTEXTS), chosen] += 0.9
        boast = reward.copy()
        boast[np.arange(CONTEXTS), chosen] = 1.0
        context = rng.integers(CONTEXTS, size=40_000)
        action = (logging[context].cumsum(axis=1) < rng.random(len(context))[:, None]).sum(axis=1)
        action = action.clip(max=ARMS - 1)
        difference = LoggingDifference((0.0, 1.0))
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
