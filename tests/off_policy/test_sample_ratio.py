"""Does each action stand in the log as often as its propensities say?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from newsletter_bandit.off_policy.sample_ratio import SampleRatio

FLIP = np.array([0.4, 0.3, 0.1, 0.1, 0.1])


def measured(
    action: npt.NDArray[np.int64],
    propensity: npt.NDArray[np.float64],
    user: npt.NDArray[np.uint64] | None = None,
    actions: int = 5,
) -> SampleRatio:
    ratio = SampleRatio(actions)
    ratio.add(action, propensity, np.arange(len(action), dtype=np.uint64) if user is None else user)
    ratio.eligible += len(action)
    return ratio


def test_by_hand() -> None:
    """Four rows, two actions at one half: three of one and one of the other."""
    ratio = measured(np.array([0, 0, 0, 1]), np.full(4, 0.5), actions=2)
    assert ratio.ratios.tolist() == [1.5, 0.5]
    # S - n is 2 and -2. D is 3 / .25 for the first, the expected 4 / .5 for the second, each with a row more.
    assert ratio.distances == pytest.approx([2 / np.sqrt(12 + 4), -2 / np.sqrt(8 + 4)])
    squares = 4 / 16 + 4 / 12
    assert ratio.p_value == pytest.approx(stats.chi2.sf(squares, 2))


def test_is_pearsons_chi_square_where_propensities_are_constant() -> None:
    rng = np.random.default_rng(1)
    action = rng.choice(5, 100_000, p=FLIP)
    ratio = measured(action, FLIP[action])
    pearson = stats.chisquare(np.bincount(action, minlength=5), FLIP * len(action)).statistic
    assert float(ratio.distances @ ratio.distances) == pytest.approx(pearson, rel=0.05)


def test_a_split_logged_as_equal_is_seen_though_the_mean_weight_is_right() -> None:
    action = np.random.default_rng(2).choice(5, 5_000, p=FLIP)
    ratio = measured(action, np.full(5_000, 0.2))
    assert ratio.p_value < 1e-100
    assert ratio.ratios == pytest.approx([2.0, 1.5, 0.5, 0.5, 0.5], abs=0.1)


def test_an_action_in_no_row_has_no_ratio() -> None:
    action = np.array([0, 1, 0, 1] * 500)
    ratio = measured(action, np.full(2000, 0.5), actions=3)
    assert np.isnan(ratio.ratios[2])
    assert ratio.p_value > 0.5
    assert np.isnan(measured(np.array([-1, -1]), np.ones(2)).p_value)


@pytest.mark.parametrize("kind", ["coin", "context", "rare", "sticky"])
def test_a_right_log_is_hardly_ever_accused(kind: str) -> None:
    """At a p-value of .0001, at most one of 500 logs, whatever the propensities look like."""
    accused = 0
    for seed in range(500):
        rng = np.random.default_rng(seed)
        n, k, users = 2_000, 12, None
        logging = np.full((n, k), 1.0 / k)
        if kind == "context":
            logging = rng.dirichlet(np.full(k, 0.5), n) * 0.8 + 0.2 / k
        elif kind == "rare":
            logging = np.full((n, k), 0.05 / k)
            logging[np.arange(n), rng.integers(0, 3, n)] += 0.95
        elif kind == "sticky":
            logging = logging[: n // 20]
        action = (logging.cumsum(axis=1) < rng.random(len(logging))[:, None]).sum(axis=1).clip(max=k - 1)
        propensity = logging[np.arange(len(action)), action]
        if kind == "sticky":
            users = np.repeat(rng.integers(0, 2**32, len(action), dtype=np.uint64), 20)
            action, propensity = np.repeat(action, 20), np.repeat(propensity, 20)
        accused += measured(action, propensity, users, k).p_value < 0.0001
    assert accused <= 1


def test_parts_merge() -> None:
    rng = np.random.default_rng(3)
    action, user = rng.choice(5, 900, p=FLIP), rng.integers(0, 90, 900).astype(np.uint64)
    whole = measured(action, FLIP[action], user)
    parts = SampleRatio(5)
    for rows in np.array_split(rng.permutation(900), 4):
        parts = measured(action[rows], FLIP[action[rows]], user[rows]) + parts
    assert parts.p_value == pytest.approx(whole.p_value, rel=1e-9)
    assert parts.ratios == pytest.approx(whole.ratios)
    with pytest.raises(ValueError, match="actions: found 4; allowed: 5"):
        whole.merge(SampleRatio(4))
