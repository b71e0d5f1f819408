"""The closed loop as a command: agents side by side in the same simulated worlds, over several seeds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from rich.console import Console

from pipelines import closed_loop_summary
from pipelines.errors import SettingsError
from pipelines.local import StepEvent, Workspace
from pipelines.progress import StepProgress
from pipelines.session import Session
from pipelines.settings import UseCase, load_agent
from simulation.learner import Learner, Learnt
from simulation.loop import Setting, Start
from simulation.runs import Run
from simulation.series import Event, run_series

if TYPE_CHECKING:
    from pipelines.bandit_learner import SharedWeeks

FOLDER = "closed_loop"
_RUNS, _TRANSFORM = "runs", "transform"


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes:
      agents: the use case by name, each with the agent of that name.
      setting: length and size of a run.
      seeds: of the worlds.
      folder: holds the finished runs, Transform's outputs, and what `report` writes.
      fresh: forgets finished runs first.
    """

    agents: dict[str, UseCase]
    setting: Setting
    seeds: tuple[int, ...]
    folder: Path
    fresh: bool = False

    @property
    def runs(self) -> Path:
        """Folder of the finished runs."""
        return self.folder / _RUNS


def plan(
    workspace: Workspace,
    agents: Sequence[str],
    weeks: int,
    newsletters: int,
    seeds: int,
    first_seed: int = 1,
    fresh: bool = False,
) -> Plan:
    """Reads the agents' settings.

    Args:
      workspace: use case and work folder.
      agents: names; the use case's own agent where none is given. See `settings.load_agent`.
      weeks: trainings of each run.
      newsletters: a week.
      seeds: number of worlds.
      first_seed: of the first world; the others follow.
      fresh: forgets finished runs first.

    Raises:
      SettingsError: an agent is unknown, named twice or does not fit the use case, or a number is out of range.
    """
    use_case = workspace.use_case
    names = list(agents) or [use_case.agent.type]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SettingsError(f"--agent: {', '.join(repeated)} named twice; allowed: each agent once")
    folder = workspace.use_case_path.parent / "agents"
    return Plan(
        agents={name: load_agent(folder, name, use_case) for name in names},
        setting=Setting.of(use_case, weeks, newsletters),
        seeds=tuple(range(first_seed, first_seed + seeds)),
        folder=workspace.workdir / FOLDER,
        fresh=fresh,
    )


def run(session: Session, workspace: Workspace, made: Plan) -> list[Run]:
    """Runs what is not finished yet, prints tables and writes figures and picture; see `run_agents`."""
    session.open_log()
    done = run_agents(session.out, workspace.use_case, made)
    report(session.out, workspace.use_case, made, done)
    return done


def run_agents(out: Console, use_case: UseCase, made: Plan) -> list[Run]:
    """Runs the plan's agents, with a line for each run that ends.

    Raises:
      SettingsError: the simulated world cannot play the use case.
      DataError: a kept run is damaged.
    """
    with StepProgress(out, "Simulating the warm-up") as progress:
        return run_series(
            use_case,
            made.setting,
            made.seeds,
            _makers(made),
            made.runs,
            made.fresh,
            lambda event: progress(step_event(event)),
        )


def report(
    out: Console, use_case: UseCase, made: Plan, done: Sequence[Run], peers: Sequence[str] = ()
) -> None:
    """Prints the tables, and writes JSON, CSV and picture to the plan's folder; `peers` are drawn apart."""
    from simulation import loop_plot, loop_report

    figures = loop_report.report(done)
    loop_report.write(made.folder, done)
    seeds = "1 seed" if len(made.seeds) == 1 else f"{len(made.seeds)} seeds"
    title = f"Closed loop: {use_case.name}, {made.setting.newsletters:,} newsletters a week, {seeds}"
    loop_plot.draw(figures, made.folder / loop_plot.FILE, title, peers)
    for part in closed_loop_summary.tables(figures):
        out.print(part)
    names = (loop_report.JSON_FILE, loop_report.CSV_FILE, loop_plot.FILE)
    out.print(f"Figures and picture: {', '.join(names)} in {made.folder}", markup=False, soft_wrap=True)


def step_event(event: Event) -> StepEvent:
    """An event of a series as the progress on the terminal shows it."""
    name = f"{event.learner}, seed {event.seed}"
    if event.state == "running":
        return StepEvent(f"{name}, {event.text}", "running")
    # As wide as the longest name, so that the columns of the lines stand below one another.
    return StepEvent(
        f"{name:<32}", "cached" if event.state == "kept" else "finished", event.seconds, event.text
    )


class _Agent:
    """A learner that imports TensorFlow when it first learns: not at all where every run is finished."""

    def __init__(self, name: str, use_case: UseCase, prepare: Callable[[], SharedWeeks]) -> None:
        self.name = name
        # Everything that the outcome depends on.
        self.settings = use_case.model_dump(mode="json")
        self._use_case = use_case
        self._prepare = prepare
        self._learner: Learner | None = None

    def learn(self, window: Sequence[pa.Table], day: dt.date) -> Learnt:
        """See `simulation.learner.Learner`."""
        if self._learner is None:
            from pipelines.bandit_learner import BanditLearner

            self._learner = BanditLearner(self.name, self._use_case, self._prepare())
        return self._learner.learn(window, day)


def _makers(made: Plan) -> dict[str, Callable[[Start], Learner]]:
    """What makes each agent's learner; those of one seed share what does not depend on the agent."""
    prepared: dict[int, SharedWeeks] = {}

    def prepare(begin: Start, use_case: UseCase) -> SharedWeeks:
        from pipelines.bandit_learner import SharedWeeks

        seed = begin.world.seed
        if seed not in prepared:
            prepared.clear()
            prepared[seed] = SharedWeeks(use_case, begin.warm_up, made.folder / _TRANSFORM, begin.digest)
        return prepared[seed]

    def maker(name: str, use_case: UseCase) -> Callable[[Start], Learner]:
        return lambda begin: _Agent(name, use_case, lambda: prepare(begin, use_case))

    return {name: maker(name, use_case) for name, use_case in made.agents.items()}
