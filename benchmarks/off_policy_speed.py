"""Measures the speed and memory of off-policy evaluation, compared with sb-obp, and for files.

    python -m benchmarks.off_policy_speed [--rounds 3] [--json FILE]

1. IPS, SNIPS and DR of one policy over 12 recommenders, from the dense arrays [n, 12] that sb-obp takes. Ours
   goes block by block, with the default 95% intervals and all of `diagnostics`; sb-obp, which has neither
   diagnostics nor blocks, holds the whole log and gives the three values. It is also run with intervals, by
   100 bootstrap samples where its default is 10,000. Rows and arrays are made outside of the clock, the same
   for both; each side has one core.
2. `PolicyValues`, all that the Evaluator measures of two models, over compact rows.
3. `newsletter-bandit evaluate FILE` on Parquet, timed as a process from its start to its end.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console

from benchmarks import measuring
from benchmarks.measuring import Measured, Side, Target, clock, tell, this_module

NAME = "off_policy_speed"
RECOMMENDERS = 12
BLOCK = 65_536
BEAM_BLOCK = 1024  # rows that the Evaluator gathers in Beam before it adds them
CLIP = 10.0
REWARDS = (-1.0, 1.0)
BOOTSTRAPS = 100
SEED = 7
SIZES = (200_000, 2_000_000, 10_000_000)
ROWS_A_SECOND, TIMES, EQUAL, GROWTH = 2_000_000, 3.0, 1e-9, 1.1
# One core per side: NumPy's matrix products would take all cores, and the rest of each side takes one.
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

FloatArray = npt.NDArray[np.float64]


class Block(NamedTuple):
    """Logged rows with what the evaluation policy and a reward model say of every recommender.

    Attributes:
      reward: [n], -1, 0 or 1.
      action: int64 [n], what was logged.
      propensity: [n], of the action.
      policy: [n, 12], the evaluation policy.
      estimates: [n, 12], the reward model's.
    """

    reward: FloatArray
    action: npt.NDArray[np.int64]
    propensity: FloatArray
    policy: FloatArray
    estimates: FloatArray


def blocks(rows: int, size: int = BLOCK) -> Iterator[Block]:
    """``rows`` rows in blocks; the same ``rows`` and size always give the same blocks."""
    for number, start in enumerate(range(0, rows, size)):
        rng = np.random.default_rng([SEED, number])
        n = min(size, rows - start)
        every = np.arange(n)
        estimates = rng.random((n, RECOMMENDERS)) * 0.2
        liking = rng.random((n, RECOMMENDERS)) ** 4
        policy = 0.05 / RECOMMENDERS + 0.95 * liking / liking.sum(axis=1, keepdims=True)
        logging = 0.25 + rng.random((n, RECOMMENDERS))
        logging /= logging.sum(axis=1, keepdims=True)
        action = (rng.random((n, 1)) > logging.cumsum(axis=1)).sum(axis=1).clip(max=RECOMMENDERS - 1)
        draw = rng.random(n)
        clicked = draw < estimates[every, action] + 0.1
        reward = np.where(clicked, 1.0, np.where(draw > 0.99, -1.0, 0.0))
        yield Block(reward, action, logging[every, action], policy, estimates)


# --- the sides, each run in a process of its own ------------------------------------------------------------


def ours(rows: int, clip: float | None, dense: bool = True) -> None:
    """Values, intervals and diagnostics, block by block; from the dense arrays, or from what the Evaluator
    keeps of them.
    """
    from newsletter_bandit.off_policy.estimators import LoggedBatch, dr, ips, snips
    from newsletter_bandit.off_policy.estimators.diagnostics import Overlap, Weights

    def seen(block: Block) -> LoggedBatch:
        every = np.arange(len(block.action))
        return LoggedBatch(
            reward=block.reward,
            propensity=block.propensity,
            evaluation_probability=block.policy[every, block.action],
            expected_reward=np.einsum("ij,ij->i", block.policy, block.estimates),
            logged_estimate=block.estimates[every, block.action],
        )

    kinds = {"ips": ips.Estimator, "snips": snips.Estimator, "dr": dr.Estimator}
    estimators = {name: kind(clip, REWARDS) for name, kind in kinds.items()}
    weights, overlap = Weights(clip), Overlap(RECOMMENDERS, clip)
    seconds = 0.0
    for block in blocks(rows):
        # Checked again within the clock, as any batch is.
        fields = None if dense else dict(vars(seen(block)))
        with clock() as one:
            batch = seen(block) if fields is None else LoggedBatch(**fields)
            for estimator in estimators.values():
                estimator.add(batch)
            weights.add(batch)
            overlap.add(batch, block.action)
        seconds += one["seconds"]
    with clock() as one:
        values = {name: estimator.estimate().value for name, estimator in estimators.items()}
        intervals = {name: tuple(estimator.interval()) for name, estimator in estimators.items()}
        diagnostics = {
            "effective_sample_size": weights.effective_sample_size,
            "max_weight": weights.max_unclipped,
            "mean_weight": weights.mean,
            "top_share": weights.top_share,
            "clipped_share": weights.clipped_share,
            "logged_share": overlap.logged_share.tolist(),
            "evaluation_share": overlap.evaluation_share.tolist(),
            "overlap_effective_sample_size": overlap.effective_sample_size.tolist(),
        }
    tell(rows, seconds + one["seconds"], values=values, intervals=intervals, diagnostics=diagnostics)


def peer(rows: int, bootstraps: int) -> None:
    """sb-obp's three values of the whole log, or with ``bootstraps`` its intervals."""
    from obp.ope import (
        DoublyRobust,
        InverseProbabilityWeighting,
        SelfNormalizedInverseProbabilityWeighting,
    )

    log: dict[str, npt.NDArray[Any]] = {
        "reward": np.empty(rows),
        "action": np.empty(rows, dtype=np.int64),
        "pscore": np.empty(rows),
        "action_dist": np.empty((rows, RECOMMENDERS, 1)),
        "estimated_rewards_by_reg_model": np.empty((rows, RECOMMENDERS, 1)),
    }
    start = 0
    for block in blocks(rows):
        end = start + len(block.action)
        for whole, part in zip(log.values(), block, strict=True):
            whole[start:end] = part.reshape(whole[start:end].shape)
        start = end
    kinds = {
        "ips": InverseProbabilityWeighting(),
        "snips": SelfNormalizedInverseProbabilityWeighting(),
        "dr": DoublyRobust(),
    }
    values, intervals = {}, {}
    with clock() as found:
        for name, kind in kinds.items():
            if bootstraps:
                told = kind.estimate_interval(**log, n_bootstrap_samples=bootstraps, random_state=SEED)
                values[name] = float(told["mean"])
                intervals[name] = [float(told[f"95.0% CI ({end})"]) for end in ("lower", "upper")]
            else:
                values[name] = float(kind.estimate_policy_value(**log))
    tell(rows, found["seconds"], values=values, intervals=intervals)


