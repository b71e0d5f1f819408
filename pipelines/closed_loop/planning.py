"""The plan of a closed loop: agents, setting and seeds, and the learners that play it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.reading import load_agent
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.world import NEWSLETTER, WorldSettings
from newsletter_bandit.simulation.learner import Learner, Learnt
from newsletter_bandit.simulation.loop import Setting, Start
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.closed_loop.learner import SharedWeeks

FOLDER = "closed_loop"
_RUNS, _TRANSFORM = "runs", "transform"


@dataclass(frozen=True)
class Plan:
    """The runs to make.

    Attributes:
      agents: the use case by name, each with the agent of that name.
      setting: length and size of a run.
      seeds: seeds of the worlds.
      folder: folder of the finished runs, Transform's outputs, and the files of `report`.
      fresh: deletes finished runs first.
      world: what the worlds are made of.
    """

    agents: dict[str, UseCase]
    setting: Setting
    seeds: tuple[int, ...]
    folder: Path
    fresh: bool = False
    world: WorldSettings = NEWSLETTER

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
    world: WorldSettings = NEWSLETTER,
) -> Plan:
    """Reads the agents' settings.

    Args:
      workspace: use case and work folder.
      agents: names of the agents; by default the use case's own. See `settings.load_agent`.
      weeks: trainings of each run.
      newsletters: newsletters per week.
      seeds: number of worlds.
      first_seed: seed of the first world; the others follow.
      fresh: deletes finished runs first.
      world: what the worlds are made of.

    Raises:
      SettingsError: an agent is unknown, named twice or does not fit the use case, a number is out of range,
        or the use case trains twice.
    """
    use_case = workspace.use_case
    if use_case.refit.wanted:
        raise SettingsError(
            f"{workspace.use_case_path}: refit: found {use_case.refit.rows}; allowed in the closed loop: "
            "none, because it trains each model once"
        )
    names = list(agents) or [use_case.agent.type]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SettingsError(f"`agents`: {', '.join(repeated)} named twice; name each agent once")
    folder = workspace.use_case_path.parent / "agents"
    return Plan(
        agents={name: load_agent(folder, name, use_case) for name in names},
        setting=Setting.of(use_case, weeks, newsletters),
        seeds=tuple(range(first_seed, first_seed + seeds)),
        folder=workspace.workdir / FOLDER,
        fresh=fresh,
        world=world,
    )


class _Agent:
    """A learner that imports TensorFlow when it first learns, so not at all if every run is finished."""

    def __init__(self, name: str, use_case: UseCase, prepare: Callable[[], SharedWeeks]) -> None:
        self.name = name
        # Everything that the outcome depends on.
        self.settings = use_case.model_dump(mode="json")
        self._use_case = use_case
        self._prepare = prepare
        self._learner: Learner | None = None

    def learn(self, window: Sequence[pa.Table], day: dt.date) -> Learnt:
        """See `newsletter_bandit.simulation.learner.Learner`."""
        if self._learner is None:
            from pipelines.closed_loop.learner import BanditLearner

            self._learner = BanditLearner(self.name, self._use_case, self._prepare())
        return self._learner.learn(window, day)


def makers(made: Plan) -> dict[str, Callable[[Start], Learner]]:
    """Makers of each agent's learner; learners of one seed share what does not depend on the agent."""
    prepared: dict[int, SharedWeeks] = {}

    def prepare(begin: Start, use_case: UseCase) -> SharedWeeks:
        from pipelines.closed_loop.learner import SharedWeeks

        seed = begin.world.seed
        if seed not in prepared:
            prepared.clear()
            prepared[seed] = SharedWeeks(use_case, begin.warm_up, made.folder / _TRANSFORM, begin.digest)
        return prepared[seed]

    def maker(name: str, use_case: UseCase) -> Callable[[Start], Learner]:
        return lambda begin: _Agent(name, use_case, lambda: prepare(begin, use_case))

    return {name: maker(name, use_case) for name, use_case in made.agents.items()}
