"""What the history features are worth where readers tire of what they were shown.

    .venv/bin/python -m benchmarks.fatigue --weeks 8 --seeds 3 --newsletters 20000

A closed loop in the newsletter's world, in which each showing of a recommender in the last four weeks lowers
the log-odds of a click on it. The shipped agent and a peer, scikit-learn's gradient boosting per recommender,
learn with and without one history feature for each recommender: how often the user was shown it in four
weeks. All four meet the same worlds, warm-up, recipients and luck. The true value of what they served, over
all weeks, is compared in pairs of the same seed; the oracle knows how tired everyone is, and looks at one
week.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.closed_loop_peers import GradientBoosting
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.world import BuiltInWorld, Fatigue
from newsletter_bandit.simulation.loop import Setting
from newsletter_bandit.simulation.runs import Run
from newsletter_bandit.simulation.series import run_series
from pipelines.cli import runtime_defaults
from pipelines.closed_loop.planning import Plan, makers

ROOT = Path(__file__).resolve().parents[1]
WITHOUT, WITH = "without history", "with history"


def with_history(use_case: UseCase, weeks: int = 4) -> UseCase:
    """The use case with a feature for each recommender: how often the user was shown it in ``weeks``."""
    settings = use_case.model_dump(mode="json")
    for name in use_case.recommenders:
        history = {"count": "shown", "recommender": name, "weeks": weeks}
        settings["features"][f"{name}_shown"] = {"type": "number", "history": history}
    return UseCase.model_validate(settings)


def measure(
    setting: Setting, seeds: Sequence[int], per_showing: float, folder: Path
) -> dict[tuple[str, str], list[Run]]:
    """Runs of the agent and the peer, with and without history, one of each seed."""
    shipped = load_use_case(ROOT / "configs" / "newsletter.yaml")
    world = BuiltInWorld(built_in="newsletter", fatigue=Fatigue(per_showing=per_showing))
    found = {}
    for label, use_case in ((WITHOUT, shipped), (WITH, with_history(shipped))):
        agent, peer = use_case.agent.type, GradientBoosting.name
        made = Plan({agent: use_case}, setting, tuple(seeds), folder / label, world=world)
        learners = {**makers(made), peer: lambda begin: GradientBoosting(begin.world.seed)}
        runs = run_series(use_case, setting, seeds, learners, made.runs, world=world)
        for name in (agent, peer):
            found[name, label] = [run for run in runs if run.learner == name]
    return found


def figures(found: dict[tuple[str, str], list[Run]]) -> list[dict[str, Any]]:
    """By learner: true value per newsletter, share of the gap closed over all weeks, what history adds."""
    rows = []
    for name in dict.fromkeys(name for name, _ in found):
        row: dict[str, Any] = {"learner": name}
        for label in (WITHOUT, WITH):
            runs = found[name, label]
            row[label] = statistics.fmean(_mean(run, "expected_reward") for run in runs)
            row[f"{label}, gap"] = statistics.fmean(_gap(run) for run in runs)
        added = [
            _gap(run) - _gap(other)
            for run, other in zip(found[name, WITH], found[name, WITHOUT], strict=True)
        ]
        row["added"] = statistics.fmean(added)
        row["std. error"] = statistics.stdev(added) / len(added) ** 0.5 if len(added) > 1 else None
        rows.append(row)
    return rows


def _mean(run: Run, name: str) -> float:
    return statistics.fmean(getattr(week, name) for week in run.weeks)


def _gap(run: Run) -> float:
    """Share of the way from uniform to the oracle over all weeks together."""
    served, uniform, oracle = (_mean(run, name) for name in ("expected_reward", "uniform", "oracle"))
    return (served - uniform) / (oracle - uniform)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--newsletters", type=int, default=20_000, help="per week")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=101)
    parser.add_argument("--per-showing", type=float, default=0.5, help="log-odds of a click")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    runtime_defaults.apply()
    shipped = load_use_case(ROOT / "configs" / "newsletter.yaml")
    setting = Setting.of(shipped, options.weeks, options.newsletters)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    with tempfile.TemporaryDirectory(prefix="fatigue_") as folder:
        rows = figures(measure(setting, seeds, options.per_showing, Path(folder)))
    out = Table("learner", WITHOUT, WITH, "gap without", "gap with", "added")
    for row in rows:
        error = "" if row["std. error"] is None else f" ± {row['std. error']:.1%}"
        out.add_row(
            row["learner"],
            f"{row[WITHOUT]:.4f}",
            f"{row[WITH]:.4f}",
            f"{row[f'{WITHOUT}, gap']:.1%}",
            f"{row[f'{WITH}, gap']:.1%}",
            f"{row['added']:+.1%}{error}",
        )
    Console(width=100).print(out)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
