"""Runs of the pipelines on this machine, with their progress and outcome on the terminal."""

from __future__ import annotations

import datetime as dt
from contextlib import AbstractContextManager
from typing import Literal

from rich.console import Console

from newsletter_bandit.settings.run_day import TrainingDays, require_not_ahead
from pipelines.cli import summary, warehouse
from pipelines.cli.progress import StepProgress
from pipelines.cli.warehouse import (
    arm_summary,
    outside,
    prediction_cost,
    require_credentials,
    require_newsletters,
    require_users,
    rows_fingerprint,
    training_cost,
    window_log,
)
from pipelines.local import reports
from pipelines.local import running as local
from pipelines.local.running import PredictionOutcome, TrainingOutcome
from pipelines.local.turn import turn
from pipelines.tuning import running as tuning
from pipelines.tuning.running import TuningOutcome
from pipelines.workspace import Workspace


def alone(
    out: Console, workspace: Workspace, kind: Literal["training", "prediction", "tuning"], wait: bool = False
) -> AbstractContextManager[None]:
    """Keeps other runs of the kind out of the work folder; see `pipelines.local.turn.turn`.

    Args:
      out: where to say that it waits.
      workspace: its work folder and use case.
      kind: of run.
      wait: whether to wait for another run's end; False refuses.
    """

    def say(words: str) -> None:
        out.print(f"  {words}", markup=False, soft_wrap=True)

    return turn(workspace.workdir, f"{workspace.use_case.name}-{kind}", say if wait else None)


def build_table(
    out: Console, workspace: Workspace, run_date: dt.date, table: Literal["training", "inference"]
) -> None:
    """Builds the table for the day, and prints the report; raises as
    `newsletter_bandit.warehouse.tables.build.build` does.
    """
    plan = warehouse.plan(workspace, run_date, None, None, None).only(table)
    out.print(str(warehouse.build_tables(workspace, plan)), markup=False, soft_wrap=True)


def train(
    out: Console, workspace: Workspace, run_date: dt.date, again: bool = False
) -> TrainingOutcome | None:
    """Trains, and prints window, arms, steps, policy values, checks and verdict; raises as `local.train`
    does.

    A training that would only repeat an earlier one is left out with a sentence, unless ``again``; then the
    outcome is None.
    """
    from newsletter_bandit.registry import Registry
    from newsletter_bandit.warehouse.margins import require_margins

    require_not_ahead(workspace.use_case, run_date)
    days, words = TrainingDays.of(workspace.use_case, run_date), workspace.use_case.words
    out.print(f"  Window: {summary.window_line(days.window)}, run date {run_date}")
    require_newsletters(workspace, days)
    reads = training_cost(workspace, days.window)
    _print_cost(out, reads)
    if workspace.use_case.ingest.estimated_by:
        out.print(summary.estimated_by(workspace.use_case.ingest.estimated_by))
    arms = arm_summary(workspace, days.window)
    out.print(summary.arms(arms, workspace.use_case.reward, words))
    left_out = outside(workspace, days.window)
    if left_out is not None and (left_out.before or left_out.after):
        out.print(summary.outside(left_out, arms, words))
    require_margins(workspace.use_case, arms)
    rows = rows_fingerprint(workspace, days.window)
    earlier = None if again else local.judged_before(workspace, days, rows)
    if earlier is not None:
        out.print(summary.judged_before(earlier), soft_wrap=True)
        page = reports.of_window(workspace, days.window)
        if page is not None:
            out.print(summary.report(page), markup=False, soft_wrap=True)
        return None
    log = window_log(workspace, days.window, arms)
    registry = Registry(workspace.environment.registry, workspace.use_case.name)
    pointer = registry.pointer()
    if pointer is not None and pointer.pinned:
        out.print(summary.pinned(pointer.version))
    with StepProgress(out) as progress:
        outcome = local.train(workspace, days, progress, reads, rows, log)
    out.print()
    out.print(summary.policy_values(outcome, words))
    out.print(summary.terms(outcome, workspace.use_case))
    out.print(summary.checks(outcome.verdict))
    if outcome.metrics.constraints is not None:
        out.print(summary.constraints(outcome, words), soft_wrap=True)
    out.print(summary.hyperparameters(outcome.tuned), soft_wrap=True)
    out.print(summary.drift(outcome.drift), soft_wrap=True)
    if outcome.refit is not None:
        out.print(summary.refit(outcome.refit), soft_wrap=True)
    out.print(summary.verdict(outcome, registry.current(), words))
    out.print(summary.report(outcome.report), markup=False, soft_wrap=True)
    return outcome


def tune(
    out: Console, workspace: Workspace, run_date: dt.date, trials: int | None, take_best: bool = False
) -> TuningOutcome:
    """Searches, and prints window, trials, winner and gain; raises as `local.tune` does."""
    from pipelines.tuning.space import check_ranges

    # The settings are looked at before the data.
    check_ranges(workspace.use_case, str(workspace.use_case_path))
    require_not_ahead(workspace.use_case, run_date)
    days = TrainingDays.of(workspace.use_case, run_date)
    out.print(f"  Window: {summary.window_line(days.window)}, run date {run_date}")
    require_newsletters(workspace, days)
    _print_cost(out, training_cost(workspace, days.window))
    if workspace.use_case.ingest.estimated_by:
        out.print(summary.estimated_by(workspace.use_case.ingest.estimated_by))
    with StepProgress(out) as progress:
        outcome = tuning.tune(workspace, days, trials, progress, take_best)
    out.print()
    out.print(summary.trials(outcome, workspace.use_case.words))
    out.print(summary.tuned(outcome), soft_wrap=True)
    return outcome


def predict(out: Console, workspace: Workspace, run_date: dt.date, force: bool = False) -> PredictionOutcome:
    """Predicts for every user and prints what was stored; raises as `local.predict` does."""
    from newsletter_bandit.ranking_store import require_newest
    from newsletter_bandit.registry import Registry

    require_not_ahead(workspace.use_case, run_date)
    require_credentials(workspace)
    if not force:
        require_newest(workspace.environment.store, run_date)
    snapshot = require_users(workspace, run_date)
    if snapshot is not None:
        out.print(summary.users_line(snapshot, run_date, workspace.use_case.words))
    # What a person can mend is said before TensorFlow is loaded, and once.
    Registry(workspace.environment.registry, workspace.use_case.name).require_current()
    reads = prediction_cost(workspace, run_date)
    if snapshot is None:
        out.print(summary.users_line(snapshot, run_date, workspace.use_case.words))
    _print_cost(out, reads)
    with StepProgress(out) as progress:
        outcome = local.predict(workspace, run_date, progress, reads, force)
    out.print(summary.prediction(outcome, workspace.use_case.words))
    out.print(summary.report(outcome.report), markup=False, soft_wrap=True)
    return outcome


def _print_cost(out: Console, cost: str | None) -> None:
    if cost is not None:
        out.print(f"  {cost}", markup=False, soft_wrap=True)