def policy_values(rows: int, size: int) -> None:
    """All that the Evaluator measures of a candidate and a model in production, rows added ``size`` at a
    time.
    """
    from components.evaluator.policy_values import Measuring, PolicyValues

    values = PolicyValues(2, Measuring(RECOMMENDERS, CLIP, 0.95, REWARDS))
    seconds = 0.0
    for block in blocks(rows):
        table = compact(block)
        with clock() as one:
            for start in range(0, len(table), size):
                values.add(table[start : start + size])
        seconds += one["seconds"]
    with clock() as one:
        figures = values.figures()
    tell(
        rows,
        seconds + one["seconds"],
        figures={
            name: np.asarray(value).tolist() for of_model in figures[:1] for name, value in of_model.items()
        },
    )


def compact(block: Block) -> FloatArray:
    """Rows of `components.evaluator.rows` of two models: the policy explores, its greedy choice does not."""
    from components.evaluator.rows import Known, Outcome, table

    n = len(block.action)
    outcome = Outcome(
        block.reward, block.propensity, block.reward > 0.0, block.reward < 0.0, np.arange(n).astype(str)
    )

    def output(estimates: FloatArray, policy: FloatArray) -> dict[str, Any]:
        best = estimates.argmax(axis=1)
        return {
            "user_id": outcome.user_id,
            "reward_estimates": estimates,
            "serving_probabilities": policy,
            "eval_probabilities": np.eye(RECOMMENDERS)[best],
            "logged_action": block.action,
            "logged_score": (estimates[np.arange(n), block.action] + 1.0) / 2.0,
            "default_action": np.zeros(n),
            "best_score": estimates.max(axis=1),
            "eligible_recommenders": np.ones_like(estimates, dtype=bool),
        }

    production = np.roll(block.policy, 1, axis=1), np.roll(block.estimates, 1, axis=1)
    outputs = [output(block.estimates, block.policy), output(production[1], production[0])]
    return table(outcome, outputs, REWARDS, [Known([str(k) for k in range(RECOMMENDERS)])] * 2)


