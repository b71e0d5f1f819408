"""Our estimators against sb-obp's on rewards that are no clicks: baskets, baskets with returns, and counts.

    benchmarks/.venv/bin/python -m benchmarks.baskets [--record FOLDER]

prints both sides' point values and ends with 1 if they differ by more than 1e-9. `--record` writes sb-obp's
to `basket_reference.json`, which tests/off_policy/test_baskets.py holds ours against. `coverage.py` measures
how often the intervals cover.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators import ESTIMATORS, LoggedBatch, dros, switch_dr

FloatArray = npt.NDArray[np.float64]
LOGS = ("baskets", "baskets and returns", "counts")
ROWS, ACTIONS, CONTEXTS = 800, 5, 12
REFERENCE = "basket_reference.json"
EQUAL = 1e-9
# Of Switch-DR and DRos.
PARAMETERS = (0.5, 3.0, 20.0)


class Log(NamedTuple):
    """Rows [n] of a log, a policy and reward estimates [n, K]."""

    reward: FloatArray
    action: npt.NDArray[np.int64]
    propensity: FloatArray
    policy: FloatArray
    estimates: FloatArray

    def batch(self) -> LoggedBatch:
        """The rows as our estimators see them."""
        every = np.arange(len(self.action))
        return LoggedBatch(
            reward=self.reward,
            propensity=self.propensity,
            evaluation_probability=self.policy[every, self.action],
            expected_reward=(self.policy * self.estimates).sum(axis=1),
            logged_estimate=self.estimates[every, self.action],
        )


def log(name: str) -> Log:
    """One of `LOGS`, always the same."""
    rng = np.random.default_rng([LOGS.index(name), 2026])
    context = rng.integers(CONTEXTS, size=ROWS)
    logging, policy = (rng.dirichlet(np.full(ACTIONS, 1.5), CONTEXTS)[context] for _ in range(2))
    logging = 0.8 * logging + 0.2 / ACTIONS
    action = (rng.random((ROWS, 1)) > logging.cumsum(axis=1)).sum(axis=1).clip(max=ACTIONS - 1)
    taste = rng.normal(0.0, 0.5, (CONTEXTS, ACTIONS))[context]
    every = np.arange(ROWS)
    if name == "counts":
        reward = -0.5 * rng.poisson(np.exp(taste[every, action])) + 1.0
    else:
        basket = np.exp(rng.normal(4.0 + taste[every, action], 1.2))
        reward = 0.02 * np.where(rng.random(ROWS) < 0.3, np.minimum(basket, 200.0), 0.0)
        if name == "baskets and returns":
            reward = reward - 0.02 * np.where(rng.random(ROWS) < 0.1, np.minimum(basket, 50.0), 0.0)
    estimates = reward.mean() * np.exp(taste + rng.normal(0.0, 0.3, taste.shape))
    return Log(reward, action, logging[every, action], policy, estimates)


def ours(rows: LoggedBatch) -> dict[str, float]:
    """Our point values."""
    found = {}
    for name, kind in ESTIMATORS.items():
        parameters: tuple[float | None, ...] = PARAMETERS if name in ("switch_dr", "dros") else (None,)
        for parameter in parameters:
            estimator = kind()
            if parameter is not None and isinstance(estimator, switch_dr.Estimator):
                estimator.tau = parameter
            if parameter is not None and isinstance(estimator, dros.Estimator):
                estimator.shrinkage = parameter
            estimator.add(rows)
            key = name if parameter is None else f"{name} {parameter:g}"
            found[key] = estimator.estimate().value
    return found


def theirs(rows: Log) -> dict[str, float]:
    """sb-obp's point values."""
    from obp.ope import estimators as ope

    made: dict[str, Any] = {
        "ips": ope.InverseProbabilityWeighting(),
        "snips": ope.SelfNormalizedInverseProbabilityWeighting(),
        "dm": ope.DirectMethod(),
        "dr": ope.DoublyRobust(),
        "sndr": ope.SelfNormalizedDoublyRobust(),
    }
    for value in PARAMETERS:
        made[f"switch_dr {value:g}"] = ope.SwitchDoublyRobust(lambda_=value)
        made[f"dros {value:g}"] = ope.DoublyRobustWithShrinkage(lambda_=value)
    return {
        name: float(
            estimator.estimate_policy_value(
                reward=rows.reward,
                action=rows.action,
                position=np.zeros(len(rows.action), dtype=int),
                pscore=rows.propensity,
                action_dist=rows.policy[:, :, None],
                estimated_rewards_by_reg_model=rows.estimates[:, :, None],
            )
        )
        for name, estimator in made.items()
    }


def main() -> None:
    """Prints the values; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--record", type=Path, metavar="FOLDER", help="write the test's references")
    options = parser.parse_args()
    reference, gaps = {}, []
    for name in LOGS:
        rows = log(name)
        mine, reference[name] = ours(rows.batch()), theirs(rows)
        print(f"{name}: {ROWS:,} rows")
        for key, value in reference[name].items():
            gaps.append(abs(mine[key] - value))
            print(f"  {key:14s} ours {mine[key]:+.12f}  sb-obp {value:+.12f}  gap {gaps[-1]:.0e}")
    if options.record:
        text = json.dumps(reference, indent=1) + "\n"
        (options.record / REFERENCE).write_text(text, encoding="utf-8")
    print(f"Largest gap: {max(gaps):.1e}")
    raise SystemExit(0 if max(gaps) <= EQUAL else 1)


if __name__ == "__main__":
    main()
