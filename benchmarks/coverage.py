"""Measures how often 95% intervals cover a policy's true value, on simulated logs whose rewards are rare.

Each log has its own contexts, actions and outcomes; the truth is known. Rewards come at 0.5% (at 10% in
one setting, where all methods should agree), weights are clipped at 100, and reward models are noisy. In the
last settings a reward is a basket: 3% of the newsletters sell one, lognormal with a median of 60 and a sigma
of 1.2, so that one in six of them is above the clip of 200.

    python -m benchmarks.coverage [--runs 500] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators import ESTIMATORS, LoggedBatch

FloatArray = npt.NDArray[np.float64]
METHODS = ("normal", "gamma", "bootstrap", "clopper_pearson", "empirical_bernstein")
SHOWN = ("ips", "snips", "dr", "sndr", "switch_dr", "dros")
CLIP = 100.0
# The bootstrap takes many times as long as the rest: it runs on every fifth log, and on fewer large ones.
SAMPLES = 200
CONTEXTS = 40


@dataclass(frozen=True)
class Setting:
    """One kind of log.

    Attributes:
      rows: newsletters.
      actions: recommenders.
      logger: "uniform", or "skewed": a softmax mixed with a quarter of uniform choices.
      rate: share of the rows with a reward.
      clip: largest basket that counts; None where a reward is 1.
    """

    rows: int
    actions: int
    logger: str
    rate: float = 0.005
    clip: float | None = None

    @property
    def largest(self) -> float:
        """Largest reward."""
        return 1.0 if self.clip is None else self.clip


SETTINGS = (
    Setting(2_000, 2, "uniform"),
    Setting(2_000, 12, "uniform"),
    Setting(10_000, 12, "uniform"),
    Setting(10_000, 12, "skewed"),
    Setting(10_000, 80, "uniform"),
    Setting(50_000, 12, "skewed"),
    Setting(50_000, 80, "uniform"),
    Setting(100_000, 12, "uniform", rate=0.1),
    Setting(2_000, 3, "uniform", rate=0.03, clip=200.0),
    Setting(10_000, 12, "uniform", rate=0.03, clip=200.0),
    Setting(50_000, 12, "skewed", rate=0.03, clip=200.0),
)
MEDIAN, SIGMA = 60.0, 1.2


def main() -> None:
    """Prints the table; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--settings", type=int, default=len(SETTINGS), help="only the first so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    for setting in SETTINGS[: options.settings]:
        started = time.perf_counter()
        results.append(measure(setting, options.runs, options.seed))
        print(table(results[-1]), f"({time.perf_counter() - started:.0f} s)\n", sep="\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def measure(setting: Setting, runs: int, seed: int = 1) -> dict[str, Any]:
    """Share of the intervals that cover, and their median width over that of the normal one.

    Returns:
      `setting`, `runs`, and under `coverage` and `width` a number for each estimator and method.
    """
    covered: dict[tuple[str, str], list[bool]] = {(name, m): [] for name in SHOWN for m in METHODS}
    widths: dict[tuple[str, str], list[float]] = {key: [] for key in covered}
    for run in range(runs):
        batch, truth = draw(setting, np.random.default_rng([seed, setting.rows, setting.actions, run]))
        samples = SAMPLES if run % (5 * max(setting.rows // 10_000, 1)) == 0 else 0
        for name in SHOWN:
            estimator = ESTIMATORS[name](CLIP, (0.0, setting.largest), samples)
            estimator.add(batch)
            for method in METHODS:
                if method == "bootstrap" and not samples:
                    continue
                low, high = estimator.interval(0.95, method)
                covered[name, method].append(low <= truth <= high)
                widths[name, method].append(high - low)
    return {
        "setting": asdict(setting),
        "runs": runs,
        "coverage": {name: {m: float(np.mean(covered[name, m])) for m in METHODS} for name in SHOWN},
        "width": {
            name: {m: _ratio(widths[name, m], widths[name, "normal"]) for m in METHODS} for name in SHOWN
        },
    }


def draw(setting: Setting, rng: np.random.Generator) -> tuple[LoggedBatch, float]:
    """A log as the evaluation policy sees it, and the policy's true value."""
    shape = (CONTEXTS, setting.actions)
    reward = setting.rate * np.exp(0.7 * rng.standard_normal(shape) - 0.245)
    evaluation = _softmax(np.log(reward) + 0.5 * rng.standard_normal(shape), 2.0)
    uniform = np.full(shape, 1.0 / setting.actions)
    logging = uniform
    if setting.logger == "skewed":
        logging = 0.75 * _softmax(rng.standard_normal(shape), 1.5) + 0.25 * uniform
    worth = 1.0 if setting.clip is None else mean_basket(setting.clip)
    model = worth * reward * np.exp(0.5 * rng.standard_normal(shape))
    context = rng.integers(CONTEXTS, size=setting.rows)
    points = rng.random(setting.rows)[:, None]
    action = (points > np.cumsum(logging, axis=1)[context]).sum(axis=1).clip(max=setting.actions - 1)
    earned = (rng.random(setting.rows) < reward[context, action]).astype(np.float64)
    if setting.clip is not None:
        baskets = MEDIAN * np.exp(SIGMA * rng.standard_normal(setting.rows))
        earned *= np.minimum(baskets, setting.clip)
    batch = LoggedBatch(
        reward=earned,
        propensity=logging[context, action],
        evaluation_probability=evaluation[context, action],
        expected_reward=(evaluation * model).sum(axis=1)[context],
        logged_estimate=model[context, action],
        user=rng.integers(2**63, size=setting.rows, dtype=np.uint64),
    )
    return batch, worth * float((evaluation * reward).sum(axis=1).mean())


def mean_basket(clip: float) -> float:
    """Mean of a lognormal basket that counts for the clip at most."""
    normal = NormalDist()
    z = math.log(clip / MEDIAN) / SIGMA
    below = MEDIAN * math.exp(SIGMA**2 / 2.0) * normal.cdf(z - SIGMA)
    return below + clip * (1.0 - normal.cdf(z))


def table(result: dict[str, Any]) -> str:
    """Coverage in percent, and width over that of the normal interval, of one setting."""
    setting = result["setting"]
    head = (
        f"{setting['rows']:,} rows, {setting['actions']} actions, {setting['logger']} logging, "
        f"rewards {setting['rate']:.1%}{'' if setting['clip'] is None else ', baskets'}"
    )
    lines = [f"{head}, {result['runs']} logs", "estimator " + "".join(f"{method:>21s}" for method in METHODS)]
    for name in SHOWN:
        cells = [f"{result['coverage'][name][m]:.1%} ({_shown(result['width'][name][m])})" for m in METHODS]
        lines.append(f"{name:10s}" + "".join(f"{cell:>21s}" for cell in cells))
    return "\n".join(lines)


def _shown(width: float | None) -> str:
    return "infinite" if width is None else f"x{width:.2f}"


def _ratio(widths: list[float], normal: list[float]) -> float | None:
    ratio = float(np.median(widths)) / max(float(np.median(normal)), 1e-300)
    return ratio if math.isfinite(ratio) else None


def _softmax(logits: FloatArray, sharpness: float) -> FloatArray:
    weights = np.exp(sharpness * (logits - logits.max(axis=1, keepdims=True)))
    shares: FloatArray = weights / weights.sum(axis=1, keepdims=True)
    return shares


if __name__ == "__main__":
    main()