def file(path: Path, rows: int) -> None:
    """`newsletter-bandit evaluate` of a file, from the start of its process to its end."""
    report = path.with_suffix(".json")
    columns = "--action recommender --reward reward --propensity propensity --evaluation-probability pi"
    model = "--expected-reward expected_reward --reward-estimate reward_estimate"
    command = [
        str(measuring.PYTHON),
        "-m",
        "pipelines.cli.main",
        "evaluate",
        str(path),
        "--json",
        str(report),
    ]
    command += [*columns.split(), *model.split(), "--reward-range", "-1", "1"]
    with clock() as found:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    tell(rows, found["seconds"], evaluation=json.loads(report.read_text(encoding="utf-8")))


def write(path: Path, rows: int) -> None:
    """The log as a Parquet file with what `file` reads."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = np.array([f"recommender-{number:02}" for number in range(RECOMMENDERS)])
    with clock() as found:
        writer = None
        for block in blocks(rows):
            every = np.arange(len(block.action))
            table = pa.table(
                {
                    "recommender": names[block.action],
                    "reward": block.reward,
                    "propensity": block.propensity,
                    "pi": block.policy[every, block.action],
                    "expected_reward": (block.policy * block.estimates).sum(axis=1),
                    "reward_estimate": block.estimates[every, block.action],
                }
            )
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
    tell(rows, found["seconds"])


# --- the benchmark ------------------------------------------------------------------------------------------


def measure(
    sizes: Sequence[int], peer_rows: int, rounds: int, with_peer: bool, out: Console
) -> dict[str, list[Measured]]:
    """Runs every side and prints the tables.

    Args:
      sizes: ascending rows of the logs that show whether memory grows.
      peer_rows: of the log that both sides evaluate.
      rounds: of what is compared.
      with_peer: run sb-obp too.
      out: where the tables go.

    Returns:
      Sides by table.
    """

    def side(name: str, work: str, *arguments: object) -> Side:
        python = measuring.PEERS_PYTHON if work == "peer" else measuring.PYTHON
        return Side(name, this_module(NAME, "--side", work, *arguments, python=python), ONE_CORE)

    peers = [side("sb-obp", "peer", peer_rows, 0)]
    peers += [side(f"sb-obp, {BOOTSTRAPS} bootstraps", "peer", peer_rows, BOOTSTRAPS)]
    beside = [
        side("ours", "ours", peer_rows),
        *(peers if with_peer else []),
        side(f"ours, weights clipped at {CLIP:g}", "clipped", peer_rows),
        side("ours, from compact rows", "compact", peer_rows),
    ]
    found = {"beside": measuring.in_turn(beside, rounds, out)}
    against = found["beside"][1] if with_peer else None
    out.print(measuring.table(f"IPS, SNIPS and DR, {RECOMMENDERS} recommenders", found["beside"], against))

    by_size = [side(f"ours, {rows:,} rows", "ours", rows) for rows in sizes]
    found["sizes"] = measuring.in_turn(by_size, 1, out)
    out.print(measuring.table("The same by size of the log", found["sizes"]))

    steps = (BEAM_BLOCK, BLOCK)
    evaluator = [side(f"{step:,} rows at a time", "policy_values", peer_rows, step) for step in steps]
    found["evaluator"] = measuring.in_turn(evaluator, rounds, out)
    out.print(measuring.table("PolicyValues: what the Evaluator measures of two models", found["evaluator"]))

    with tempfile.TemporaryDirectory() as folder:
        files = []
        for rows in sizes:
            path = Path(folder) / f"{rows}.parquet"
            measuring.run(side("the file", "write", path, rows))
            files.append(side(f"{rows:,} rows", "file", path, rows))
        found["files"] = measuring.in_turn(files, 1, out)
    out.print(measuring.table("newsletter-bandit evaluate FILE, a process, all estimators", found["files"]))
    return found


def targets(found: dict[str, list[Measured]], with_peer: bool) -> list[Target]:
    """Targets of the figures."""
    ours = found["beside"][0]
    made = [
        Target(
            "IPS, SNIPS, DR, intervals, diagnostics",
            f"at least {ROWS_A_SECOND:,} rows/s",
            f"{ours.rate:,.0f} rows/s",
            ours.rate >= ROWS_A_SECOND,
        )
    ]
    if with_peer:
        peer_side = found["beside"][1]
        times = ours.ratio(peer_side)
        theirs = peer_side.figures["values"]
        gap = max(abs(value - theirs[name]) for name, value in ours.figures["values"].items())
        made += [
            Target("beside sb-obp's values alone", f"at least {TIMES:g}x", f"{times:.2f}x", times >= TIMES),
            Target("the three values equal sb-obp's", f"to {EQUAL:g}", f"{gap:.1e}", gap <= EQUAL),
        ]
    for name, sides in (("estimators", found["sizes"]), ("evaluate FILE", found["files"])):
        # The smallest log is too small to fill every buffer.
        first, last = sides[-2:]
        growth = last.peak / first.peak
        made.append(
            Target(
                f"memory of {name}, {first.rows:,} to {last.rows:,} rows",
                f"grows by {GROWTH - 1:.0%} at most",
                f"{first.peak:,.0f} to {last.peak:,.0f} MiB",
                growth <= GROWTH,
            )
        )
    return made


_SIDES: dict[str, Callable[..., None]] = {
    "ours": lambda rows: ours(int(rows), None),
    "clipped": lambda rows: ours(int(rows), CLIP),
    "compact": lambda rows: ours(int(rows), None, dense=False),
    "peer": lambda rows, bootstraps: peer(int(rows), int(bootstraps)),
    "policy_values": lambda rows, size: policy_values(int(rows), int(size)),
    "write": lambda path, rows: write(Path(path), int(rows)),
    "file": lambda path, rows: file(Path(path), int(rows)),
}


def main() -> None:
    """Prints the tables; ends with 1 where a target is missed. See the module."""
    parser = measuring.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="rows of the logs, ascending")
    parser.add_argument(
        "--peer-rows", type=int, default=SIZES[1], help="rows of the log that sb-obp gets too"
    )
    parser.add_argument("--without-peer", action="store_true", help="leave sb-obp out")
    parser.add_argument("--side", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        work, *arguments = options.side
        _SIDES[work](*arguments)
        return
    with_peer = not options.without_peer
    if with_peer:
        measuring.require_peers()
    if len(options.sizes) < 2:
        parser.error("--sizes: found one; allowed: two or more")
    out = Console(width=110, highlight=False)
    found = measure(sorted(options.sizes), options.peer_rows, options.rounds, with_peer, out)
    figures = {name: {one.name: one.to_json() for one in sides} for name, sides in found.items()}
    measuring.finish(out, options.json, figures, targets(found, with_peer))


if __name__ == "__main__":
    main()
