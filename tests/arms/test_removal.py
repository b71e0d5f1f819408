"""Verdicts on hand-sized logs, and the interval of a removal's gain on logs whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from newsletter_bandit.off_policy.estimators import LoggedBatch
from newsletter_bandit.settings.use_case import Gate
from newsletter_bandit.settings.words import Words
from pipelines.arms.found import Judged
from pipelines.arms.removal import Policy, Removal, corrected

Floats = npt.NDArray[np.float64]
# Rewards of four recommenders by two kinds of users, and a policy that takes the third too often.
REWARD = np.array([[0.30, 0.10, 0.02, 0.10], [0.10, 0.10, 0.02, 0.30]])
POLICY = np.array([[0.50, 0.10, 0.35, 0.05], [0.05, 0.10, 0.35, 0.50]])


def without(policy: Floats, arm: int) -> Floats:
    """The policy whose share of a recommender goes to the others."""
    left = policy * (np.arange(policy.shape[1]) != arm)
    found: Floats = left / left.sum(axis=1, keepdims=True)
    return found


def gain(policy: Floats, arm: int) -> float:
    """The truth, both kinds of users being as many."""
    return float(((without(policy, arm) - policy) * REWARD).sum(axis=1).mean())


def log(rng: np.random.Generator, users: int, each: int = 1) -> dict[str, npt.NDArray[Any]]:
    """Newsletters of a uniform logging policy; a user likes all of theirs or none."""
    kind = rng.integers(0, 2, users).repeat(each)
    action = rng.integers(0, 4, users * each)
    likes = rng.random(users).repeat(each)
    return {
        "kind": kind,
        "action": action,
        "reward": (likes < REWARD[kind, action]).astype(float),
        "user": rng.integers(0, 2**32, users, dtype=np.uint64).repeat(each),
    }


def seen(rows: dict[str, npt.NDArray[Any]], policy: Floats) -> LoggedBatch:
    """The rows under a policy, by a reward model that is wrong everywhere."""
    kind, action = rows["kind"], rows["action"]
    model = 0.5 * REWARD + 0.05
    return LoggedBatch(
        reward=rows["reward"],
        propensity=np.full(len(kind), 0.25),
        evaluation_probability=policy[kind, action],
        expected_reward=(policy * model).sum(axis=1)[kind],
        logged_estimate=model[kind, action],
        user=rows["user"],
    )


def judged(rows: dict[str, npt.NDArray[Any]], gate: Gate) -> tuple[list[Judged], Policy]:
    whole = Policy(gate, (0.0, 1.0))
    batch = seen(rows, POLICY)
    whole.add(batch)
    removals = [Removal(gate, (0.0, 1.0), 4) for _ in range(4)]
    for arm, removal in enumerate(removals):
        removal.add(seen(rows, without(POLICY, arm)), batch)
    return [removal.judged(whole.value(0.95).value) for removal in removals], whole


def test_a_harmful_one_goes_and_a_needed_one_stays() -> None:
    found, whole = judged(log(np.random.default_rng(1), 40_000), Gate())
    assert [one.verdict for one in found] == ["keep", "retire", "retire", "keep"]
    # The third costs much; the second earns no more than what would take its place.
    assert found[2].gain.low > 0.03
    assert "gains at least" in found[2].reason
    assert whole.unsupported() == ""
    assert found[2].reason.endswith(" per newsletter")
    rows = log(np.random.default_rng(1), 40_000)
    of_visits = Removal(Gate(), (0.0, 1.0), 4, Words(unit="visit"))
    of_visits.add(seen(rows, without(POLICY, 2)), seen(rows, POLICY))
    assert of_visits.judged(whole.value(0.95).value).reason.endswith(" per visit")


def test_a_reward_without_bounds_has_no_interval_and_no_verdict() -> None:
    rows = log(np.random.default_rng(1), 40_000)
    whole, harmful = Policy(Gate(), None), Removal(Gate(), None, 4)
    batch = seen(rows, POLICY)
    whole.add(batch)
    harmful.add(seen(rows, without(POLICY, 2)), batch)
    assert np.isinf(whole.value(0.95)[1:]).all()
    assert np.isinf(harmful.gain()[1:]).all()
    assert harmful.judged(whole.value(0.95).value).verdict == "cannot_tell"


def test_few_rows_tell_nothing() -> None:
    rng = np.random.default_rng(1)
    found, whole = judged(log(rng, 20), Gate())
    assert [one.verdict for one in found] == ["cannot_tell"] * 4
    assert whole.unsupported().startswith("rows: 20 is not >= 2000")


def test_an_estimated_loss_of_more_than_its_part_of_the_margin_is_not_allowed() -> None:
    """An arm that may earn 1% of the value is neither kept for sure nor given up for a quarter of 3%."""
    rows = log(np.random.default_rng(2), 60)
    gate = Gate(allowed_margin="3%")
    nearly = np.array([[0.94, 0.02, 0.02, 0.02], [0.02, 0.02, 0.02, 0.94]])
    batch = seen(rows, nearly)
    removal = Removal(gate, (0.0, 1.0), 4)
    better = nearly.copy()
    better[:, 0] -= 0.02
    better[:, 2] += 0.02
    removal.add(seen(rows, better), batch)
    found = removal.judged(0.28)
    assert found.verdict == "cannot_tell"
    assert found.gain.value < 0.0


def test_what_the_clip_takes_away_is_not_judged() -> None:
    rows = log(np.random.default_rng(1), 20_000)
    batch = seen(rows, POLICY)
    removal = Removal(Gate(weight_clip=1.5), (0.0, 1.0), 4)
    removal.add(seen(rows, without(POLICY, 2)), batch)
    assert removal.judged(0.1).verdict == "cannot_tell"
    assert "clip takes away" in removal.judged(0.1).reason


@pytest.mark.parametrize("each", [1, 4])
def test_all_intervals_hold_the_truth_together(each: int) -> None:
    """Also where each user has four newsletters; of 200 logs, 95% less three standard deviations."""
    truth = [gain(POLICY, arm) for arm in range(4)]
    held = 0
    for seed in range(200):
        found, _ = judged(log(np.random.default_rng([each, seed]), 2_000 // each, each), Gate())
        held += all(one.gain.low <= right <= one.gain.high for one, right in zip(found, truth, strict=True))
    assert held >= 180


def test_the_correction_is_bonferronis() -> None:
    assert corrected(Gate(), 1) == pytest.approx(0.95)
    assert corrected(Gate(), 12) == pytest.approx(1.0 - 0.05 / 12)
