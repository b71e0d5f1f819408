"""The command line: every command in the order in which `--help` lists them.

Whatever is slow to import is imported inside the command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated

import typer

from pipelines.cli import arms as on_arms
from pipelines.cli import runtime_defaults
from pipelines.cli.cloud import compile_, deploy_function, schedule, submit
from pipelines.cli.console import console
from pipelines.cli.doctor import doctor
from pipelines.cli.evaluate import evaluate
from pipelines.cli.flags import Command, Group
from pipelines.cli.forget import forget
from pipelines.cli.init import init
from pipelines.cli.models import card, list_models, pin, rollback, show, unpin
from pipelines.cli.report import report
from pipelines.cli.runs import predict, serve, train, tune
from pipelines.cli.session import INTERRUPTED
from pipelines.cli.sign_off import approve, reject
from pipelines.cli.simulate import demo, simulate
from pipelines.cli.status import status
from pipelines.cli.tables import build_tables, ingest, schema


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"newsletter-bandit {metadata.version('newsletter-bandit')}")
        raise typer.Exit


app = typer.Typer(
    name="newsletter-bandit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(
    help="List the published models, read their cards, sign one off, roll back to an earlier, or pin one.",
    no_args_is_help=True,
)
app.add_typer(models, name="models")
arms = typer.Typer(cls=Group, invoke_without_command=True)
app.add_typer(arms, name="arms")


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """Contextual bandits that choose the recommender of each user's newsletter."""


app.command(cls=Command)(demo)
app.command(cls=Command)(simulate)
app.command(cls=Command)(init)
app.command(cls=Command)(ingest)
app.command("build-tables", cls=Command)(build_tables)
app.command(cls=Command)(schema)
app.command(cls=Command)(train)
app.command(cls=Command)(report)
app.command(cls=Command)(console)
app.command(cls=Command)(tune)
app.command(cls=Command)(predict)
app.command(cls=Command)(status)
app.command(cls=Command)(doctor)
app.command(cls=Command)(forget)
app.command("compile", cls=Command)(compile_)
app.command(cls=Command)(submit)
app.command(cls=Command)(schedule)
app.command(cls=Command)(serve)
app.command("deploy-function", cls=Command)(deploy_function)
app.command(cls=Command)(evaluate)
models.command("list", cls=Command)(list_models)
models.command(cls=Command)(show)
models.command(cls=Command)(card)
models.command(cls=Command)(approve)
models.command(cls=Command)(reject)
models.command(cls=Command)(rollback)
models.command(cls=Command)(pin)
models.command(cls=Command)(unpin)
arms.callback()(on_arms.look)
arms.command(cls=Command)(on_arms.add)
arms.command(cls=Command)(on_arms.retire)
arms.command(cls=Command)(on_arms.rename)


def main() -> None:
    """Runs the command line of this process and ends it."""
    try:
        runtime_defaults.apply()
        typer.main.get_command(app).main(prog_name="newsletter-bandit")
    except SystemExit as end:
        # Where no session is open yet, an interrupt is typer's to tell, which ends with 1.
        if isinstance(end.__context__, typer.Abort):
            sys.exit(INTERRUPTED)
        raise


if __name__ == "__main__":
    main()
