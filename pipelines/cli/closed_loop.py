"""The closed loop as a command: makes the missing runs, and prints and writes the results."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation.runs import Run
from newsletter_bandit.simulation.series import Event, run_series
from pipelines.cli import closed_loop_summary
from pipelines.cli.progress import StepProgress
from pipelines.cli.session import Session
from pipelines.closed_loop.planning import Plan, makers
from pipelines.events import StepEvent
from pipelines.workspace import Workspace


def run(session: Session, workspace: Workspace, made: Plan) -> list[Run]:
    """Makes the missing runs, prints tables and writes figures and picture; see `run_agents`."""
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
            makers(made),
            made.runs,
            made.fresh,
            lambda event: progress(step_event(event)),
            made.world,
        )


def report(
    out: Console, use_case: UseCase, made: Plan, done: Sequence[Run], peers: Sequence[str] = ()
) -> None:
    """Prints the tables, and writes JSON, CSV and picture to the plan's folder; `peers` are drawn apart."""
    words = use_case.words
    from newsletter_bandit.simulation import loop_plot, loop_report

    figures = loop_report.report(done)
    loop_report.write(made.folder, done)
    seeds = "1 seed" if len(made.seeds) == 1 else f"{len(made.seeds)} seeds"
    title = f"Closed loop: {use_case.name}, {made.setting.newsletters:,} {words.units} per week, {seeds}"
    loop_plot.draw(figures, made.folder / loop_plot.FILE, title, peers)
    for part in closed_loop_summary.tables(figures, words):
        out.print(part)
    names = (loop_report.JSON_FILE, loop_report.CSV_FILE, loop_plot.FILE)
    out.print(f"Figures and picture: {', '.join(names)} in {made.folder}", markup=False, soft_wrap=True)


def step_event(event: Event) -> StepEvent:
    """An event of a series as the progress on the terminal shows it."""
    name = f"{event.learner}, seed {event.seed}"
    if event.state == "running":
        return StepEvent(f"{name}, {event.text}", "running")
    # As wide as the longest name, so that the columns of the lines are aligned.
    return StepEvent(
        f"{name:<32}", "cached" if event.state == "kept" else "finished", event.seconds, event.text
    )
