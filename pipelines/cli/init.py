"""The command `init`: from somebody's own log to the files of a use case."""

from __future__ import annotations

import math
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.settings.run_day import run_day
from pipelines.cli.init_options import InitOptions, answers_of, style_of
from pipelines.cli.options import WORKDIR
from pipelines.cli.session import Session
from pipelines.cli.signature import taking

if TYPE_CHECKING:
    from rich.console import Console

    from newsletter_bandit.first_use.answers import Answers
    from newsletter_bandit.first_use.log import Log, Style
    from newsletter_bandit.first_use.proposal import Proposal
    from newsletter_bandit.settings.use_case import UseCase
    from newsletter_bandit.warehouse.trial import Trial

# Share of unusable rows that `--yes` leaves out without a question.
MOST_REFUSED = 0.05


@taking(InitOptions)
def init(options: InitOptions) -> None:
    """Make a use case of your own log: proposes what each column is, asks, and writes the files.

    Nothing is loaded or learnt yet; the commands to go on with are printed.
    """
    with Session("init", options.workdir) as session:
        if not options.yes and not sys.stdin.isatty():
            raise SettingsError(
                "init: no terminal is there to ask; use --yes, and options for what cannot be proposed. "
                "Nothing was written."
            )
        make(session.out, options)


def make(out: Console, options: InitOptions) -> Path:
    """Reads the files, proposes, asks unless `yes`, and writes; prints what it finds.

    Args:
      out: where to print.
      options: files, answers, and where the use case goes.

    Returns:
      The use case's settings file.

    Raises:
      SettingsError: an answer is missing or not allowed, or a file is in the way.
      DataError: the files cannot be used.
    """
    style = style_of(options)
    with ExitStack() as stack:
        log = _read(out, stack, options, style)
        if log.in_doubt and not options.yes:
            from pipelines.cli import init_questions

            style = replace(style, month_first=init_questions.month_first(out, log))
            log = _read(out, stack, options, style)
        return _run(out, log, options)


def _read(out: Console, stack: ExitStack, options: InitOptions, style: Style) -> Log:
    from newsletter_bandit.first_use.log import reading
    from pipelines.cli.progress import StepProgress

    with StepProgress(out, "Reading the files"):
        return stack.enter_context(reading(options.files, style))


def _run(out: Console, log: Log, options: InitOptions) -> Path:
    from newsletter_bandit.first_use.proposal import propose
    from pipelines.cli import init_questions, init_report
    from pipelines.cli.init_choice import UnknownChoiceError

    answers = answers_of(options)
    try:
        if options.unknown_choice:
            raise UnknownChoiceError(answers)
        if not options.yes:
            answers = init_questions.complete(
                out, log, answers, None if options.overwrite else options.folder
            )
    except UnknownChoiceError as unknown:
        raise SettingsError(_unknown(log, unknown.answers)) from None
    proposal = propose(log, answers, run_day())
    if options.yes:
        init_report.show_log(out, log, proposal.roles)
        init_report.show_arms(out, proposal.arms)
        init_report.show_features(out, proposal.features, proposal.left_out)
    out.print()
    init_report.show_proposal(out, log, proposal)
    return _write(out, log, proposal, options)


def _unknown(log: Log, answers: Answers) -> str:
    from newsletter_bandit.first_use.features import choose_features
    from newsletter_bandit.first_use.proposal import outcome
    from newsletter_bandit.first_use.roles import propose_roles, require_roles
    from newsletter_bandit.first_use.unknown_choice import unknown

    roles = propose_roles(log, answers.roles)
    require_roles(log, roles, answers.roles)
    clicked = outcome(log, roles, answers, "clicked")
    features, _ = choose_features(log, roles, answers.sent_on, clicked, ())
    return unknown(log, roles["recommender"], roles["clicked"], [each.column for each in features])


def _write(out: Console, log: Log, proposal: Proposal, options: InitOptions) -> Path:
    from components.example_validator.implied_schema import schema_text
    from newsletter_bandit.first_use.settings_file import KEYS
    from newsletter_bandit.first_use.writing import write_all
    from newsletter_bandit.settings import json_schema
    from newsletter_bandit.settings.use_case import UseCase
    from pipelines.cli import init_report

    path = options.folder / f"{proposal.name}.yaml"
    text, use_case, trials = _tried(out, log, proposal, path, options)
    schema = options.folder / "schemas" / f"{proposal.name}.pbtxt"
    # The use case last: without it, no command takes the schema for one that somebody reviewed.
    write_all({schema: schema_text(use_case), path: text}, options.overwrite)
    # By these an editor completes and checks the use case. Those of an earlier version give way.
    keys = options.folder / KEYS
    write_all({keys: json_schema.text(UseCase)}, overwrite=True)
    init_report.show_trial(out, *trials)
    init_report.show_next(
        out,
        log,
        proposal,
        [path, schema, keys],
        options.workdir if options.workdir != WORKDIR else None,
    )
    return path


def _advice(training: Trial) -> str:
    if not any("a second row of the same" in refusal.reason for refusal in training.refusals):
        return ""
    return (
        "A row is one newsletter: if a user gets several at one time, name the column of the mailing with "
        "`campaign`. "
    )


def _tried(
    out: Console, log: Log, proposal: Proposal, path: Path, options: InitOptions
) -> tuple[str, UseCase, tuple[Trial, Trial]]:
    """The use case's text, the use case, and what `ingest` will do with the files.

    Raises:
      DataError: too many rows could not be loaded.
    """
    from newsletter_bandit.first_use.settings_file import use_case_text
    from newsletter_bandit.settings.mapping import Ingest
    from newsletter_bandit.settings.reading import parse_use_case
    from newsletter_bandit.warehouse.trial import try_out
    from pipelines.cli.init_asking import agreed

    allowed = (
        Ingest().max_rejected_share if options.max_rejected_share is None else options.max_rejected_share
    )
    text = use_case_text(log, proposal, allowed)
    use_case = parse_use_case(text, path)
    training, inference = (try_out(use_case, table, log.files) for table in ("training", "inference"))
    share = max(training.refused, inference.refused) / training.read
    if share <= allowed and training.good:
        return text, use_case, (training, inference)
    reasons = "".join(f"\n  {refusal}" for refusal in training.refusals or inference.refusals)
    problem = f"{share:.1%} of the rows cannot be used"
    most = MOST_REFUSED if options.max_rejected_share is None else options.max_rejected_share
    if not training.good or options.max_rejected_share is not None or (options.yes and share > most):
        raise DataError(
            f"{log.files[0]}: {problem}; allowed: up to {most:.1%}{reasons}\nNothing was written. "
            f"{_advice(training)}Such rows are seldom a "
            "random part of the data; mend them, or raise `max_rejected_share`"
        )
    if not options.yes:
        out.print(f"{problem}{reasons}", style="yellow", markup=False)
        if not agreed(out, "Such rows are seldom a random part of the log. Leave them out?"):
            raise DataError("nothing was written")
    text = use_case_text(log, proposal, math.ceil(share * 1000.0) / 1000.0)
    return text, parse_use_case(text, path), (training, inference)
