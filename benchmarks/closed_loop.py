"""Our agents against their peers in the closed loop: the same worlds, recipients, logs and luck.

    .venv/bin/python -m benchmarks.closed_loop --weeks 8 --seeds 5 --newsletters 50000

Prints one table for all, says which targets are met, and writes JSON, CSV and a picture. The peers run in an
environment of their own (benchmarks/README.md says how to make it). Finished runs are kept, so that a killed
benchmark goes on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.console import Console

from newsletter_bandit.errors import SettingsError, UserError
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.simulation import runs
from newsletter_bandit.simulation.runs import Run
from newsletter_bandit.simulation.series import Event
from pipelines.cli import closed_loop, runtime_defaults
from pipelines.cli.progress import StepProgress
from pipelines.cli.session import Session
from pipelines.closed_loop import planning
from pipelines.closed_loop.planning import Plan
from pipelines.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
AGENTS = (
    "neural_epsilon_greedy",
    "boltzmann",
    "recommender_features",
    "neural_lin_ucb",
    "lin_ucb",
    "lin_ts",
)
PEERS = ("vowpal_wabbit", "mabwiser_lin_ucb", "mabwiser_lin_ts", "gradient_boosting")
TARGETS_FILE = "targets.json"
_GAP_TO_CLOSE = 0.8


@dataclass(frozen=True)
class Target:
    """A claim that the benchmark checks, with what it found."""

    target: str
    found: str
    met: bool


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmark of the command line."""
    options = _options(arguments)
    runtime_defaults.apply()
    try:
        with Session("benchmark-closed-loop", options.workdir) as session:
            session.open_log()
            benchmark(session.out, options)
    except typer.Exit as end:
        sys.exit(end.exit_code)


def benchmark(out: Console, options: argparse.Namespace) -> list[Target]:
    """Runs agents and peers, reports them together and checks the targets.

    Raises:
      SettingsError: an agent or the peers' environment is missing.
      UserError: the peers' process failed.
    """
    use_case = load_use_case(options.use_case)
    environment = load_environment(ROOT / "configs" / "environments" / "local.yaml")
    workspace = Workspace(use_case, options.use_case, environment, options.workdir)
    plan = planning.plan(
        workspace,
        options.agent,
        options.weeks,
        options.newsletters,
        options.seeds,
        options.first_seed,
        options.fresh,
    )
    done: list[Run] = []
    if options.peer:
        done += run_peers(out, options, plan)
    done += closed_loop.run_agents(out, use_case, plan)
    closed_loop.report(out, use_case, plan, done, options.peer)
    found = targets(done, list(plan.agents), options.peer)
    for target in found:
        mark = "[green]met[/]" if target.met else "[red]missed[/]"
        out.print(f"  {mark:<16} {target.target}: {target.found}", soft_wrap=True)
    runs.write_text(
        plan.folder / TARGETS_FILE, json.dumps([asdict(target) for target in found], indent=2) + "\n"
    )
    return found


def run_peers(out: Console, options: argparse.Namespace, plan: Plan) -> list[Run]:
    """Runs the peers in their own environment; their runs lie beside those of the agents."""
    if not options.peers_python.is_file():
        raise SettingsError(
            f"{options.peers_python}: no such file; make the peers' environment as benchmarks/README.md "
            "says, or leave them out with --no-peers"
        )
    command = [str(options.peers_python.absolute()), "-m", "benchmarks.closed_loop_peers"]
    command += ["--use-case", str(options.use_case.absolute()), "--folder", str(plan.runs.absolute())]
    for name in ("seeds", "first_seed", "weeks", "newsletters"):
        command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    command += [word for peer in options.peer for word in ("--peer", peer)]
    command += ["--fresh"] if options.fresh else []
    with StepProgress(out, "Peers: simulating the warm-up") as progress:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            for line in process.stdout:
                progress(closed_loop.step_event(Event(**json.loads(line))))
        finally:
            process.stdout.close()
            if process.wait() != 0:
                raise UserError(
                    f"the peers' process ended with {process.returncode}; its messages are in the log"
                )
    return [runs.read(runs.path_of(plan.runs, peer, seed)) for seed in plan.seeds for peer in options.peer]


def targets(done: Sequence[Run], agents: Sequence[str], peers: Sequence[str]) -> list[Target]:
    """Targets: all agents above the best single recommender, the best one near the oracle and above peers.

    Differences are paired by seed; the standard error is theirs.
    """
    last = {(run.learner, run.seed): run.weeks[-1] for run in done}
    seeds = sorted({run.seed for run in done})

    def mean(learner: str) -> float:
        return statistics.fmean(last[learner, seed].expected_reward for seed in seeds)

    found = []
    for agent in agents:
        above = [last[agent, s].expected_reward - last[agent, s].best_single for s in seeds]
        found.append(
            Target(
                f"{agent} ends above the best single recommender in every world",
                f"by {min(above):+.4f} or more",
                min(above) > 0,
            )
        )
    best = max(agents, key=mean)
    closed = statistics.fmean(last[best, seed].gap_closed for seed in seeds)
    found.append(
        Target(
            f"the best agent closes {_GAP_TO_CLOSE:.0%} of the gap from uniform to oracle in the last week",
            f"{best} closes {closed:.1%}",
            closed >= _GAP_TO_CLOSE,
        )
    )
    for peer in peers:
        gains = [last[best, s].expected_reward - last[peer, s].expected_reward for s in seeds]
        error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else None
        found.append(
            Target(
                f"the best agent beats {peer}",
                f"by {statistics.fmean(gains):+.4f}"
                + ("" if error is None else f" (standard error {error:.4f})"),
                statistics.fmean(gains) > 0,
            )
        )
    return found


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--use-case", type=Path, default=ROOT / "configs" / "newsletter.yaml")
    parser.add_argument(
        "--workdir", type=Path, default=ROOT / "workdir", help="holds everything that is written"
    )
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--newsletters", type=int, default=50_000, help="a week")
    parser.add_argument("--agent", action="append", help="once for each; all six unless given")
    parser.add_argument("--peer", action="append", choices=PEERS, help="once for each; all four unless given")
    parser.add_argument("--no-peers", action="store_true", help="agents only")
    parser.add_argument("--peers-python", type=Path, default=ROOT / "benchmarks" / ".venv" / "bin" / "python")
    parser.add_argument("--fresh", action="store_true", help="run finished runs again")
    options = parser.parse_args(arguments)
    options.agent = options.agent or list(AGENTS)
    options.peer = [] if options.no_peers else options.peer or list(PEERS)
    return options


if __name__ == "__main__":
    main()
