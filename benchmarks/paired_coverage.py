"""Measures how often the 95% interval of a difference between two policies misses the truth, on either side.

The log is of 40 contexts and 12 actions, the policies mostly take one action each, and reward models are
noisy. Clicks are rare, or users stand in the log several times and answer alike.

    python -m benchmarks.paired_coverage [--runs 500] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from newsletter_bandit.off_policy.estimators import LoggedBatch
from newsletter_bandit.off_policy.estimators.paired import PolicyDifference

Floats = npt.NDArray[np.float64]
CONTEXTS, ARMS = 40, 12


@dataclass(frozen=True)
class Setting:
    """One kind of log.

    Attributes:
      rows: newsletters.
      clicks: expected number of them over all rows.
      logger: "uniform", "skewed" (a softmax mixed with a quarter of uniform choices), or "baseline", the
        policy that the candidate is compared with.
      apart: the actions' rates differ.
      repeats: rows of each user, who answers alike in all of them.
    """

    rows: int
    clicks: float
    logger: str
    apart: bool
    repeats: int = 1


RARE = tuple(
    Setting(2_000, clicks, logger, apart)
    for logger in ("uniform", "skewed", "baseline")
    for apart in (False, True)
    for clicks in (0, 1, 2, 4, 10, 50, 300)
)
REPEATED = tuple(Setting(16_800, 1_680, "uniform", apart=True, repeats=repeats) for repeats in (1, 4, 28))


def measure(setting: Setting, runs: int, seed: int = 0) -> dict[str, Any]:
    """Shares of ``runs`` logs, in [0, 1], and widths in units of reward.

    Returns:
      `setting`, `runs`, `below` and `above`: the truth lies there; `width`: median of the intervals; and the
      same with `plain_` in front for rows that count as if each were another user's.
    """
    found: list[tuple[bool, bool, float, bool, bool, float]] = []
    for run in range(runs):
        candidate, baseline, truth = _draw(setting, np.random.default_rng([seed, run, setting.rows]))
        found.append(
            (
                *_missed(candidate, baseline, truth),
                *_missed(replace(candidate, user=None), replace(baseline, user=None), truth),
            )
        )
    below, above, width, plain_below, plain_above, plain_width = zip(*found, strict=True)
    return {
        "setting": asdict(setting),
        "runs": runs,
        "below": float(np.mean(below)),
        "above": float(np.mean(above)),
        "width": float(np.median(width)),
        "plain_below": float(np.mean(plain_below)),
        "plain_above": float(np.mean(plain_above)),
        "plain_width": float(np.median(plain_width)),
    }


def _missed(candidate: LoggedBatch, baseline: LoggedBatch, truth: float) -> tuple[bool, bool, float]:
    difference = PolicyDifference(None, (0.0, 1.0))
    difference.add(candidate, baseline)
    low, high = difference.interval(0.95)
    return truth < low, truth > high, high - low


def _draw(setting: Setting, rng: np.random.Generator) -> tuple[LoggedBatch, LoggedBatch, float]:
    """A log as candidate and baseline see it, and their true difference."""
    reward = np.full((CONTEXTS, ARMS), setting.clicks / setting.rows)
    if setting.apart:
        reward *= np.exp(0.7 * rng.standard_normal(reward.shape) - 0.245)
    candidate, baseline = _policy(rng), _policy(rng)
    logging = np.full_like(reward, 1.0 / ARMS)
    if setting.logger == "skewed":
        scores = np.exp(1.5 * rng.standard_normal(reward.shape))
        logging = 0.75 * scores / scores.sum(axis=1, keepdims=True) + 0.25 / ARMS
    elif setting.logger == "baseline":
        logging = baseline
    model = reward * np.exp(0.5 * rng.standard_normal(reward.shape))
    users = setting.rows // setting.repeats
    context = rng.integers(CONTEXTS, size=users)
    action = (logging[context].cumsum(axis=1) < rng.random(users)[:, None]).sum(axis=1).clip(max=ARMS - 1)
    clicked = (rng.random(users) < reward[context, action]).astype(np.float64)
    user = rng.integers(0, 2**63, users).astype(np.uint64)
    seen = [
        LoggedBatch(
            *(
                np.repeat(column, setting.repeats)
                for column in (
                    clicked,
                    logging[context, action],
                    policy[context, action],
                    (policy * model).sum(axis=1)[context],
                    model[context, action],
                    user,
                )
            )
        )
        for policy in (candidate, baseline)
    ]
    return seen[0], seen[1], float(((candidate - baseline) * reward).sum(axis=1).mean())


def _policy(rng: np.random.Generator) -> Floats:
    """Nine tenths of a random action by context, the rest uniform."""
    found = np.full((CONTEXTS, ARMS), 0.1 / ARMS)
    found[np.arange(CONTEXTS), rng.integers(ARMS, size=CONTEXTS)] += 0.9
    return found


def table(results: list[dict[str, Any]]) -> str:
    """The figures in Markdown."""
    lines = [
        "| log | clicks | rows per user | below | above | width | without users: below | above | width |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for found in results:
        setting = found["setting"]
        kind = f"{setting['rows']:,}, {setting['logger']}, {'apart' if setting['apart'] else 'alike'}"
        figures = [
            f"{found[prefix + name]:.1%}" if name != "width" else f"{found[prefix + name]:.4f}"
            for prefix in ("", "plain_")
            for name in ("below", "above", "width")
        ]
        lines.append(f"| {kind} | {setting['clicks']:g} | {setting['repeats']} | {' | '.join(figures)} |")
    return "\n".join(lines)


def main() -> None:
    """Prints the table; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    started = time.perf_counter()
    results = [measure(setting, options.runs) for setting in (*RARE, *REPEATED)]
    print(f"{options.runs} logs each; share in which the truth lies below or above the 95% interval\n")
    print(table(results), f"\n{time.perf_counter() - started:.0f} s", sep="\n")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
