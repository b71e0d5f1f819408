"""Rewards of any size: point values are sb-obp's, and intervals within a clip cover what they say.

    benchmarks/.venv/bin/python -m benchmarks.baskets --record tests/off_policy

made `basket_reference.json` with sb-obp 0.5.10.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.baskets import LOGS, REFERENCE, log, ours
from benchmarks.coverage import Setting, draw, mean_basket
from newsletter_bandit.off_policy.estimators import ESTIMATORS

EXPECTED: dict[str, dict[str, float]] = json.loads(
    Path(__file__).with_name(REFERENCE).read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", LOGS)
def test_point_values_equal_sb_obps(name: str) -> None:
    rows = log(name)
    assert {key.split()[0] for key in EXPECTED[name]} == set(ESTIMATORS)
    assert ours(rows.batch()) == pytest.approx(EXPECTED[name], rel=0.0, abs=1e-9)
    # They are real numbers of both signs where a return costs.
    assert len(np.unique(rows.reward)) > 5
    assert (rows.reward.min() < 0.0) == (name != "baskets")


def test_intervals_of_lognormal_baskets_within_a_clip_cover() -> None:
    # `python -m benchmarks.coverage` has 500 logs, more kinds of them, and every method.
    setting = Setting(2_000, 3, "uniform", rate=0.03, clip=200.0)
    covered: dict[str, list[bool]] = {name: [] for name in ("ips", "snips", "dr", "sndr")}
    for run in range(200):
        batch, truth = draw(setting, np.random.default_rng([run, 7]))
        for name, found in covered.items():
            estimator = ESTIMATORS[name](100.0, (0.0, setting.largest))
            estimator.add(batch)
            low, high = estimator.interval(0.95)
            found.append(low <= truth <= high)
    assert min(np.mean(found) for found in covered.values()) >= 0.93, covered


def test_the_mean_of_a_clipped_basket() -> None:
    rng = np.random.default_rng(1)
    drawn = 60.0 * np.exp(1.2 * rng.standard_normal(400_000))
    assert mean_basket(200.0) == pytest.approx(np.minimum(drawn, 200.0).mean(), rel=0.01)
