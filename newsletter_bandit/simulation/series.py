"""Several learners over several seeds, each finished run kept on disk, so that a killed series can go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.world import NEWSLETTER, WorldSettings
from newsletter_bandit.simulation import runs
from newsletter_bandit.simulation.learner import Learner
from newsletter_bandit.simulation.loop import Setting, Start, run, setting_of, start
from newsletter_bandit.simulation.runs import Run


@dataclass(frozen=True)
class Event:
    """Progress or end of a run.

    Attributes:
      learner, seed: the run.
      state: "kept" is a run that an earlier series finished.
      text: the part in progress, or the outcome.
      seconds: wall clock of a run that finished now.
    """

    learner: str
    seed: int
    state: Literal["running", "finished", "kept"]
    text: str
    seconds: float | None = None


def run_series(
    use_case: UseCase,
    setting: Setting,
    seeds: Sequence[int],
    learners: Mapping[str, Callable[[Start], Learner]],
    folder: Path,
    fresh: bool = False,
    on_event: Callable[[Event], None] = lambda _event: None,
    world: WorldSettings = NEWSLETTER,
) -> list[Run]:
    """Runs each learner in the world of each seed.

    Args:
      use_case: use case that the worlds play.
      setting: length and size.
      seeds: seeds of the worlds.
      learners: by name, a function that makes a learner for one run. It must be quick; slow work belongs in
        `learn`.
      folder: folder of finished runs, which are reused while setting, learner's settings and log are the
        same.
      fresh: deletes those runs first.
      on_event: called when a run progresses or ends.
      world: what the worlds are made of.

    Raises:
      SettingsError: as `loop.start`.
      DataError: a kept file is damaged, or a learner serves what it must not.
    """
    if fresh:
        for name in learners:
            for seed in seeds:
                runs.path_of(folder, name, seed).unlink(missing_ok=True)
    done = []
    for seed in seeds:
        begin = start(use_case, setting, seed, world)
        for name, make in learners.items():
            learner = make(begin)
            kept = runs.finished(folder, name, seed, setting_of(setting, learner), begin.digest)
            if kept is not None:
                on_event(Event(name, seed, "kept", _outcome(kept)))
                done.append(kept)
                continue
            clock = time.monotonic()

            def on_part(week: int, part: str, name: str = name, seed: int = seed) -> None:
                on_event(Event(name, seed, "running", f"week {week} of {setting.weeks}: {part}"))

            finished = run(begin, learner, setting, on_part)
            runs.write(folder, finished)
            on_event(Event(name, seed, "finished", _outcome(finished), time.monotonic() - clock))
            done.append(finished)
    return done


def _outcome(done: Run) -> str:
    last = done.weeks[-1]
    return f"last week {last.expected_reward:+.4f} per newsletter, {last.gap_closed:.0%} of the gap"
